"""Ticks of logarithmic and square-root axes, few enough to be read in a small panel."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from revin_forecast.report.wording import format_tick

MAX_DECADES = 3
"""An axis spans no more: one model gone astray must not flatten the others."""


def log_axis(values: Iterable[float], max_ticks: int = 6) -> dict[str, Any]:
    """Return type, range and ticks of a logarithmic axis around positive values.

    Args:
        values: what is drawn; others than positive finite ones are left out.
        most: ticks at most.
    """
    kept = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    low, high = min(kept), max(kept)
    high = min(high, low * 10**MAX_DECADES)
    pad = max(0.06 * math.log10(high / low), 0.02)
    start, end = math.log10(low) - pad, math.log10(high) + pad
    ticks = _log_ticks(start, end, max_ticks)
    return {
        "type": "log",
        "range": [round(start, 4), round(end, 4)],
        "tickvals": ticks,
        "ticktext": [format_tick(value) for value in ticks],
    }


def _log_ticks(start: float, end: float, max_ticks: int) -> list[float]:
    decades = range(math.floor(start), math.ceil(end) + 1)
    for choice in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in choice]
        ticks = [tick for tick in ticks if start <= math.log10(tick) <= end]
        if len(ticks) <= max_ticks:
            break
    return ticks if len(ticks) >= 3 else _even_ticks(10**start, 10**end, max_ticks)


def _even_ticks(low: float, high: float, max_ticks: int) -> list[float]:
    """Return multiples of a round step: on a short logarithmic axis they stand nearly evenly."""
    size = 10.0 ** math.floor(math.log10((high - low) / max_ticks))
    step = next(
        size * part for part in (1, 2, 2.5, 5, 10, 20) if (high - low) / (size * part) <= max_ticks
    )
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{step * number:.6g}") for number in range(first, last + 1)]


def signed_root(values: Any) -> Any:
    """Return sign(x) sqrt(|x|): small values near 0 stay apart, large ones stay on the page."""
    return np.sign(values) * np.sqrt(np.abs(values))


def root_axis(values: Iterable[float], ticks: Sequence[float] = ()) -> dict[str, Any]:
    """Return range and ticks of an axis whose values went through `signed_root`.

    Args:
        values: in their own unit, before the root.
        ticks: wanted, as far as they lie inside; none: they are chosen.
    """
    kept = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(*kept, 0.0), max(*kept, 0.0)
    reach = max(-low, high, 1e-6)
    unit = 10 ** math.floor(math.log10(reach))
    unit = max(step * unit for step in (0.5, 1, 2, 5) if step * unit <= reach)
    steps = (-1, -0.25, -0.05, 0, 0.05, 0.25, 1)
    ticks = ticks or [float(f"{unit * step:.2g}") for step in steps]
    ticks = [value for value in ticks if low <= value <= high]
    pad = 0.06 * signed_root(reach)
    return {
        "range": [
            round(float(signed_root(low) - pad), 5),
            round(float(signed_root(high) + pad), 5),
        ],
        "tickvals": [round(float(signed_root(tick)), 6) for tick in ticks],
        "ticktext": [format_tick(value) for value in ticks],
    }
