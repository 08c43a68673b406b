"""Small panels side by side: as many to a row as the screen has room for."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.plots.base import build_layout
from revin_forecast.reports.formatting import format_label, format_tick

MARGIN_TOP, MARGIN_BOTTOM, PANEL_GAP, MARGIN_RIGHT = 28, 48, 50, 12
"""Pixels above, below, between (ticks and the next title) and to the right of the panels."""


Axis = Mapping[str, Any]
"""A horizontal or vertical axis of all panels: its title, and what else plotly lets it have."""


@dataclass(frozen=True)
class PanelSizes:
    """How many panels stand side by side, and how large they are, in pixels."""

    max_columns: int = 4
    """At most."""
    height: int = 150
    margin_left: int = 58
    """For tick labels and the vertical title."""
    min_width: int = 150
    """A panel's least width; its title has room in it."""
    shared_yaxes: bool = True
    """All panels have one vertical axis, labelled at the left only."""


def make_panels(titles: Sequence[str], x_axis: Axis, y_axis: Axis, sizes: PanelSizes) -> Figure:
    """Return a figure of empty panels, in one row or several.

    The figure stands in as many columns as it may; `layout.meta["grids"]` says how to move its
    parts for any smaller number, so that the page can follow the width of the screen.

    Args:
        titles: one a panel, not escaped.
        x_axis: the horizontal axis.
        y_axis: the vertical axis.
        sizes: of the panels.
    """
    columns, length = min(sizes.max_columns, len(titles)), sizes.min_width // 7 + 2
    notes = [
        _annotation(format_label(title, length), {"size": 12, "weight": 600}) for title in titles
    ]
    bottom = {"x": 0.5, "y": 0, "xanchor": "center", "yanchor": "top", "yshift": -24}
    side = {"x": 0, "y": 0.5, "xanchor": "center", "yanchor": "middle", "textangle": -90}
    notes.append(_annotation(x_axis["title"]) | bottom)
    notes.append(_annotation(y_axis["title"]) | side | {"xshift": 12 - sizes.margin_left})
    margin = {"l": sizes.margin_left, "r": MARGIN_RIGHT, "t": MARGIN_TOP, "b": MARGIN_BOTTOM}
    grids = {str(n): _panel_positions(len(titles), n, sizes) for n in range(1, columns + 1)}
    layout = build_layout(sizes.height, margin)
    layout |= {"annotations": notes, "meta": {"grids": grids, "narrowest": sizes.min_width}}
    for i in range(len(titles)):
        matches = {"matches": "y"} if sizes.shared_yaxes and i else {}
        layout[f"xaxis{_axis_suffix(i)}"] = _without_title(x_axis) | {
            "anchor": f"y{_axis_suffix(i)}"
        }
        layout[f"yaxis{_axis_suffix(i)}"] = (
            _without_title(y_axis) | {"anchor": f"x{_axis_suffix(i)}"} | matches
        )
    for place, value in grids[str(columns)].items():
        _set_nested(layout, place, value)
    return Figure(layout=layout)


def _without_title(axis: Axis) -> dict[str, Any]:
    return {key: value for key, value in axis.items() if key != "title"}


def _set_nested(layout: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a place as a grid writes it: `xaxis2.domain`, `annotations[3].x`, `height`."""
    *steps, last = re.split(r"[.\[\]]+", path)
    part: Any = layout
    for step in steps:
        part = part[int(step) if step.isdigit() else step]
    part[last] = value


def axis_names(panel: int) -> dict[str, str]:
    """Return the names of panel i's axes, as a trace wants them."""
    return {"xaxis": f"x{_axis_suffix(panel)}", "yaxis": f"y{_axis_suffix(panel)}"}


def _axis_suffix(panel: int) -> str:
    return str(panel + 1) if panel else ""


def _annotation(text: str, font: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "text": text,
        "font": dict(font or {"size": 12}),
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
    }


def _panel_positions(count: int, columns: int, sizes: PanelSizes) -> dict[str, Any]:
    rows, height, shared = -(-count // columns), sizes.height, sizes.shared_yaxes
    inner = rows * height + (rows - 1) * PANEL_GAP
    # Fractions of a width that is not known yet: panels are about 190 pixels wide.
    between = (14 if shared else sizes.margin_left - 12) / (190 * columns) if columns > 1 else 0.0
    width = (1 - between * (columns - 1)) / columns
    moves: dict[str, Any] = {"height": inner + MARGIN_TOP + MARGIN_BOTTOM}
    for i in range(count):
        row, column = divmod(i, columns)
        start, top = column * (width + between), 1 - row * (height + PANEL_GAP) / inner
        moves[f"xaxis{_axis_suffix(i)}.domain"] = [round(start, 5), round(min(start + width, 1), 5)]
        moves[f"yaxis{_axis_suffix(i)}.domain"] = [
            round(max(top - height / inner, 0), 5),
            round(top, 5),
        ]
        moves[f"yaxis{_axis_suffix(i)}.showticklabels"] = column == 0 or not shared
        moves[f"annotations[{i}].x"] = round(start, 5)
        moves[f"annotations[{i}].y"] = round(top, 5)
    return moves


MAX_DECADES = 3
"""An axis spans no more: one model gone astray must not flatten the others."""


def log_axis(values: Iterable[float], max_ticks: int = 6) -> dict[str, Any]:
    """Return type, range and ticks of a logarithmic axis around positive values.

    Args:
        values: what is drawn; others than positive finite ones are left out.
        max_ticks: ticks at most.
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
