"""The data of the page's charts: one figure a series that is drawn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from plotly.graph_objects import Figure

from revin_forecast.report.document import render_json_block
from revin_forecast.report.forecast.account import ReportContent
from revin_forecast.report.forecast.diagnosis import empty_figure, residual_figure, error_by_step_figure
from revin_forecast.report.forecast.fan import PastForecast, FanChart, fan_figure, build_fan_charts

NO_HISTORY_MESSAGE = "Left out of the backtest:<br>nothing of this series is observed<br>before its test part."
NO_TEST_VALUES_MESSAGE = "Nothing of this series was measured<br>in the test part of the backtest."


def build_charts_with_backtest(content: ReportContent) -> list[FanChart]:
    """Return what is drawn, with what the backtest would have forecast."""
    drawn, result = build_fan_charts(content.series, content.forecast, content.levels), content.backtest
    if isinstance(result, str):
        return drawn
    paths, found = result.paths, []
    for fan in drawn:
        before = []
        if fan.name in paths.names:
            place, stamps = paths.names.index(fan.name), content.get_timestamps(fan.name)
            rows = paths.rows[:, None] + np.arange(paths.forecast.shape[1])
            drawn_from = stamps.searchsorted(fan.timestamps[0]) if len(fan.timestamps) else 0
            before = [
                PastForecast(stamps[row], path[:, place], truth[:, place])
                for row, path, truth in zip(rows, paths.forecast, paths.truth, strict=True)
                if row[-1] >= drawn_from
            ]
        found.append(replace(fan, before=before))
    return found


def render_charts_json(content: ReportContent, fan_charts: Sequence[FanChart]) -> str:
    """Return the data of all charts; page.js draws those of the series that is picked."""
    charts = {"fan": [fan_figure(fan) for fan in fan_charts]}
    if not isinstance(content.backtest, str):
        charts["steps"] = [error_by_step_figure(content.backtest)]
        charts["left"] = [_series_residual_figure(content, fan.name) for fan in fan_charts]
    return "".join(
        render_json_block(key, f"[{','.join(str(figure.to_json()) for figure in every)}]")
        for key, every in charts.items()
    )


def _series_residual_figure(content: ReportContent, name: str) -> Figure:
    """Return the errors of a series, or why there are none."""
    result = content.backtest
    assert not isinstance(result, str)  # asked by the caller
    if name not in result.paths.names:
        return empty_figure(NO_HISTORY_MESSAGE)
    place = result.paths.names.index(name)
    if np.isnan(result.paths.mean_error[place]):
        return empty_figure(NO_TEST_VALUES_MESSAGE)
    return residual_figure(result, place, content.get_timestamps(name)[result.paths.next_rows])
