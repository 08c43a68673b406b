"""The answer at the top of the page: the forecast in numbers, the worst series first."""

import math
from dataclasses import dataclass

from revin_forecast.data.formatting import format_percent
from revin_forecast.evaluation.describe_trust import STATE_NAMES, sort_worst_first
from revin_forecast.evaluation.trust import SeriesTrust
from revin_forecast.forecasting.describe_forecast import ForecastText
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.formatting import MISSING, join_first

MAX_ANSWER_SERIES = 500
"""Most series in the table of the answer; the download has all."""
MAX_OPEN_ROWS = 6
"""Most rows that are not folded away."""
WORST_COUNT = 3
"""Number of series that come first: the worst of the backtest."""


@dataclass(frozen=True)
class AnswerTable:
    """The forecast in numbers, a row for each series."""

    headings: tuple[str, ...]
    """Headings of the columns."""
    rows: list[tuple[str, ...]]
    """Rows that are always shown."""
    folded_rows: list[tuple[str, ...]]
    """All rows in the order of the table, if they are too many to be shown."""
    worst: str
    """Sentence that names the worst series; empty without a backtest of several."""
    missing_count: int
    """Number of series without a row."""


def build_answer_table(content: ReportContent, answer: ForecastText) -> AnswerTable:
    """Return the rows of the answer with the judgement of each series."""
    trust = content.trust
    entries = {} if trust is None else {entry.series: entry for entry in trust.series}
    headings, rows = answer.headings, dict(zip(answer.series, answer.rows, strict=True))
    level = min(trust.tolerances, default=None) if trust else None
    if trust is not None:
        held = () if level is None else (f"{level:g} % held",)
        headings = (*headings, "error against naive", *held, "backtest")
        rows = {name: (*row, *_judge(entries.get(name), level)) for name, row in rows.items()}
    ranked = [entry.series for entry in sort_worst_first(list(entries.values()))]
    worst = [name for name in ranked if name in rows][:WORST_COUNT]
    order = [*worst, *(name for name in rows if name not in worst)]
    is_short = len(order) <= MAX_OPEN_ROWS
    return AnswerTable(
        headings,
        [rows[name] for name in (order if is_short else worst or order[:WORST_COUNT])],
        [] if is_short else list(rows.values()),
        f"The worst of the backtest come first: {join_first(worst)}." if len(worst) > 1 else "",
        len(content.series.targets) - len(rows),
    )


def _judge(entry: SeriesTrust | None, level: float | int | None) -> tuple[str, ...]:
    """Return the error relative to the naive forecast, the coverage and the judgement."""
    if entry is None:
        return (MISSING, *([] if level is None else [MISSING]), "not tested")
    held = [] if level is None else [_format_coverage(entry.coverages.get(level))]
    return _format_ratio(entry.error_ratio), *held, STATE_NAMES[entry.state]


def _format_coverage(coverage: float | None) -> str:
    return MISSING if coverage is None else format_percent(coverage)


def _format_ratio(ratio: float) -> str:
    """Return the difference from the error of the naive forecast.

    >>> _format_ratio(0.64), _format_ratio(1.02), _format_ratio(1.0), _format_ratio(4.0)
    ('-36 %', '+2 %', 'the same', '4.0 times')
    """
    if not math.isfinite(ratio):
        return MISSING
    if ratio >= 2:
        return f"{ratio:.1f} times"
    change = format_percent(100 * (ratio - 1))
    if change in ("0 %", "under 1 %"):
        return "the same"
    return f"+{change}" if ratio > 1 else change
