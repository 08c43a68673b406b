"""How good forecasts of the last rows were."""

import math
from collections.abc import Sequence

from revin_forecast.data.series import format_timestamp, pluralize
from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.interval_levels import describe_unscored_levels
from revin_forecast.reports.formatting import format_number, join_first
from revin_forecast.reports.html import (
    Cell,
    header_row,
    number_cell,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)


def has_seasonal_baseline(result: BacktestResult) -> bool:
    """Return whether the last season could be repeated, and is something else than the last value.

    Without a season before the first forecast `SeasonalNaive` repeats the last value, and MASE is
    relative to that.
    """
    return 1 < result.season < int(result.paths.next_rows[0])


MAX_SERIES = 100
"""Series shown, the worst first."""


def render_backtest_text(content: ReportContent) -> str:
    """Return which forecasts were made, and of which series."""
    result = content.backtest
    if isinstance(result, str):
        return ""
    again = "fitted once" if result.fit_count == 1 else f"fitted {result.fit_count} times"
    many, made = len(result.cutoffs), f"after {format_timestamp(result.cutoffs[0])},"
    if many > 1:
        apart = "" if result.step == 1 else f" one every {result.step} rows,"
        made = f"the first {made}{apart} each"
    unit = (
        "repeating the season before"
        if has_seasonal_baseline(result)
        else "repeating the row before"
    )
    told = render_paragraph(
        f"{pluralize(many, 'forecast')} of the last rows, {made} from the rows before it; "
        f"{again}. MASE is the mean absolute error over that of {unit}, in the first rows: below 1 "
        "is better than that."
    )
    left_out = _left_out_series(content)
    if left_out:
        told += render_paragraph(
            f"Left out, for want of any value before the test part: {join_first(left_out)}."
        )
    return told


def _left_out_series(content: ReportContent) -> list[str]:
    """Return the series that the page tells of but its backtest does not."""
    assert not isinstance(content.backtest, str)  # asked by the callers
    targets = set(content.series.targets)
    return [one for one in content.backtest.excluded_series if one in targets]


def render_backtest_table(content: ReportContent) -> str:
    """Return the scores over all series, and series by series."""
    result = content.backtest
    if isinstance(result, str):
        return render_paragraph(f"Not made. {result}", "missing")
    named = {"this model": "", "the last value repeated": "repeat_"}
    if has_seasonal_baseline(result):  # else they are the same
        named[f"the last season repeated ({result.season} steps)"] = "seasonal_naive_"
    columns = [
        _score_cells([result.overall_scores[f"{key}{score}"] for key in named.values()])
        for score in ("mase", "mse", "mae")
    ]
    rows = [[text_cell(label), *cells] for label, *cells in zip(named, *columns, strict=True)]
    text = render_table(header_row("forecast", "MASE", "MSE", "MAE"), rows) + _render_coverage(
        content, result
    )
    return text + _render_series_table(result, len(_left_out_series(content)))


def _score_cells(scores: Sequence[float]) -> list[Cell]:
    """Return the cells of one measure, the least marked."""
    least = min((score for score in scores if math.isfinite(score)), default=math.nan)
    return [
        Cell(format_number(score, 4), f"number{' best' * (score == least)}") for score in scores
    ]


def _render_coverage(content: ReportContent, result: BacktestResult) -> str:
    told = [
        f"{level:g} % intervals held {result.overall_scores[f'coverage-{level:g}']:.1f} % of what came"
        for level in result.levels
    ]
    sentences = [f"{'; '.join(told)}." if told else "", describe_unscored_levels(content)]
    text = " ".join(filter(None, sentences))
    return render_paragraph(text) if text else ""


def _render_series_table(result: BacktestResult, left_out_count: int) -> str:
    if len(result.series_scores) < 2:
        return ""
    rows = result.series_scores.sort_values("mase", ascending=False).head(MAX_SERIES)
    held = [f"coverage-{level:g}" for level in result.levels]
    scores = {"mase": "MASE", "repeat_mase": "last value", "seasonal_naive_mase": "last season"}
    if not has_seasonal_baseline(result):
        del scores["seasonal_naive_mase"]
    scores |= {"mse": "MSE", "mae": "MAE"}
    head = header_row(
        *("series", *scores.values()),
        *(f"{level:g} % hold" for level in result.levels),
    )
    body = [
        [
            text_cell(row["series"]),
            *(number_cell(row[score]) for score in scores),
            *(Cell(_format_percent(row[one]), "number") for one in held),
        ]
        for row in rows.to_dict("records")
    ]
    count = len(result.series_scores)
    whole = f"The {count} series scored" if left_out_count else f"All {count} series"
    title = f"The {len(rows)} of {count} series" if len(rows) < count else whole
    return render_collapsible(f"{title}, the largest MASE first", render_table(head, body))


def _format_percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
