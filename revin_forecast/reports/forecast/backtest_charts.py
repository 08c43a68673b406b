"""Charts of the backtest: error by step ahead, and residuals of a series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Bar, Figure, Scatter

from revin_forecast.evaluation import BacktestResult
from revin_forecast.evaluation.backtest_scores import ForecastPaths
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.contribution_chart import build_contribution_figures
from revin_forecast.reports.forecast.fan_chart import (
    FanChart,
    PastForecast,
    build_fan_charts,
    fan_figure,
)
from revin_forecast.reports.forecast.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    build_layout,
    empty_figure,
    to_plotly_times,
    to_rgba,
)

MAX_TICKED_STEPS = 12
"""Horizon up to which every step has a tick."""
MAX_ERRORS = 2000
"""Errors drawn over time; the last ones are kept."""
MAX_TICKED_POINTS = 2
"""Number of points over time up to which each has a tick of its own."""
MAX_BINS, MIN_BINS = 31, 3
"""Bounds of the number of histogram bins."""


def error_by_step_figure(result: BacktestResult) -> Figure:
    """Return MASE by step ahead, of the model and of the naive forecasts."""
    figure = Figure(layout=build_layout(height=300, hovermode="x unified", title="MASE"))
    steps = result.step_scores
    lines = [
        ("mase", "this model", {"color": BLUE, "width": 2.4}),
        ("repeat_mase", "last value", {"color": GREY, "width": 1.6, "dash": "dash"}),
        ("seasonal_naive_mase", "last season", {"color": GREEN, "width": 1.6, "dash": "dot"}),
    ]
    for column, label, style in lines[: 3 if result.has_seasonal_baseline else 2]:
        figure.add_trace(
            Scatter(
                x=steps["step"].to_numpy(),
                y=steps[column].to_numpy(),
                name=label,
                mode="lines+markers" if len(steps) < 3 else "lines",  # one point has no line
                line=style,
                hovertemplate="%{y:.3f}",
            )
        )
    figure.update_xaxes(
        title={"text": "steps ahead"}, dtick=1 if len(steps) <= MAX_TICKED_STEPS else None
    )
    figure.update_yaxes(rangemode="tozero")
    return figure


def residual_figure(result: BacktestResult, index: int, timestamps: pd.DatetimeIndex) -> Figure:
    """Return the errors of one series over time and as a histogram.

    Over time: the last errors one step ahead. Histogram: errors at all steps of forecasts that do
    not overlap.

    Args:
        result: the backtest.
        index: index of the series in `result.paths`.
        timestamps: timestamps (origins,) of the rows forecast one step ahead.
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
        "automargin": True,
        "zeroline": False,
        "title": {"text": "count"},
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
    """Return one tick per point if there are very few.

    Around so few points, plotly would choose ticks that are fractions of a second apart.
    """
    if len(timestamps) > MAX_TICKED_POINTS:
        return {}
    margin = (timestamps[-1] - timestamps[0]) / 4 or pd.Timedelta(days=1)
    ends = pd.DatetimeIndex([timestamps[0] - margin, timestamps[-1] + margin])
    return {
        "tickvals": to_plotly_times(timestamps),
        "ticktext": to_plotly_times(timestamps),
        "range": to_plotly_times(ends),
    }


def _histogram(result: BacktestResult, index: int) -> Bar:
    errors = result.paths.truth[:, :, index] - result.paths.forecast[:, :, index]
    errors = errors[np.isfinite(errors)]
    # About four errors per bin, within bounds.
    counts, edges = np.histogram(errors, bins=int(np.clip(len(errors) // 4, MIN_BINS, MAX_BINS)))
    return Bar(
        x=counts,
        y=(edges[1:] + edges[:-1]) / 2,
        width=np.diff(edges),
        orientation="h",
        xaxis="x2",
        marker={"color": to_rgba(BLUE, 0.6), "line": {"color": GREY, "width": 0.5}},
        hovertemplate="%{y:.4~g}: %{x}<extra>all steps</extra>",
    )


NO_HISTORY_MESSAGE = (
    "Left out of the backtest:<br>this series has no value<br>before its test part."
)
NO_TEST_VALUES_MESSAGE = "This series has no value<br>in the test part of the backtest."


def build_charts_with_backtest(content: ReportContent) -> list[FanChart]:
    """Return the fan charts of the page, with the forecasts of the backtest."""
    charts = build_fan_charts(content.series, content.forecast, content.levels)
    if isinstance(content.backtest, str):
        return charts
    return [
        replace(fan, past_forecasts=_past_forecasts(content, content.backtest.paths, fan))
        for fan in charts
    ]


def _past_forecasts(
    content: ReportContent, paths: ForecastPaths, fan: FanChart
) -> list[PastForecast]:
    """Return the forecasts of the backtest that end in the rows drawn."""
    if fan.name not in paths.names:
        return []
    index, timestamps = paths.names.index(fan.name), content.get_timestamps(fan.name)
    rows = paths.rows[:, None] + np.arange(paths.forecast.shape[1])
    first_drawn = timestamps.searchsorted(fan.timestamps[0]) if len(fan.timestamps) else 0
    # Older forecasts are outside the chart and would only enlarge the page.
    return [
        PastForecast(timestamps[row], forecast[:, index], truth[:, index])
        for row, forecast, truth in zip(rows, paths.forecast, paths.truth, strict=True)
        if row[-1] >= first_drawn
    ]


def build_figures(
    content: ReportContent, fan_charts: Sequence[FanChart]
) -> dict[str, list[Figure]]:
    """Return the figures of all charts by key; page.js draws those of the selected series."""
    figures = {"fan": [fan_figure(fan) for fan in fan_charts]}
    if not isinstance(content.backtest, str):
        figures["steps"] = [error_by_step_figure(content.backtest)]
        figures["left"] = [_series_residual_figure(content, fan.name) for fan in fan_charts]
    if not isinstance(content.contributions, str):
        figures["parts"] = build_contribution_figures(content.contributions, len(fan_charts))
    return figures


def _series_residual_figure(content: ReportContent, name: str) -> Figure:
    """Return the residual chart of a series, or an empty one with the reason."""
    result = content.backtest
    assert not isinstance(result, str)  # checked by the caller
    if name not in result.paths.names:
        return empty_figure(NO_HISTORY_MESSAGE)
    index = result.paths.names.index(name)
    if np.isnan(result.paths.mean_error[index]):
        return empty_figure(NO_TEST_VALUES_MESSAGE)
    return residual_figure(result, index, content.get_timestamps(name)[result.paths.next_rows])
