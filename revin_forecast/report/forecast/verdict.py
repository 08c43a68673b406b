"""The few sentences at the top of the page: is this forecast worth anything?"""

import math
from collections.abc import Iterator

from revin_forecast.backtest import Backtest
from revin_forecast.data.layout import counted
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.levels import unscored
from revin_forecast.report.forecast.season import sees_season
from revin_forecast.report.wording import few_of

CLOSE = 0.05
"""A smaller difference from the naive forecasts is none."""
FEW = 8
"""Fewer forecasts prove nothing."""
NEAR, OFF = 5, 10
"""Intervals that hold so many percent more or less than they should are no merit; are told of."""


def verdict(account: Account) -> list[tuple[str, str]]:
    """Return sentences, each with what it is: "good", "bad", or "" for neither."""
    result = account.backtest
    if isinstance(result, str):
        return [("Nobody knows how good this forecast is: there was no backtest.", "bad")]
    told = [_against_naive(result), *_intervals(account, result), *_unchecked(result)]
    spoilt = {one.series for one in account.problems if one.serious}
    if spoilt:
        hold = "1 series holds" if len(spoilt) == 1 else f"{len(spoilt):,} series hold"
        odd = (f"{hold} something odd; see the data below.", "bad")
        told.insert(len(told) if told[0][1] == "good" else 0, odd)  # it may be why
    return told


def _against_naive(result: Backtest) -> tuple[str, str]:
    scores, windows = result.overall, len(result.origins)
    naive, better = {"repeating the last value": scores["repeat_mase"]}, ""
    if sees_season(result):
        naive["repeating the last season"] = scores["seasonal_naive_mase"]
        better = ", the better naive forecast"
    best = min(naive, key=lambda label: naive[label])
    if not (math.isfinite(scores["mase"]) and naive[best] > 0):
        return "The rows do not vary, so that errors have no unit and nothing can be compared.", ""
    ratio = scores["mase"] / naive[best]
    made = counted(windows, "forecast")
    if windows < FEW:
        words = f"Over {made} of the last rows its error was {ratio:.2f} times that of {best}"
        return f"{words}: too few to tell anything.", ""
    begin = f"Over {made} of the last rows, none of which it had seen, its error was"
    if ratio < 1 - CLOSE:
        return (
            f"{begin} {1 - ratio:.0%} less than that of {best}{better}.",
            "good",
        )
    if ratio <= 1 + CLOSE:
        return (
            f"{begin} about that of {best}{better}: you could as well do that.",
            "",
        )
    return f"{begin} {ratio - 1:.0%} more than that of {best}. Do that instead.", "bad"


def _intervals(account: Account, result: Backtest) -> Iterator[tuple[str, str]]:
    if not result.levels:
        yield _no_intervals(account), ""
        return
    widths = [result.overall[f"width-{level:g}"] for level in result.levels]
    if not any(width > 0 for width in widths):
        return
    held = {level: result.overall[f"coverage-{level:g}"] for level in result.levels}
    told = ", ".join(f"{share:.0f} % (wanted {level:g} %)" for level, share in held.items())
    short = any(share < level - OFF for level, share in held.items())
    wide = any(share > level + OFF for level, share in held.items())
    words = f"Its intervals held {told} of what came."
    if short:
        yield f"{words} They are too narrow: take them as a lower bound.", "bad"
    else:
        near = all(abs(share - level) <= NEAR for level, share in held.items())
        much = " They are wider than they need be." if wide else ""
        yield words + much, "good" if near else ""
    if unscored(account):
        yield unscored(account), ""


def _unchecked(result: Backtest) -> Iterator[tuple[str, str]]:
    """Name series that all this says nothing of."""
    table = result.table
    names = [*table["series"][table["observed"] == 0], *result.left_out]
    if names:
        yield (
            f"Of {len(names):,} of {len(table) + len(result.left_out):,} series nothing could be "
            f"checked, for want of values before or among the last rows: {few_of(names)}.",
            "bad",
        )


def _no_intervals(account: Account) -> str:
    trained = account.fitted.recipe.levels
    if trained:
        shown = ", ".join(f"{level:g}" for level in trained)
        return f"It has no intervals to show: it was trained on the quantiles {shown}."
    return unscored(account) or "It has no intervals: the rows were too few to calibrate them."
