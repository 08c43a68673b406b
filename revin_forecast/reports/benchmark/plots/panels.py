"""Grids of small panels whose number of columns follows the screen width, and their axes."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.plots.plot import build_layout
from revin_forecast.reports.formatting import format_label, format_tick

MARGIN_TOP, MARGIN_BOTTOM, PANEL_GAP, MARGIN_RIGHT = 28, 48, 50, 12
"""Pixels above, below, between (for ticks and the next title) and right of the panels."""
MAX_DECADES = 3
"""Decades that an axis may span: one diverged model must not flatten the others."""

Axis = Mapping[str, Any]
"""A horizontal or vertical axis of all panels: its title and further plotly attributes."""


@dataclass(frozen=True)
class PanelSizes:
    """Number of columns, and sizes of the panels in pixels."""

    max_columns: int = 4
    """Largest number of panels in a row."""
    height: int = 150
    """Height of a panel."""
    margin_left: int = 58
    """Space for tick labels and the vertical title."""
    min_width: int = 150
    """Smallest width of a panel, which also limits the length of its title."""
    shared_yaxes: bool = True
    """Whether all panels share a vertical axis, labelled at the left only."""


def make_panels(titles: Sequence[str], x_axis: Axis, y_axis: Axis, sizes: PanelSizes) -> Figure:
    """Return a figure of empty panels, in one row or several.

    The figure has the largest allowed number of columns. `layout.meta["grids"]` holds the positions
    for every smaller number, so that page.js can follow the width of the screen.

    Args:
        titles: title of each panel, not escaped.
        x_axis: horizontal axis of the panels.
        y_axis: vertical axis of the panels.
        sizes: sizes of the panels.
    """
    columns = min(sizes.max_columns, len(titles))
    max_length = sizes.min_width // 7 + 2  # a letter of the titles is about 7 pixels wide
    annotations = [
        _annotation(format_label(title, max_length), {"size": 12, "weight": 600})
        for title in titles
    ]
    bottom = {"x": 0.5, "y": 0, "xanchor": "center", "yanchor": "top", "yshift": -24}
    side = {"x": 0, "y": 0.5, "xanchor": "center", "yanchor": "middle", "textangle": -90}
    annotations.append(_annotation(x_axis["title"]) | bottom)
    annotations.append(_annotation(y_axis["title"]) | side | {"xshift": 12 - sizes.margin_left})
    margin = {"l": sizes.margin_left, "r": MARGIN_RIGHT, "t": MARGIN_TOP, "b": MARGIN_BOTTOM}
    grids = {str(n): _panel_positions(len(titles), n, sizes) for n in range(1, columns + 1)}
    layout = build_layout(sizes.height, margin)
    layout |= {"annotations": annotations, "meta": {"grids": grids, "narrowest": sizes.min_width}}
    for i in range(len(titles)):
        # All shared axes match the first one, so that panels can be compared.
        matches = {"matches": "y"} if sizes.shared_yaxes and i else {}
        layout[f"xaxis{_axis_suffix(i)}"] = _without_title(x_axis) | {
            "anchor": f"y{_axis_suffix(i)}"
        }
        layout[f"yaxis{_axis_suffix(i)}"] = (
            _without_title(y_axis) | {"anchor": f"x{_axis_suffix(i)}"} | matches
        )
    for path, value in grids[str(columns)].items():
        _set_nested(layout, path, value)
    return Figure(layout=layout)


def _without_title(axis: Axis) -> dict[str, Any]:
    return {key: value for key, value in axis.items() if key != "title"}


def _set_nested(layout: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at the path of a grid: `xaxis2.domain`, `annotations[3].x` or `height`."""
    *steps, last = re.split(r"[.\[\]]+", path)
    part: Any = layout
    for step in steps:
        part = part[int(step) if step.isdigit() else step]
    part[last] = value


def axis_names(panel: int) -> dict[str, str]:
    """Return the axes of a panel as attributes of a trace."""
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
    """Return the values of the layout, by path, that put panels into a number of columns."""
    rows, height, shared = -(-count // columns), sizes.height, sizes.shared_yaxes
    grid_height = rows * height + (rows - 1) * PANEL_GAP
    # The gap is a fraction of a width known only on screen; panels are about 190 pixels wide.
    gap = (14 if shared else sizes.margin_left - 12) / (190 * columns) if columns > 1 else 0.0
    width = (1 - gap * (columns - 1)) / columns
    values: dict[str, Any] = {"height": grid_height + MARGIN_TOP + MARGIN_BOTTOM}
    for i in range(count):
        row, column = divmod(i, columns)
        start, top = column * (width + gap), 1 - row * (height + PANEL_GAP) / grid_height
        values[f"xaxis{_axis_suffix(i)}.domain"] = [
            round(start, 5),
            round(min(start + width, 1), 5),
        ]
        values[f"yaxis{_axis_suffix(i)}.domain"] = [
            round(max(top - height / grid_height, 0), 5),
            round(top, 5),
        ]
        values[f"yaxis{_axis_suffix(i)}.showticklabels"] = column == 0 or not shared
        values[f"annotations[{i}].x"] = round(start, 5)
        values[f"annotations[{i}].y"] = round(top, 5)
    return values


def log_axis(values: Iterable[float], max_ticks: int = 6) -> dict[str, Any]:
    """Return type, range and ticks of a logarithmic axis around positive values.

    Args:
        values: values to draw; those that are not positive and finite are ignored.
        max_ticks: largest number of ticks.
    """
    positive = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    low, high = min(positive), max(positive)
    high = min(high, low * 10**MAX_DECADES)  # the low end has the better models
    margin = max(0.06 * math.log10(high / low), 0.02)
    start, end = math.log10(low) - margin, math.log10(high) + margin
    ticks = _log_ticks(start, end, max_ticks)
    return {
        "type": "log",
        "range": [round(start, 4), round(end, 4)],
        "tickvals": ticks,
        "ticktext": [format_tick(value) for value in ticks],
    }


def _log_ticks(start: float, end: float, max_ticks: int) -> list[float]:
    decades = range(math.floor(start), math.ceil(end) + 1)
    # From dense to sparse: the first set of steps that yields few enough ticks is used.
    for steps in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        ticks = [tick for tick in ticks if start <= math.log10(tick) <= end]
        if len(ticks) <= max_ticks:
            break
    # A range within a decade may contain too few of these steps.
    return ticks if len(ticks) >= 3 else _even_ticks(10**start, 10**end, max_ticks)


def _even_ticks(low: float, high: float, max_ticks: int) -> list[float]:
    """Return multiples of a round step, nearly evenly spaced on a short logarithmic axis."""
    size = 10.0 ** math.floor(math.log10((high - low) / max_ticks))
    step = next(
        size * part for part in (1, 2, 2.5, 5, 10, 20) if (high - low) / (size * part) <= max_ticks
    )
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{step * number:.6g}") for number in range(first, last + 1)]


def signed_root(values: Any) -> Any:
    """Return sign(x) sqrt(|x|), which separates small values near 0 and compresses large ones."""
    return np.sign(values) * np.sqrt(np.abs(values))


def root_axis(values: Iterable[float], ticks: Sequence[float] = ()) -> dict[str, Any]:
    """Return range and ticks of an axis for values transformed by `signed_root`.

    Args:
        values: values to draw, untransformed.
        ticks: untransformed ticks, used if inside the range; empty: they are chosen.
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(*finite, 0.0), max(*finite, 0.0)
    largest = max(-low, high, 1e-6)
    unit = 10 ** math.floor(math.log10(largest))
    unit = max(step * unit for step in (0.5, 1, 2, 5) if step * unit <= largest)
    # Their roots are 1, 0.5, 0.22 and 0.
    steps = (-1, -0.25, -0.05, 0, 0.05, 0.25, 1)
    ticks = ticks or [float(f"{unit * step:.2g}") for step in steps]
    ticks = [value for value in ticks if low <= value <= high]
    margin = 0.06 * signed_root(largest)
    return {
        "range": [
            round(float(signed_root(low) - margin), 5),
            round(float(signed_root(high) + margin), 5),
        ],
        "tickvals": [round(float(signed_root(tick)), 6) for tick in ticks],
        "ticktext": [format_tick(value) for value in ticks],
    }
