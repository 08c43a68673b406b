"""Small panels side by side: as many to a row as the screen has room for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.plots.base import plain_layout
from revin_forecast.report.wording import label

TOP, BOTTOM, BETWEEN, RIGHT = 28, 48, 50, 12
"""Pixels above, below, between (ticks and the next title) and to the right of the panels."""


Axis = Mapping[str, Any]
"""A horizontal or vertical axis of all panels: its title, and what else plotly lets it have."""


@dataclass(frozen=True)
class Sizes:
    """How many panels stand side by side, and how large they are, in pixels."""

    columns: int = 4
    """At most."""
    height: int = 150
    left: int = 58
    """For tick labels and the vertical title."""
    narrowest: int = 150
    """A panel's least width; its title has room in it."""
    shared: bool = True
    """All panels have one vertical axis, labelled at the left only."""


def panels(titles: Sequence[str], across: Axis, up: Axis, sizes: Sizes) -> Figure:
    """Return a figure of empty panels, in one row or several.

    The figure stands in as many columns as it may; `layout.meta["grids"]` says how to move its
    parts for any smaller number, so that the page can follow the width of the screen.

    Args:
        titles: one a panel, not escaped.
        across: the horizontal axis.
        up: the vertical axis.
        sizes: of the panels.
    """
    columns, length = min(sizes.columns, len(titles)), sizes.narrowest // 7 + 2
    notes = [_note(label(title, length), {"size": 12, "weight": 600}) for title in titles]
    bottom = {"x": 0.5, "y": 0, "xanchor": "center", "yanchor": "top", "yshift": -24}
    side = {"x": 0, "y": 0.5, "xanchor": "center", "yanchor": "middle", "textangle": -90}
    notes.append(_note(across["title"]) | bottom)
    notes.append(_note(up["title"]) | side | {"xshift": 12 - sizes.left})
    margin = {"l": sizes.left, "r": RIGHT, "t": TOP, "b": BOTTOM}
    grids = {str(n): _arranged(len(titles), n, sizes) for n in range(1, columns + 1)}
    layout = plain_layout(sizes.height, margin)
    layout |= {"annotations": notes, "meta": {"grids": grids, "narrowest": sizes.narrowest}}
    for i in range(len(titles)):
        matches = {"matches": "y"} if sizes.shared and i else {}
        layout[f"xaxis{_nth(i)}"] = _bare(across) | {"anchor": f"y{_nth(i)}"}
        layout[f"yaxis{_nth(i)}"] = _bare(up) | {"anchor": f"x{_nth(i)}"} | matches
    for place, value in grids[str(columns)].items():
        _set(layout, place, value)
    return Figure(layout=layout)


def _bare(axis: Axis) -> dict[str, Any]:
    return {key: value for key, value in axis.items() if key != "title"}


def _set(layout: dict[str, Any], place: str, value: Any) -> None:
    """Set a value at a place as a grid writes it: `xaxis2.domain`, `annotations[3].x`, `height`."""
    *steps, last = re.split(r"[.\[\]]+", place)
    part: Any = layout
    for step in steps:
        part = part[int(step) if step.isdigit() else step]
    part[last] = value


def axes(i: int) -> dict[str, str]:
    """Return the names of panel i's axes, as a trace wants them."""
    return {"xaxis": f"x{_nth(i)}", "yaxis": f"y{_nth(i)}"}


def _nth(i: int) -> str:
    return str(i + 1) if i else ""


def _note(text: str, font: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "text": text,
        "font": dict(font or {"size": 12}),
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
    }


def _arranged(count: int, columns: int, sizes: Sizes) -> dict[str, Any]:
    rows, height, shared = -(-count // columns), sizes.height, sizes.shared
    inner = rows * height + (rows - 1) * BETWEEN
    # Fractions of a width that is not known yet: panels are about 190 pixels wide.
    between = (14 if shared else sizes.left - 12) / (190 * columns) if columns > 1 else 0.0
    width = (1 - between * (columns - 1)) / columns
    moves: dict[str, Any] = {"height": inner + TOP + BOTTOM}
    for i in range(count):
        row, column = divmod(i, columns)
        start, top = column * (width + between), 1 - row * (height + BETWEEN) / inner
        moves[f"xaxis{_nth(i)}.domain"] = [round(start, 5), round(min(start + width, 1), 5)]
        moves[f"yaxis{_nth(i)}.domain"] = [round(max(top - height / inner, 0), 5), round(top, 5)]
        moves[f"yaxis{_nth(i)}.showticklabels"] = column == 0 or not shared
        moves[f"annotations[{i}].x"] = round(start, 5)
        moves[f"annotations[{i}].y"] = round(top, 5)
    return moves
