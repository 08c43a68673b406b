"""The section on the data, with its issues, and the table of forecast values."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_timestamp
from revin_forecast.data.quality_checks import DataIssue, IssueKind
from revin_forecast.data.series import Series
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.style import timestamp_format
from revin_forecast.reports.formatting import join_first, to_sentence
from revin_forecast.reports.html import (
    TableCell,
    header_row,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)

MAX_ISSUE_ROWS = 4
"""Series listed one by one for a kind of issue; beyond, one row names as many of them."""
ISSUE_SUMMARIES: dict[IssueKind, str] = {
    "empty": "Without any observed value",
    "constant": "Constant",
    "copy": "Identical to another series",
    "stuck": "With one value repeated for long",
    "spikes": "With spikes",
    "zeros": "Mostly 0",
    "gaps": "With gaps",
    "ended": "Ending before the table does",
    "late": "Beginning after the table does",
}
"""Start of the sentence about several series with the same kind of issue."""
MAX_ROWS = 400
"""Rows of the forecast shown; the download has all."""
MAX_SERIES = 20
"""Series shown of a wide forecast, in which each has columns of its own."""


def render_issue_table(content: ReportContent) -> str:
    """Return the size of the data, its gaps and its issues."""
    series = content.series
    first, last = map(format_timestamp, series.timestamps[[0, -1]])
    unobserved_count, value_count = _count_unobserved(series)
    spans_table = value_count == series.values.size
    span = "" if spans_table else ", from each series' first value to its end"
    text = render_paragraph(
        f"{len(series):,} rows x {len(series.names):,} series, {first} to {last}, step "
        f"{series.frequency or 'unknown'}; {unobserved_count:,} of {value_count:,} values not "
        f"observed{span}."
    )
    if not content.issues:
        return text + render_paragraph("No issues were found.")
    rows = [row for kind in get_args(IssueKind) for row in _issue_rows(content.issues, kind)]
    return text + render_table(header_row("series", "issue", "advice"), rows)


def _count_unobserved(series: Series) -> tuple[int, int]:
    """Return the number of unobserved values and of all values.

    Both are counted from the first value of each series to its own end: outside that span, a long
    table has no rows of the series.
    """
    ends = np.full(len(series.names), len(series))
    if series.last_timestamps is not None and not series.has_aligned_ends:
        ends = series.timestamps.searchsorted(series.last_timestamps, side="right")
    value_count = int(np.maximum(ends - series.first_observed, 0).sum())
    return value_count - int(series.observed.sum()), value_count


def _issue_rows(issues: Sequence[DataIssue], kind: IssueKind) -> list[list[TableCell]]:
    """Return a row for each series with this kind of issue, or a single one if there are many."""
    issues = [issue for issue in issues if issue.kind == kind]
    if len(issues) <= MAX_ISSUE_ROWS:
        return [
            [
                text_cell(issue.series),
                TableCell(to_sentence(issue.description), "words"),
                TableCell(issue.advice, "words"),
            ]
            for issue in issues
        ]
    names = join_first([issue.series for issue in issues], MAX_ISSUE_ROWS)
    first = issues[0]
    text = f"{ISSUE_SUMMARIES[kind]}: {names}. The first: {first.description}."
    return [
        [
            text_cell(f"{len(issues)} series"),
            TableCell(text, "words"),
            TableCell(first.advice, "words"),
        ]
    ]


def render_forecast_table(content: ReportContent) -> str:
    """Return the forecast as a collapsed table."""
    frame, cuts = content.forecast, []
    count = len(content.series.targets)
    shown = frame.head(MAX_ROWS)
    if len(frame) > MAX_ROWS:
        cuts.append(f"{MAX_ROWS} of {len(frame):,} rows")
    if content.series.layout.id is None and count > MAX_SERIES:
        columns_per_series = (frame.shape[1] - 1) // count  # the first column is the time
        shown = shown.iloc[:, : 1 + MAX_SERIES * columns_per_series]
        cuts.append(f"{MAX_SERIES} of {count:,} series")
    columns = [_column_cells(shown.iloc[:, index]) for index in range(shown.shape[1])]
    table = render_table(header_row(*map(str, shown.columns)), list(zip(*columns, strict=True)))
    note = render_paragraph(f"The first {', '.join(cuts)}.") if cuts else ""
    return render_collapsible("Forecast values", note + table)


def _column_cells(column: pd.Series) -> list[TableCell]:
    """Return the cells of a column; timestamps have one format, with the time zone if any."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        timestamps = pd.DatetimeIndex(column)
        zone = "" if timestamps.tz is None else "%z"
        return [
            TableCell(text) for text in timestamps.strftime(timestamp_format(timestamps) + zone)
        ]
    if column.dtype.kind == "f":
        return [TableCell(f"{value:.6g}", "number") for value in column]
    return [TableCell(str(value)) for value in column]
