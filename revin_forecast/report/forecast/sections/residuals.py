"""What the errors of the backtest still hold."""

import math

import numpy as np

from revin_forecast.backtest import Backtest
from revin_forecast.data.layout import counted
from revin_forecast.data.series import shown_stamp
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.reliability import FEWEST, autocorrelation, farthest, leans
from revin_forecast.report.markup import Cell, heads, name, number, paragraph, table
from revin_forecast.report.wording import shown


def residual_words(result: Backtest) -> str:
    """Return how the errors' chart and table are to be read."""
    few, many = len(result.paths.rows), len(result.origins)
    steps = "all steps"
    if few < many:
        steps += f" of {counted(few, 'forecast')}{', a horizon apart' if few > 1 else ''}"
    rows, follow = "", " and do not follow each other"
    if result.step > 1:
        rows, follow = f", of one row in {result.step}", ""
    return paragraph(
        "Errors of the backtest, in the table's units; above zero the truth was higher. Left one "
        f"step ahead over time{rows}, right how often which one came, over {steps}. The mean is "
        f"that of all forecasts and steps. Good errors lean to no side{follow}."
    )


def residual_table(account: Account) -> str:
    """Return what the errors of the backtest still hold, series by series, in words."""
    result = account.backtest
    if isinstance(result, str):
        return paragraph(f"There are none without a backtest. {result}", "missing")
    rows = []
    for place, series in enumerate(result.paths.names):
        errors = result.paths.next_errors[:, place]
        mean = float(result.paths.mean_error[place])
        # Of errors some rows apart it is another one, and no model could have used it.
        follow = autocorrelation(errors) if result.step == 1 else math.nan
        told = _told(account, result, place, follow)
        rows.append([name(series), number(mean), number(follow, 2), Cell(told, "words")])
    head = heads("series", "mean error", "autocorrelation", "what it says")
    return table(head, rows)


def _told(account: Account, result: Backtest, place: int, follow: float) -> str:
    """Return what the errors of one series say."""
    paths = result.paths
    mean, errors = float(paths.mean_error[place]), paths.next_errors[:, place]
    if math.isnan(mean):
        return "nothing was measured"
    many = int(np.isfinite(errors).sum())
    left = paths.truth[:, :, place] - paths.forecast[:, :, place]
    side, size = leans(left), float(result.table["mae"].iloc[place])
    lean = _lean_words(mean, side) if side else _leaning_words(mean, size, len(left))
    said = [lean, _follow_words(follow, many)]
    far = farthest(errors)
    if far is not None:
        when = shown_stamp(account.stamps(paths.names[place])[paths.next_rows[far]])
        said.append(
            f"The largest error, {shown(errors[far])} on {when}, is far beyond the others: look at "
            "what happened then."
        )
    told = " ".join(filter(None, said))
    return told or ("too few to tell" if many < FEWEST else "nothing odd")


def _lean_words(mean: float, side: int) -> str:
    if side * mean <= 0:
        return ""
    where = "low" if mean > 0 else "high"
    return f"Forecasts were too {where}, by {shown(abs(mean))} on average."


def _leaning_words(mean: float, size: float, apart: int) -> str:
    """Tell of a mean error that is most of the mean absolute one, and yet may be chance."""
    if not abs(mean) > size / 2:
        return ""
    where = "low" if mean > 0 else "high"
    return (
        f"Forecasts were mostly too {where}, by {shown(abs(mean))} on average; "
        f"{counted(apart, 'forecast')} that do not overlap are too few to call it more than chance."
    )


def _follow_words(follow: float, many: int) -> str:
    if not math.isfinite(follow) or many < 30 or abs(follow) < max(0.2, 3 / math.sqrt(many)):
        return ""
    return (
        "Errors one step ahead follow each other: the last error says something of the next that "
        "the model does not use."
        if follow > 0
        else "Errors one step ahead alternate: the model leans too much on the last value."
    )
