"""The section on the backtest: scores of forecasts of the last rows."""

import numpy as np
from markupsafe import Markup

from revin_forecast.data.step_words import StepWords
from revin_forecast.evaluation import BacktestResult
from revin_forecast.evaluation.describe_trust import (
    STATE_NAMES,
    describe_error,
    sort_worst_first,
)
from revin_forecast.evaluation.trust import Trust
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.templates import render_template

MAX_SERIES = 100
"""Series listed; the worst are kept."""


def render_backtest(content: ReportContent) -> Markup:
    """Return the forecasts made, their scores over all series, and those of each series."""
    result, trust = content.backtest, content.trust
    if isinstance(result, str) or trust is None:
        return render_template("missing.html.jinja", text=f"There is no backtest. {result}")
    columns = {"mase": "MASE", "repeat_mase": "last value", "seasonal_naive_mase": "last season"}
    if not result.has_seasonal_baseline:
        del columns["seasonal_naive_mase"]
    targets = set(content.series.targets)
    table = result.series_scores
    return render_template(
        "forecast/sections/backtest.html.jinja",
        result=result,
        independent=trust.independent,
        is_chosen="selection" in result.fitted.summary,
        unit=_name_unit(result),
        finding=_describe_finding(trust),
        excluded=[name for name in result.excluded_series if name in targets],
        scores=["MASE"] if len(table) > 1 else ["MASE", "MSE", "MAE"],
        score_rows=_score_rows(result),
        levels=[f"{level:g}" for level in result.levels],
        coverages=[result.overall_scores[f"coverage-{level:g}"] for level in result.levels],
        series_count=len(table),
        series_rows=_series_rows(result, trust),
        columns=columns | {"mae": "MAE"},
        # A constant series has no MASE, so its chart would be empty.
        has_scores=bool(np.isfinite(result.step_scores["mase"]).any()),
    )


def _name_unit(result: BacktestResult) -> str:
    """Return the naive forecast whose error is the unit of MASE."""
    if not result.has_seasonal_baseline:
        return "the row before"
    return StepWords.from_frequency(result.fitted.history.frequency).describe_season(result.season)


def _describe_finding(trust: Trust) -> str:
    """Return a sentence that the table of scores bears out; empty without a scale."""
    return "; ".join(describe_error(trust.error_ratio, trust.naive))


def _series_rows(result: BacktestResult, trust: Trust) -> list[dict[str, object]]:
    """Return the scores of the series, the worst first, with their judgement."""
    scores = {row["series"]: row for row in result.series_scores.to_dict("records")}
    return [
        {**scores[entry.series], "judgement": STATE_NAMES[entry.state], "state": entry.state}
        for entry in sort_worst_first(trust.series)[:MAX_SERIES]
    ]


def _score_rows(result: BacktestResult) -> list[tuple[str, list[tuple[float, bool]]]]:
    """Return each forecast with its scores, and whether a score is the lowest of its column."""
    prefixes = {"this model": "", "the last value repeated": "repeat_"}
    if result.has_seasonal_baseline:  # otherwise its scores repeat those of the last value
        prefixes[f"the last season repeated ({result.season} steps)"] = "seasonal_naive_"
    # Errors in the units of several series have no common mean.
    names = ("mase",) if len(result.series_scores) > 1 else ("mase", "mse", "mae")
    scores = np.array(
        [
            [result.overall_scores[f"{prefix}{name}"] for name in names]
            for prefix in prefixes.values()
        ]
    )
    is_lowest = scores == np.where(np.isfinite(scores), scores, np.inf).min(axis=0)
    return [
        (label, list(zip(*row, strict=True)))
        for label, *row in zip(prefixes, scores.tolist(), is_lowest.tolist(), strict=True)
    ]
