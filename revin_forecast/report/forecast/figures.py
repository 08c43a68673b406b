"""The data of the page's charts: one figure a series that is drawn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from plotly.graph_objects import Figure

from revin_forecast.report.document import data_block
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.diagnosis import nothing_figure, residual_figure, step_figure
from revin_forecast.report.forecast.fan import EarlierForecast, Fan, fan_figure, fans

UNKNOWN = "Left out of the backtest:<br>nothing of this series is observed<br>before its test part."
UNSEEN = "Nothing of this series was measured<br>in the test part of the backtest."


def drawn_fans(account: Account) -> list[Fan]:
    """Return what is drawn, with what the backtest would have forecast."""
    drawn, result = fans(account.series, account.forecast, account.levels), account.backtest
    if isinstance(result, str):
        return drawn
    paths, found = result.paths, []
    for fan in drawn:
        before = []
        if fan.name in paths.names:
            place, stamps = paths.names.index(fan.name), account.stamps(fan.name)
            rows = paths.rows[:, None] + np.arange(paths.forecast.shape[1])
            drawn_from = stamps.searchsorted(fan.stamps[0]) if len(fan.stamps) else 0
            before = [
                EarlierForecast(stamps[row], path[:, place], truth[:, place])
                for row, path, truth in zip(rows, paths.forecast, paths.truth, strict=True)
                if row[-1] >= drawn_from
            ]
        found.append(replace(fan, before=before))
    return found


def figures(account: Account, drawn: Sequence[Fan]) -> str:
    """Return the data of all charts; page.js draws those of the series that is picked."""
    charts = {"fan": [fan_figure(fan) for fan in drawn]}
    if not isinstance(account.backtest, str):
        charts["steps"] = [step_figure(account.backtest)]
        charts["left"] = [_left(account, fan.name) for fan in drawn]
    return "".join(
        data_block(key, f"[{','.join(str(figure.to_json()) for figure in every)}]")
        for key, every in charts.items()
    )


def _left(account: Account, name: str) -> Figure:
    """Return the errors of a series, or why there are none."""
    result = account.backtest
    assert not isinstance(result, str)  # asked by the caller
    if name not in result.paths.names:
        return nothing_figure(UNKNOWN)
    place = result.paths.names.index(name)
    if np.isnan(result.paths.mean_error[place]):
        return nothing_figure(UNSEEN)
    return residual_figure(result, place, account.stamps(name)[result.paths.next_rows])
