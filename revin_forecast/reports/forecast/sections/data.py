"""What is odd about the data."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pandas as pd

from revin_forecast.data.quality_checks import DataIssue, IssueKind
from revin_forecast.data.series import Series, format_timestamp
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.style import timestamp_format
from revin_forecast.reports.formatting import join_first, to_sentence
from revin_forecast.reports.html import (
    Cell,
    header_row,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)

MAX_ISSUE_ROWS = 4
"""Series that are told one by one; of more, as many are named."""
ISSUE_SUMMARIES: dict[IssueKind, str] = {
    "empty": "No value is observed",
    "constant": "Never change",
    "copy": "Are the same as another series",
    "stuck": "Stand at one value for long",
    "spikes": "Have spikes",
    "zeros": "Are mostly 0",
    "gaps": "Have gaps",
    "ended": "End before the table does",
    "late": "Begin after the table does",
}


def render_issue_table(content: ReportContent) -> str:
    """Return what is odd about the data."""
    series = content.series
    first, last = map(format_timestamp, series.timestamps[[0, -1]])
    gaps, places = _count_unobserved(series)
    counted = "" if places == series.values.size else ", from each series' first value to its end"
    text = render_paragraph(
        f"{len(series):,} rows x {len(series.names):,} series, {first} to {last}, step "
        f"{series.frequency or 'unknown'}; {gaps:,} of {places:,} values not observed{counted}."
    )
    if not content.issues:
        return text + render_paragraph("Nothing odd was found.")
    rows = [row for kind in get_args(IssueKind) for row in _issue_rows(content.issues, kind)]
    return text + render_table(header_row("series", "found", "what to do"), rows)


def _count_unobserved(series: Series) -> tuple[int, int]:
    """Count what is not observed, and all places, from each first value to each one's own end.

    What lies outside are no rows of a series: in a long table it has none there.
    """
    ends = np.full(len(series.names), len(series))
    if series.last_timestamps is not None and not series.has_aligned_ends:
        ends = series.timestamps.searchsorted(series.last_timestamps, side="right")
    places = int(np.maximum(ends - series.first_observed, 0).sum())
    return places - int(series.observed.sum()), places


def _issue_rows(issues: Sequence[DataIssue], kind: IssueKind) -> list[list[Cell]]:
    """Return a row for each series with something odd, or one for all where many have it."""
    found = [one for one in issues if one.kind == kind]
    if len(found) <= MAX_ISSUE_ROWS:
        return [
            [
                text_cell(one.series),
                Cell(to_sentence(one.description), "words"),
                Cell(one.advice, "words"),
            ]
            for one in found
        ]
    shown = join_first([one.series for one in found], MAX_ISSUE_ROWS)
    first = found[0]
    text = f"{ISSUE_SUMMARIES[kind]}: {shown}. The first: {first.description}."
    return [[text_cell(f"{len(found)} series"), Cell(text, "words"), Cell(first.advice, "words")]]


MAX_ROWS = 400
"""Rows shown; the download has all."""
MAX_SERIES = 20
"""Series shown of a wide table, where each has columns of its own."""


def render_forecast_table(content: ReportContent) -> str:
    """Return the forecast's numbers, folded."""
    frame, more = content.forecast, []
    count = len(content.series.targets)
    shown = frame.head(MAX_ROWS)
    if len(frame) > MAX_ROWS:
        more.append(f"{MAX_ROWS} of {len(frame):,} rows")
    if content.series.layout.id is None and count > MAX_SERIES:
        each = (frame.shape[1] - 1) // count  # columns of a series; the first is time
        shown = shown.iloc[:, : 1 + MAX_SERIES * each]
        more.append(f"{MAX_SERIES} of {count:,} series")
    cells = [_column_cells(shown.iloc[:, place]) for place in range(shown.shape[1])]
    text = render_table(header_row(*map(str, shown.columns)), list(zip(*cells, strict=True)))
    return render_collapsible(
        "The numbers", render_paragraph(f"The first {', '.join(more)}.") * bool(more) + text
    )


def _column_cells(column: pd.Series) -> list[Cell]:
    """Return a column's cells; stamps are written in one form, with the zone if they have one."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        stamps = pd.DatetimeIndex(column)
        zone = "" if stamps.tz is None else "%z"
        return [Cell(text) for text in stamps.strftime(timestamp_format(stamps) + zone)]
    if column.dtype.kind == "f":
        return [Cell(f"{value:.6g}", "number") for value in column]
    return [Cell(str(value)) for value in column]
