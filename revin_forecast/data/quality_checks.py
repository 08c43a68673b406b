"""Checks for problems in a table's values, which are reported but not corrected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_timestamp, pluralize
from revin_forecast.data.series import Series

MIN_SPIKE_RATIO = 12.0
"""Distance of a spike from the line between its neighbours, in typical distances."""
MIN_STUCK_ROWS = 12
"""Fewest consecutive repeats of a value that count as stuck."""
INTERPOLATED_ADVICE = (
    "They were interpolated. Without --missing interpolate, models know which values are missing."
)
"""Advice for gaps that were interpolated."""
MAX_ZERO_SHARE = 0.5
"""A larger share of zeros is reported."""
MAX_GAP_SHARE = 0.05
"""A larger share of gaps is reported to cost accuracy."""

IssueKind = Literal[
    "empty", "constant", "copy", "stuck", "spikes", "zeros", "gaps", "ended", "late"
]
SERIOUS_KINDS: tuple[IssueKind, ...] = ("empty", "constant", "copy", "stuck", "spikes")
"""Issues that are likely to harm the forecast and can be corrected."""

IssueCheck = Callable[[np.ndarray, pd.DatetimeIndex], tuple[str, str] | None]


@dataclass(frozen=True)
class DataIssue:
    """A problem in the values of a series."""

    series: str
    kind: IssueKind
    description: str
    """The problem, its extent and its position."""
    advice: str

    @property
    def is_serious(self) -> bool:
        """Whether the issue is likely to harm the forecast and can be corrected."""
        return self.kind in SERIOUS_KINDS


def find_issues(series: Series) -> list[DataIssue]:
    """Find problems in every series that may harm its forecast, the most harmful ones first.

    These are gaps, late starts, early ends, constant series, stuck values, single spikes, counts
    that are mostly 0, and copies of another series.

    >>> stamps = pd.date_range("2024-01-01", periods=40, freq="D")
    >>> values = np.sin(np.arange(40.0))[:, None]
    >>> values[20] = 99
    >>> find_issues(Series(values, stamps, ("sold",), "D"))[0].description
    '1 spike, the largest 99 on 2024-01-21'
    """
    # Interpolated values would hide the gaps.
    if series.filled is not None:
        measured = np.where(series.observed, series.values, np.nan)
        issues = find_issues(replace(series, values=measured, filled=None))
        return [
            replace(issue, advice=INTERPOLATED_ADVICE) if issue.kind == "gaps" else issue
            for issue in issues
        ]
    issues: list[DataIssue] = []
    for name, (stamps, values) in zip(series.names, series.iter_channels(), strict=True):
        for parts in _iter_series_issues(stamps, values, series.timestamps):
            issues.append(DataIssue(name, *parts))
    # The order of the literals is that of the harm.
    order = get_args(IssueKind)
    return sorted([*issues, *_iter_copies(series)], key=lambda issue: order.index(issue.kind))


def _iter_series_issues(
    stamps: pd.DatetimeIndex, values: np.ndarray, table_stamps: pd.DatetimeIndex
) -> Iterator[tuple[IssueKind, str, str]]:
    """Yield kind, description and advice of each issue of one series."""
    observed_rows = np.flatnonzero(np.isfinite(values))
    if not len(observed_rows):
        yield "empty", "no value is observed", "Leave it out: name the others with --target."
        return
    first, last = int(observed_rows[0]), int(observed_rows[-1])
    start, end = (int(table_stamps.searchsorted(stamps[row])) for row in (first, last))
    if start:
        rows, stamp = pluralize(start, "row"), format_timestamp(stamps[first])
        yield (
            "late",
            f"begins {rows} after the table, on {stamp}",
            "No action is needed: models learn from the rows after its beginning.",
        )
    if end < len(table_stamps) - 1:
        rows, stamp = pluralize(len(table_stamps) - 1 - end, "row"), format_timestamp(stamps[last])
        yield (
            "ended",
            f"its last value is {rows} before the table's end, on {stamp}",
            "If newer values exist, add them: accuracy falls with distance from the last value.",
        )
    # Rows before the first and after the last value are reported above, not as gaps.
    inside, days = values[first : last + 1], stamps[first : last + 1]
    if np.nanmin(inside) == np.nanmax(inside):
        yield (
            "constant",
            f"never changes: all {len(observed_rows)} values are {inside[0]:g}",
            "Leave it out, or check where it comes from.",
        )
        return
    checks: dict[IssueKind, IssueCheck] = {
        "gaps": _describe_gaps,
        "stuck": _describe_stuck_value,
        "spikes": _describe_spikes,
        "zeros": _describe_zeros,
    }
    for kind, check in checks.items():
        description_and_advice = check(inside, days)
        if description_and_advice:
            yield kind, *description_and_advice


def _describe_gaps(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Describe the unobserved values between the first and the last value."""
    starts, lengths = _find_true_runs(np.isnan(values))
    if not len(starts):
        return None
    total, longest = int(lengths.sum()), int(lengths.argmax())
    warning = "" if total / len(values) < MAX_GAP_SHARE else " Expect a less accurate forecast."
    gaps = pluralize(len(starts), "gap")
    return (
        f"{total} of {len(values)} values are not observed, in {gaps}; the longest has "
        f"{pluralize(int(lengths[longest]), 'row')}, from "
        f"{format_timestamp(stamps[starts[longest]])}",
        f"No action is needed: models know which values are missing.{warning}",
    )


def _describe_stuck_value(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Describe the longest run of one value if it is much longer than the other runs."""
    observed_rows = np.flatnonzero(np.isfinite(values))
    same = np.diff(values[observed_rows]) == 0
    starts, lengths = _find_true_runs(same)
    if not len(starts):
        return None
    index = int(lengths.argmax())
    longest = int(lengths[index]) + 1
    others = np.sort(lengths)[:-1]
    usual = int(others[-1]) + 1 if len(others) else 1
    # Compared with the second longest run, so that switches and counts with many zeros pass.
    if longest < max(MIN_STUCK_ROWS, 4 * usual):
        return None
    row = observed_rows[starts[index]]
    return (
        f"is {values[row]:g} in {longest} consecutive rows from {format_timestamp(stamps[row])}",
        "If the sensor was stuck or a default was filled in, empty these cells.",
    )


def _describe_spikes(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Describe single values that are far from the midpoint of their neighbours.

    The first and the last value have one neighbour: they are spikes if they are far from it, and
    it is near the next one.
    """
    observed_rows = np.flatnonzero(np.isfinite(values))
    # Fewer values give no reliable typical distance.
    if len(observed_rows) < 20:
        return None
    observed = values[observed_rows]
    change = np.abs(np.diff(observed))
    bend = np.abs(observed[1:-1] - (observed[:-2] + observed[2:]) / 2)
    distance = np.concatenate([change[:1], bend, change[-1:]])
    neighbour_gap = np.concatenate(
        [change[1:2], np.abs(observed[2:] - observed[:-2]), change[-2:-1]]
    )
    # A high quantile, so that a series with occasional jumps has few spikes.
    usual = np.quantile(bend, 0.9)
    # At a step of the level the neighbours differ as much as the value, so it is not a spike.
    is_spike = (distance > MIN_SPIKE_RATIO * usual) & (distance > 2 * neighbour_gap)
    spikes = np.flatnonzero(is_spike) if usual > 0 else []
    if not len(spikes):
        return None
    largest = spikes[int(distance[spikes].argmax())]
    count = f"{pluralize(len(spikes), 'spike')}, the largest"
    return (
        f"{count} {observed[largest]:g} on {format_timestamp(stamps[observed_rows[largest]])}",
        "If it was not real, empty the cell; --backbone Ridge --normalizer Robust is less "
        "sensitive to it.",
    )


def _describe_zeros(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Describe counts that are mostly 0."""
    observed = values[np.isfinite(values)]
    share = float((observed == 0).mean())
    if share <= MAX_ZERO_SHARE or observed.min() < 0:
        return None
    return (
        f"is mostly 0 ({share:.0%}) and never negative",
        "Read the sum of its forecast over several steps: a single step is a mean. The automatic "
        "choice has a method for intermittent demand (TSB).",
    )


def _iter_copies(series: Series) -> Iterator[DataIssue]:
    """Yield series that are equal to an earlier one."""
    first: dict[bytes, str] = {}
    for index, name in enumerate(series.names):
        # By hash of the bytes: comparing all pairs is quadratic in the number of series.
        content = np.ascontiguousarray(series.values[:, index]).tobytes()
        original = first.setdefault(content, name)
        if original != name and np.isfinite(series.values[:, index]).any():
            yield DataIssue(
                name, "copy", f"is the same as {original!r}, value for value", "Leave one out."
            )


def _find_true_runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the starts and the lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return edges[::2], edges[1::2] - edges[::2]
