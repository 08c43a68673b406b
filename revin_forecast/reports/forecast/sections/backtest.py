"""The section on the backtest: scores of forecasts of the last rows."""

import numpy as np
from markupsafe import Markup

from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.templates import render_template

MAX_SERIES = 100
"""Series listed; those with the largest MASE are kept."""


def has_seasonal_baseline(result: BacktestResult) -> bool:
    """Return whether repeating the last season is possible and differs from the last value.

    Without a full season before the first forecast, `SeasonalNaive` repeats the last value, and
    MASE is scaled by the error of doing so.
    """
    return 1 < result.season < int(result.paths.next_rows[0])


def render_backtest(content: ReportContent) -> Markup:
    """Return the forecasts made, their scores over all series, and those of each series."""
    result = content.backtest
    if isinstance(result, str):
        return render_template("missing.html.jinja", text=f"There is no backtest. {result}")
    columns = {"mase": "MASE", "repeat_mase": "last value", "seasonal_naive_mase": "last season"}
    if not has_seasonal_baseline(result):
        del columns["seasonal_naive_mase"]
    targets = set(content.series.targets)
    scores = result.overall_scores
    table = result.series_scores
    return render_template(
        "forecast/sections/backtest.html.jinja",
        result=result,
        has_season=has_seasonal_baseline(result),
        excluded=[name for name in result.excluded_series if name in targets],
        score_rows=_score_rows(result),
        coverages={f"{x:g}": f"{scores[f'coverage-{x:g}']:.1f}" for x in result.levels},
        series_count=len(table),
        series_rows=table.sort_values("mase", ascending=False).head(MAX_SERIES).to_dict("records"),
        columns=columns | {"mse": "MSE", "mae": "MAE"},
        # A constant series has no MASE, so its chart would be empty.
        has_scores=bool(np.isfinite(result.step_scores["mase"]).any()),
    )


def _score_rows(result: BacktestResult) -> list[tuple[str, list[tuple[float, bool]]]]:
    """Return each forecast with its scores, and whether a score is the lowest of its column."""
    prefixes = {"this model": "", "the last value repeated": "repeat_"}
    if has_seasonal_baseline(result):  # otherwise its scores repeat those of the last value
        prefixes[f"the last season repeated ({result.season} steps)"] = "seasonal_naive_"
    scores = np.array(
        [
            [result.overall_scores[f"{prefix}{score}"] for score in ("mase", "mse", "mae")]
            for prefix in prefixes.values()
        ]
    )
    is_lowest = scores == np.where(np.isfinite(scores), scores, np.inf).min(axis=0)
    return [
        (label, list(zip(*row, strict=True)))
        for label, *row in zip(prefixes, scores.tolist(), is_lowest.tolist(), strict=True)
    ]
