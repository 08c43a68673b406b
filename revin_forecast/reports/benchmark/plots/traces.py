"""Traces that several plots share: lines with bands, reference lines and error bars."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from revin_forecast.reports.benchmark.input_tables import Column
from revin_forecast.reports.benchmark.plots.panels import axis_names
from revin_forecast.reports.benchmark.plots.plot import round_values
from revin_forecast.reports.benchmark.style import Style
from revin_forecast.reports.formatting import format_label

Point = tuple[float, float, float, float]
"""Position along a line, error, and bounds of the error's interval; NaN without an interval."""


def line_with_band(
    points: Sequence[Point], name: str, style: Style, panel: int
) -> list[dict[str, Any]]:
    """Return the traces of a line and, if it has intervals, of its band.

    Args:
        points: points in the order of the line.
        name: name of the line, not escaped.
        style: style of the line.
        panel: index of the panel.
    """
    common = {"type": "scatter", "meta": [name], "name": format_label(name), **axis_names(panel)}
    traces = []
    if band := _band_outline(points):
        traces.append(
            {
                **common,
                "x": [corner and round_values([corner[0]])[0] for corner in band],
                "y": [corner and round_values([corner[1]])[0] for corner in band],
                "mode": "lines",
                "line": {"width": 0},
                "fill": "toself",
                "fillcolor": style.to_rgba(),
                "hoverinfo": "skip",
            }
        )
    traces.append(
        {
            **common,
            "x": round_values(point[0] for point in points),
            "y": round_values(point[1] for point in points),
            "mode": "lines+markers",
            "line": {"color": style.colour, "dash": style.dash, "width": 1.8},
            "marker": {"color": style.colour, "symbol": style.symbol, "size": 6},
            "hovertemplate": "%{x}: %{y:.3g}",
        }
    )
    return traces


def _band_outline(points: Sequence[Point]) -> list[tuple[float, float] | None]:
    """Return the outline of the band; None separates its parts around missing intervals."""
    outline: list[tuple[float, float] | None] = []
    # NaN < NaN is false, so points without an interval end a part.
    for has_interval, group in groupby(points, key=lambda point: point[2] < point[3]):
        part = list(group)
        if has_interval and len(part) > 1:
            upper = [(x, high) for x, _, _, high in part]
            lower = [(x, low) for x, _, low, _ in reversed(part)]
            outline += [*([None] if outline else []), *upper, *lower]
    return outline


def reference_line(x: Sequence[float], y: Sequence[float], panel: int) -> dict[str, Any]:
    """Return the trace of a reference line, which the pointer ignores."""
    return {
        "type": "scatter",
        "x": list(x),
        "y": list(y),
        "mode": "lines",
        "line": {"color": "#666666", "width": 1.2, "dash": "dot"},
        "hoverinfo": "skip",
        **axis_names(panel),
    }


def error_bars(values: Column, low: Column, high: Column, colour: str) -> dict[str, Any]:
    """Return the error bars of points from the bounds of their intervals."""
    return {
        "type": "data",
        "symmetric": False,
        "array": round_values((high - values).clip(lower=0).fillna(0)),
        "arrayminus": round_values((values - low).clip(lower=0).fillna(0)),
        "thickness": 1.2,
        "width": 3,
        "color": colour,
    }
