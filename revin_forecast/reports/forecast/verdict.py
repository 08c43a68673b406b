"""The sentences at the top of the page: is the forecast better than a naive one?"""

import math
from collections.abc import Iterator

from revin_forecast.data.formatting import pluralize
from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.sections.backtest import has_seasonal_baseline
from revin_forecast.reports.formatting import join_first

MIN_DIFFERENCE = 0.05
"""Relative difference from the naive forecasts below which the error counts as equal."""
MIN_FORECASTS = 8
"""Number of forecasts below which no conclusion is drawn."""
COVERAGE_TOLERANCE, MAX_COVERAGE_ERROR = 5, 10
"""Deviation of coverage from its level, in percentage points: still good; reported as a fault."""

Remark = tuple[str, str]
"""A sentence and its rating: "good", "bad" or "" for neither."""


def judge_forecast(content: ReportContent) -> list[Remark]:
    """Return the sentences at the top of the page, each with its rating."""
    result = content.backtest
    if isinstance(result, str):
        return [("The accuracy of this forecast is unknown: there was no backtest.", "bad")]
    remarks = [
        _compare_with_naive(result),
        *_judge_intervals(content, result),
        *_describe_unchecked_series(result),
    ]
    flawed = {issue.series for issue in content.issues if issue.is_serious}
    if flawed:
        subject = "1 series has" if len(flawed) == 1 else f"{len(flawed):,} series have"
        remark = (f"{subject} a serious data issue; see the section on the data below.", "bad")
        # Before a poor score, which the issue may explain; otherwise last.
        remarks.insert(len(remarks) if remarks[0][1] == "good" else 0, remark)
    return remarks


def _compare_with_naive(result: BacktestResult) -> Remark:
    scores, forecast_count = result.overall_scores, len(result.cutoffs)
    naive_scores, rank = {"repeating the last value": scores["repeat_mase"]}, ""
    if has_seasonal_baseline(result):
        naive_scores["repeating the last season"] = scores["seasonal_naive_mase"]
        rank = ", the better naive forecast"
    best = min(naive_scores, key=lambda label: naive_scores[label])
    if not (math.isfinite(scores["mase"]) and naive_scores[best] > 0):
        return (
            "The rows do not vary, so errors have no scale and cannot be compared with a naive "
            "forecast."
        ), ""
    ratio = scores["mase"] / naive_scores[best]
    forecasts = pluralize(forecast_count, "forecast")
    if forecast_count < MIN_FORECASTS:
        return (
            f"In {forecasts} over the last rows, the error was {ratio:.2f} times that of {best}: "
            "too few forecasts to draw a conclusion."
        ), ""
    start = f"In {forecasts} over the last rows, which were held out from the fit, the error was"
    if ratio < 1 - MIN_DIFFERENCE:
        return f"{start} {1 - ratio:.0%} lower than that of {best}{rank}.", "good"
    if ratio <= 1 + MIN_DIFFERENCE:
        return f"{start} about that of {best}{rank}, which would serve as well.", ""
    return f"{start} {ratio - 1:.0%} higher than that of {best}. Use that naive forecast.", "bad"


def _judge_intervals(content: ReportContent, result: BacktestResult) -> Iterator[Remark]:
    if not result.levels:
        yield _describe_missing_intervals(content), ""
        return
    widths = [result.overall_scores[f"width-{level:g}"] for level in result.levels]
    if not any(width > 0 for width in widths):  # a constant series: coverage says nothing
        return
    coverages = {level: result.overall_scores[f"coverage-{level:g}"] for level in result.levels}
    listed = ", ".join(
        f"{coverage:.0f} % (nominal {level:g} %)" for level, coverage in coverages.items()
    )
    too_narrow = any(coverage < level - MAX_COVERAGE_ERROR for level, coverage in coverages.items())
    too_wide = any(coverage > level + MAX_COVERAGE_ERROR for level, coverage in coverages.items())
    sentence = f"The intervals contained the observed value in {listed} of cases."
    if too_narrow:
        yield f"{sentence} They are too narrow: treat their width as a lower bound.", "bad"
    else:
        is_accurate = all(
            abs(coverage - level) <= COVERAGE_TOLERANCE for level, coverage in coverages.items()
        )
        addition = " They are wider than necessary." if too_wide else ""
        yield sentence + addition, "good" if is_accurate else ""


def _describe_unchecked_series(result: BacktestResult) -> Iterator[Remark]:
    """Name the series that the scores do not cover."""
    table = result.series_scores
    names = [*table["series"][table["observed"] == 0], *result.excluded_series]
    if names:
        total = len(table) + len(result.excluded_series)
        yield (
            f"{len(names):,} of {total:,} series could not be checked, because values are missing "
            f"before or among the last rows: {join_first(names)}.",
            "bad",
        )


def _describe_missing_intervals(content: ReportContent) -> str:
    quantiles = content.fitted.config.quantile_levels
    if quantiles:
        listed = ", ".join(f"{quantile:g}" for quantile in quantiles)
        return f"There are no intervals to show: the model was trained on the quantiles {listed}."
    return "There are no intervals to show."
