"""Small panels side by side: as many to a row as the screen has room for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.plots.base import build_layout
from revin_forecast.report.wording import format_label

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
        across: the horizontal axis.
        up: the vertical axis.
        sizes: of the panels.
    """
    columns, length = min(sizes.max_columns, len(titles)), sizes.min_width // 7 + 2
    notes = [_annotation(format_label(title, length), {"size": 12, "weight": 600}) for title in titles]
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
        layout[f"xaxis{_axis_suffix(i)}"] = _without_title(x_axis) | {"anchor": f"y{_axis_suffix(i)}"}
        layout[f"yaxis{_axis_suffix(i)}"] = _without_title(y_axis) | {"anchor": f"x{_axis_suffix(i)}"} | matches
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
        moves[f"yaxis{_axis_suffix(i)}.domain"] = [round(max(top - height / inner, 0), 5), round(top, 5)]
        moves[f"yaxis{_axis_suffix(i)}.showticklabels"] = column == 0 or not shared
        moves[f"annotations[{i}].x"] = round(start, 5)
        moves[f"annotations[{i}].y"] = round(top, 5)
    return moves
