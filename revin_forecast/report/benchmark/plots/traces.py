"""The two things drawn again and again: a line with a band, a point with an interval."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from revin_forecast.report.benchmark.looks import Look
from revin_forecast.report.benchmark.plots.base import rounded
from revin_forecast.report.benchmark.plots.grid import axes
from revin_forecast.report.benchmark.reading import Column
from revin_forecast.report.wording import label

Point = tuple[float, float, float, float]
"""Of a line: where it stands, its error, and the ends of the error's interval, NaN without one."""


def line(points: Sequence[Point], name: str, look: Look, panel: int) -> list[dict[str, Any]]:
    """Return the traces of a line with its band, if there is one.

    Args:
        points: in the order of the line.
        name: of the line, not escaped.
        look: of the line.
        panel: number of the panel, from 0.
    """
    common = {"type": "scatter", "meta": [name], "name": label(name), **axes(panel)}
    drawn = []
    if band := _outline(points):
        drawn.append(
            {
                **common,
                "x": [place and rounded([place[0]])[0] for place in band],
                "y": [place and rounded([place[1]])[0] for place in band],
                "mode": "lines",
                "line": {"width": 0},
                "fill": "toself",
                "fillcolor": look.faded(),
                "hoverinfo": "skip",
            }
        )
    drawn.append(
        {
            **common,
            "x": rounded(point[0] for point in points),
            "y": rounded(point[1] for point in points),
            "mode": "lines+markers",
            "line": {"color": look.colour, "dash": look.dash, "width": 1.8},
            "marker": {"color": look.colour, "symbol": look.symbol, "size": 6},
            "hovertemplate": "%{x}: %{y:.3g}",
        }
    )
    return drawn


def _outline(points: Sequence[Point]) -> list[tuple[float, float] | None]:
    """Return the way around the band, None between parts: there is none over a missing interval."""
    outline: list[tuple[float, float] | None] = []
    for inside, group in groupby(points, key=lambda point: point[2] < point[3]):
        part = list(group)
        if inside and len(part) > 1:
            upper = [(x, high) for x, _, _, high in part]
            lower = [(x, low) for x, _, low, _ in reversed(part)]
            outline += [*([None] if outline else []), *upper, *lower]
    return outline


def guide(x: Sequence[float], y: Sequence[float], panel: int) -> dict[str, Any]:
    """Return a line to compare with."""
    return {
        "type": "scatter",
        "x": list(x),
        "y": list(y),
        "mode": "lines",
        "line": {"color": "#666", "width": 1.2, "dash": "dot"},
        "hoverinfo": "skip",
        **axes(panel),
    }


def spread(values: Column, low: Column, high: Column, colour: str) -> dict[str, Any]:
    """Return the error bars of points from the two ends of their intervals."""
    return {
        "type": "data",
        "symmetric": False,
        "array": rounded((high - values).clip(lower=0).fillna(0)),
        "arrayminus": rounded((values - low).clip(lower=0).fillna(0)),
        "thickness": 1.2,
        "width": 3,
        "color": colour,
    }
