"""What is odd about the data."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from revin_forecast.data.problems import Kind, Problem
from revin_forecast.data.series import Series, shown_stamp
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.markup import Cell, heads, name, paragraph, table
from revin_forecast.report.wording import few_of, sentence

MOST = 4
"""Series that are told one by one; of more, as many are named."""
TOGETHER: dict[Kind, str] = {
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


def problem_table(account: Account) -> str:
    """Return what is odd about the data."""
    series = account.series
    first, last = map(shown_stamp, series.timestamps[[0, -1]])
    gaps, places = _unobserved(series)
    counted = "" if places == series.values.size else ", from each series' first value to its end"
    text = paragraph(
        f"{len(series):,} rows x {len(series.names):,} series, {first} to {last}, step "
        f"{series.frequency or 'unknown'}; {gaps:,} of {places:,} values not observed{counted}."
    )
    if not account.problems:
        return text + paragraph("Nothing odd was found.")
    rows = [row for kind in get_args(Kind) for row in _rows(account.problems, kind)]
    return text + table(heads("series", "found", "what to do"), rows)


def _unobserved(series: Series) -> tuple[int, int]:
    """Count what is not observed, and all places, from each first value to each one's own end.

    What lies outside are no rows of a series: in a long table it has none there.
    """
    ends = np.full(len(series.names), len(series))
    if series.lasts is not None and not series.moved:
        ends = series.timestamps.searchsorted(series.lasts, side="right")
    places = int(np.maximum(ends - series.first_observed, 0).sum())
    return places - int(series.observed.sum()), places


def _rows(problems: Sequence[Problem], kind: Kind) -> list[list[Cell]]:
    """Return a row for each series with something odd, or one for all where many have it."""
    found = [one for one in problems if one.kind == kind]
    if len(found) <= MOST:
        return [
            [name(one.series), Cell(sentence(one.found), "words"), Cell(one.advice, "words")]
            for one in found
        ]
    shown = few_of([one.series for one in found], MOST)
    first = found[0]
    text = f"{TOGETHER[kind]}: {shown}. The first: {first.found}."
    return [[name(f"{len(found)} series"), Cell(text, "words"), Cell(first.advice, "words")]]
