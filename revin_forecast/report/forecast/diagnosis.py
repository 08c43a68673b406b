"""Charts of the backtest: error by step ahead, and what was left over."""

from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Bar, Figure, Scatter

from revin_forecast.backtest import BacktestResult
from revin_forecast.report.forecast.season import has_seasonal_baseline
from revin_forecast.report.forecast.style import BLUE, GREEN, GREY, ORANGE, to_rgba, build_layout, to_plotly_times

MAX_TICKED_STEPS = 12
"""Steps up to which each has a tick."""
MAX_ERRORS = 2000
"""Errors drawn over time, the last ones."""
MAX_TICKED_POINTS = 2
"""Points over time that have a tick each."""
MAX_BINS, MIN_BINS = 31, 3
"""Of the histogram, at most and at least."""


def error_by_step_figure(result: BacktestResult) -> Figure:
    """Return the error by step ahead, beside the naive forecasts'."""
    figure = Figure(layout=build_layout(height=300, hovermode="x unified", title="MASE"))
    steps = result.step_scores
    lines = [
        ("mase", "this model", {"color": BLUE, "width": 2.4}),
        ("repeat_mase", "last value", {"color": GREY, "width": 1.6, "dash": "dash"}),
        ("seasonal_naive_mase", "last season", {"color": GREEN, "width": 1.6, "dash": "dot"}),
    ]
    for column, label, style in lines[: 3 if has_seasonal_baseline(result) else 2]:
        figure.add_trace(
            Scatter(
                x=steps["step"].to_numpy(),
                y=steps[column].to_numpy(),
                name=label,
                mode="lines+markers" if len(steps) < 3 else "lines",
                line=style,
                hovertemplate="%{y:.3f}",
            )
        )
    figure.update_xaxes(title={"text": "steps ahead"}, dtick=1 if len(steps) <= MAX_TICKED_STEPS else None)
    figure.update_yaxes(rangemode="tozero")
    return figure


def empty_figure(message: str) -> Figure:
    """Return an empty chart that says why it is empty.

    Args:
        words: lines, parted by <br>.
    """
    figure = Figure(layout=build_layout(height=300))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return figure.add_annotation(
        text=message, showarrow=False, **{"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    )


def residual_figure(result: BacktestResult, index: int, timestamps: pd.DatetimeIndex) -> Figure:
    """Return the errors of one series.

    Over time the last ones, one step ahead; by size those of all steps of forecasts that don't
    overlap.

    Args:
        result: the backtest.
        place: of the series in its paths.
        stamps: (origins,) of the rows that were one step ahead.
    """
    figure = Figure(layout=build_layout(height=300, title="truth - forecast"))
    errors, timestamps = result.paths.next_errors[-MAX_ERRORS:, index], timestamps[-MAX_ERRORS:]
    figure.add_trace(
        Scatter(
            x=to_plotly_times(timestamps),
            y=errors,
            mode="lines+markers" if len(errors) < 60 else "lines",
            line={"color": ORANGE, "width": 1.2},
            marker={"size": 4 if len(errors) > MAX_TICKED_POINTS else 7, "color": ORANGE},
            hovertemplate="%{x}: %{y:.4~g}<extra>one step ahead</extra>",
        )
    )
    figure.add_trace(_histogram(result, index))
    axis = {
        "linecolor": GREY,
        "ticks": "outside",
        "tickcolor": GREY,
        "zeroline": False,
        "title": {"text": "how often"},
    }
    figure.update_layout(
        showlegend=False,
        xaxis={"domain": [0, 0.7], **_point_ticks(timestamps)},
        xaxis2={**axis, "domain": [0.74, 1], "showgrid": False, "rangemode": "tozero"},
        shapes=[{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0}],
    )
    figure.update_shapes(line={"color": GREY, "width": 1, "dash": "dot"})
    return figure


def _point_ticks(timestamps: pd.DatetimeIndex) -> dict[str, Any]:
    """Return ticks of very few points: those that plotly finds are fractions of a second apart."""
    if len(timestamps) > MAX_TICKED_POINTS:
        return {}
    pad = (timestamps[-1] - timestamps[0]) / 4 or pd.Timedelta(days=1)
    ends = pd.DatetimeIndex([timestamps[0] - pad, timestamps[-1] + pad])
    return {"tickvals": to_plotly_times(timestamps), "ticktext": to_plotly_times(timestamps), "range": to_plotly_times(ends)}


def _histogram(result: BacktestResult, index: int) -> Bar:
    left = result.paths.truth[:, :, index] - result.paths.forecast[:, :, index]
    left = left[np.isfinite(left)]
    counts, edges = np.histogram(left, bins=int(np.clip(len(left) // 4, MIN_BINS, MAX_BINS)))
    return Bar(
        x=counts,
        y=(edges[1:] + edges[:-1]) / 2,
        width=np.diff(edges),
        orientation="h",
        xaxis="x2",
        marker={"color": to_rgba(BLUE, 0.6)},
        hovertemplate="%{y:.4~g}: %{x}<extra>all steps</extra>",
    )
