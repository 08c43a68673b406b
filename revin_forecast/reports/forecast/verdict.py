"""The few sentences at the top of the page: is this forecast worth anything?"""

import math
from collections.abc import Iterator

from revin_forecast.data.series import pluralize
from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.interval_levels import describe_unscored_levels
from revin_forecast.reports.forecast.sections.backtest import has_seasonal_baseline
from revin_forecast.reports.formatting import join_first

MIN_DIFFERENCE = 0.05
"""A smaller difference from the naive forecasts is none."""
MIN_FORECASTS = 8
"""Fewer forecasts prove nothing."""
COVERAGE_TOLERANCE, MAX_COVERAGE_ERROR = 5, 10
"""Intervals that hold so many percent more or less than they should are no merit; are told of."""


def judge_forecast(content: ReportContent) -> list[tuple[str, str]]:
    """Return sentences, each with what it is: "good", "bad", or "" for neither."""
    result = content.backtest
    if isinstance(result, str):
        return [("Nobody knows how good this forecast is: there was no backtest.", "bad")]
    told = [
        _compare_with_naive(result),
        *_judge_intervals(content, result),
        *_describe_unchecked_series(result),
    ]
    spoilt = {one.series for one in content.issues if one.is_serious}
    if spoilt:
        hold = "1 series holds" if len(spoilt) == 1 else f"{len(spoilt):,} series hold"
        odd = (f"{hold} something odd; see the data below.", "bad")
        told.insert(len(told) if told[0][1] == "good" else 0, odd)  # it may be why
    return told


def _compare_with_naive(result: BacktestResult) -> tuple[str, str]:
    scores, windows = result.overall_scores, len(result.cutoffs)
    naive, better = {"repeating the last value": scores["repeat_mase"]}, ""
    if has_seasonal_baseline(result):
        naive["repeating the last season"] = scores["seasonal_naive_mase"]
        better = ", the better naive forecast"
    best = min(naive, key=lambda label: naive[label])
    if not (math.isfinite(scores["mase"]) and naive[best] > 0):
        return "The rows do not vary, so that errors have no unit and nothing can be compared.", ""
    ratio = scores["mase"] / naive[best]
    made = pluralize(windows, "forecast")
    if windows < MIN_FORECASTS:
        words = f"Over {made} of the last rows its error was {ratio:.2f} times that of {best}"
        return f"{words}: too few to tell anything.", ""
    begin = f"Over {made} of the last rows, none of which it had seen, its error was"
    if ratio < 1 - MIN_DIFFERENCE:
        return (
            f"{begin} {1 - ratio:.0%} less than that of {best}{better}.",
            "good",
        )
    if ratio <= 1 + MIN_DIFFERENCE:
        return (
            f"{begin} about that of {best}{better}: you could as well do that.",
            "",
        )
    return f"{begin} {ratio - 1:.0%} more than that of {best}. Do that instead.", "bad"


def _judge_intervals(content: ReportContent, result: BacktestResult) -> Iterator[tuple[str, str]]:
    if not result.levels:
        yield _describe_missing_intervals(content), ""
        return
    widths = [result.overall_scores[f"width-{level:g}"] for level in result.levels]
    if not any(width > 0 for width in widths):
        return
    held = {level: result.overall_scores[f"coverage-{level:g}"] for level in result.levels}
    told = ", ".join(f"{share:.0f} % (wanted {level:g} %)" for level, share in held.items())
    short = any(share < level - MAX_COVERAGE_ERROR for level, share in held.items())
    wide = any(share > level + MAX_COVERAGE_ERROR for level, share in held.items())
    words = f"Its intervals held {told} of what came."
    if short:
        yield f"{words} They are too narrow: take them as a lower bound.", "bad"
    else:
        near = all(abs(share - level) <= COVERAGE_TOLERANCE for level, share in held.items())
        much = " They are wider than they need be." if wide else ""
        yield words + much, "good" if near else ""
    if describe_unscored_levels(content):
        yield describe_unscored_levels(content), ""


def _describe_unchecked_series(result: BacktestResult) -> Iterator[tuple[str, str]]:
    """Name series that all this says nothing of."""
    table = result.series_scores
    names = [*table["series"][table["observed"] == 0], *result.excluded_series]
    if names:
        yield (
            f"Of {len(names):,} of {len(table) + len(result.excluded_series):,} series nothing could be "
            f"checked, for want of values before or among the last rows: {join_first(names)}.",
            "bad",
        )


def _describe_missing_intervals(content: ReportContent) -> str:
    trained = content.fitted.config.quantile_levels
    if trained:
        shown = ", ".join(f"{level:g}" for level in trained)
        return f"It has no intervals to show: it was trained on the quantiles {shown}."
    return (
        describe_unscored_levels(content)
        or "It has no intervals: the rows were too few to calibrate them."
    )
