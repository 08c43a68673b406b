"""What the errors of the backtest still hold."""

import math

import numpy as np

from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.reliability import autocorrelation, leans
from revin_forecast.report.markup import Cell, heads, name, number, paragraph, table
from revin_forecast.report.wording import shown


def residual_table(account: Account) -> str:
    """Return what the errors of the backtest still hold, series by series, in words."""
    result = account.backtest
    if isinstance(result, str):
        return paragraph(f"There are none without a backtest. {result}", "missing")
    rows = []
    for place, series in enumerate(result.paths.names):
        errors = result.paths.next_errors[:, place]
        left = result.paths.truth[:, :, place] - result.paths.forecast[:, :, place]
        mean = float(result.paths.mean_error[place])
        follow, many = autocorrelation(errors), int(np.isfinite(errors).sum())
        told = _lean_words(mean, leans(left)) + _follow_words(follow, many)
        rows.append(
            [name(series), number(mean), number(follow, 2), Cell(told or "nothing odd", "words")]
        )
    head = heads("series", "mean error", "autocorrelation", "what it says")
    return table(head, rows)


def _lean_words(mean: float, side: int) -> str:
    if side * mean <= 0:
        return ""
    where = "low" if mean > 0 else "high"
    return f"Forecasts were too {where}, by {shown(abs(mean))} on average. "


def _follow_words(follow: float, many: int) -> str:
    if not math.isfinite(follow) or many < 30 or abs(follow) < max(0.2, 3 / math.sqrt(many)):
        return ""
    return (
        "Errors one step ahead follow each other: the last error says something of the next that "
        "the model does not use."
        if follow > 0
        else "Errors one step ahead alternate: the model leans too much on the last value."
    )
