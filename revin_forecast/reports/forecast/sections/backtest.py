"""The section on the backtest: scores of forecasts of the last rows."""

import math
from collections.abc import Sequence

from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.interval_levels import describe_unscored_levels
from revin_forecast.reports.formatting import MISSING, format_number, join_first
from revin_forecast.reports.html import (
    TableCell,
    header_row,
    number_cell,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)

MAX_SERIES = 100
"""Series listed; those with the largest MASE are kept."""


def has_seasonal_baseline(result: BacktestResult) -> bool:
    """Return whether repeating the last season is possible and differs from the last value.

    Without a full season before the first forecast, `SeasonalNaive` repeats the last value, and
    MASE is scaled by the error of doing so.
    """
    return 1 < result.season < int(result.paths.next_rows[0])


def render_backtest_text(content: ReportContent) -> str:
    """Return which forecasts were made, how they are scored and which series are left out."""
    result = content.backtest
    if isinstance(result, str):
        return ""
    fits = "once" if result.fit_count == 1 else f"{result.fit_count} times"
    count, cutoffs = len(result.cutoffs), f"after {format_timestamp(result.cutoffs[0])},"
    if count > 1:
        spacing = "" if result.step == 1 else f" one every {result.step} rows,"
        cutoffs = f"the first {cutoffs}{spacing} each"
    baseline = (
        "repeating the season before"
        if has_seasonal_baseline(result)
        else "repeating the row before"
    )
    text = render_paragraph(
        f"{pluralize(count, 'forecast')} over the last rows, {cutoffs} from the rows before it; "
        f"the model was fitted {fits}. MASE is the mean absolute error divided by that of "
        f"{baseline}, measured on the first rows; below 1, the error is smaller than that."
    )
    excluded = _excluded_series(content)
    if excluded:
        text += render_paragraph(
            f"Left out, without a value before the test part: {join_first(excluded)}."
        )
    return text


def _excluded_series(content: ReportContent) -> list[str]:
    """Return the series of the page that the backtest left out."""
    assert not isinstance(content.backtest, str)  # checked by the callers
    targets = set(content.series.targets)
    return [name for name in content.backtest.excluded_series if name in targets]


def render_backtest_table(content: ReportContent) -> str:
    """Return the scores over all series, and those of each series."""
    result = content.backtest
    if isinstance(result, str):
        return render_paragraph(f"There is no backtest. {result}", "missing")
    prefixes = {"this model": "", "the last value repeated": "repeat_"}
    if has_seasonal_baseline(result):  # otherwise its scores repeat those of the last value
        prefixes[f"the last season repeated ({result.season} steps)"] = "seasonal_naive_"
    columns = [
        _score_cells([result.overall_scores[f"{prefix}{score}"] for prefix in prefixes.values()])
        for score in ("mase", "mse", "mae")
    ]
    rows = [[text_cell(label), *cells] for label, *cells in zip(prefixes, *columns, strict=True)]
    text = render_table(header_row("forecast", "MASE", "MSE", "MAE"), rows) + _render_coverage(
        content, result
    )
    return text + _render_series_table(result, len(_excluded_series(content)))


def _score_cells(scores: Sequence[float]) -> list[TableCell]:
    """Return the cells of a score, the lowest highlighted."""
    lowest = min((score for score in scores if math.isfinite(score)), default=math.nan)
    return [
        TableCell(format_number(score, 4), f"number{' best' * (score == lowest)}")
        for score in scores
    ]


def _render_coverage(content: ReportContent, result: BacktestResult) -> str:
    scores = result.overall_scores
    coverages = [
        f"{level:g} % intervals contained {scores[f'coverage-{level:g}']:.1f} % of the observed "
        "values"
        for level in result.levels
    ]
    sentences = [
        f"{'; '.join(coverages)}." if coverages else "",
        describe_unscored_levels(content),
    ]
    text = " ".join(filter(None, sentences))
    return render_paragraph(text) if text else ""


def _render_series_table(result: BacktestResult, excluded_count: int) -> str:
    if len(result.series_scores) < 2:
        return ""
    rows = result.series_scores.sort_values("mase", ascending=False).head(MAX_SERIES)
    coverage_columns = [f"coverage-{level:g}" for level in result.levels]
    scores = {"mase": "MASE", "repeat_mase": "last value", "seasonal_naive_mase": "last season"}
    if not has_seasonal_baseline(result):
        del scores["seasonal_naive_mase"]
    scores |= {"mse": "MSE", "mae": "MAE"}
    headers = header_row(
        *("series", *scores.values()),
        *(f"{level:g} % coverage" for level in result.levels),
    )
    body = [
        [
            text_cell(row["series"]),
            *(number_cell(row[score]) for score in scores),
            *(TableCell(_format_percent(row[column]), "number") for column in coverage_columns),
        ]
        for row in rows.to_dict("records")
    ]
    count = len(result.series_scores)
    # "All" would be wrong where the backtest left series out.
    complete_title = f"The {count} series scored" if excluded_count else f"All {count} series"
    title = f"{len(rows)} of {count} series" if len(rows) < count else complete_title
    return render_collapsible(f"{title}, the largest MASE first", render_table(headers, body))


def _format_percent(value: float) -> str:
    return MISSING if math.isnan(value) else f"{value:.1f}"
