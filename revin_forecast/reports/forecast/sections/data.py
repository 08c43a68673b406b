"""The section on the data, with its issues."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
from markupsafe import Markup

from revin_forecast.data.quality_checks import DataIssue, IssueKind
from revin_forecast.data.series import Series
from revin_forecast.data.step_words import describe_frequency
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.formatting import join_first, to_sentence
from revin_forecast.reports.templates import render_template

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


def render_data(content: ReportContent) -> Markup:
    """Return the size of the data, its gaps and its issues."""
    frequency = content.series.frequency
    unobserved_count, value_count = _count_unobserved(content.series)
    return render_template(
        "forecast/sections/data.html.jinja",
        series=content.series,
        step=describe_frequency(frequency) if frequency else "in steps of unknown length",
        notes=content.series.notes,
        unobserved_count=unobserved_count,
        value_count=value_count,
        issues=[row for kind in get_args(IssueKind) for row in _issue_rows(content.issues, kind)],
    )


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


def _issue_rows(issues: Sequence[DataIssue], kind: IssueKind) -> list[dict[str, str]]:
    """Return a row for each series with this kind of issue, or a single one if there are many."""
    issues = [issue for issue in issues if issue.kind == kind]
    if len(issues) <= MAX_ISSUE_ROWS:
        return [
            {
                "series": issue.series,
                "description": to_sentence(issue.description),
                "advice": issue.advice,
            }
            for issue in issues
        ]
    names = join_first([issue.series for issue in issues], MAX_ISSUE_ROWS)
    first = issues[0]
    text = f"{ISSUE_SUMMARIES[kind]}: {names}. The first: {first.description}."
    return [{"series": f"{len(issues)} series", "description": text, "advice": first.advice}]
