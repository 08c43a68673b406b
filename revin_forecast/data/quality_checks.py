"""What is odd about the values of a table: told, not mended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from revin_forecast.data.series import Series, format_timestamp, pluralize

MIN_SPIKE_RATIO = 12.0
"""A value so many typical changes away from both neighbours' line is a spike."""
MIN_STUCK_ROWS = 12
"""A value repeated less often is not called stuck."""
INTERPOLATED_ADVICE = (
    "A line was drawn through them. Without --missing interpolate models see the gaps."
)
"""Advice on gaps that were interpolated."""
MAX_ZERO_SHARE = 0.5
"""A larger share of zeros is told."""
MAX_GAP_SHARE = 0.05
"""A larger share of gaps is told even if each is short."""


IssueKind = Literal[
    "empty", "constant", "copy", "stuck", "spikes", "zeros", "gaps", "ended", "late"
]
SERIOUS_KINDS: tuple[IssueKind, ...] = ("empty", "constant", "copy", "stuck", "spikes")
"""What spoils a forecast; the others are only told."""


IssueCheck = Callable[[np.ndarray, pd.DatetimeIndex], tuple[str, str] | None]


@dataclass(frozen=True)
class DataIssue:
    """Something odd about a series."""

    series: str
    kind: IssueKind
    description: str
    """What, how much, where."""
    advice: str

    @property
    def is_serious(self) -> bool:
        """Whether it is likely to spoil the forecast, and can be mended."""
        return self.kind in SERIOUS_KINDS


def find_issues(series: Series) -> list[DataIssue]:
    """Look through every series for what spoils forecasts.

    Gaps, late beginnings, early ends, constant series, stretches where a value is stuck, single
    spikes, counts that are mostly 0, and series that are the same as another; what spoils most
    first.

    >>> stamps = pd.date_range("2024-01-01", periods=40, freq="D")
    >>> values = np.sin(np.arange(40.0))[:, None]
    >>> values[20] = 99
    >>> find_problems(Series(values, stamps, ("sold",), "D"))[0].found
    '1 spike, the largest 99 on 2024-01-21'
    """
    if series.filled is not None:
        measured = np.where(series.observed, series.values, np.nan)
        gapped = find_issues(replace(series, values=measured, filled=None))
        return [
            replace(one, advice=INTERPOLATED_ADVICE) if one.kind == "gaps" else one
            for one in gapped
        ]
    found: list[DataIssue] = []
    for name, (stamps, values) in zip(series.names, series.iter_channels(), strict=True):
        found += [
            DataIssue(name, *one) for one in _iter_series_issues(stamps, values, series.timestamps)
        ]
    order = get_args(IssueKind)
    return sorted(found + list(_iter_copies(series)), key=lambda one: order.index(one.kind))


def _iter_series_issues(
    stamps: pd.DatetimeIndex, values: np.ndarray, whole: pd.DatetimeIndex
) -> Iterator[tuple[IssueKind, str, str]]:
    """Yield what is odd about one series: its kind, what was found, what to do."""
    seen = np.flatnonzero(np.isfinite(values))
    if not len(seen):
        yield "empty", "no value is observed", "Leave it out: name the others with --target."
        return
    first, last = int(seen[0]), int(seen[-1])
    late, ended = (int(whole.searchsorted(stamps[place])) for place in (first, last))
    if late:
        yield (
            "late",
            f"begins {pluralize(late, 'row')} after the table, on {format_timestamp(stamps[first])}",
            "Nothing need be done; it is learnt from where it begins.",
        )
    if ended < len(whole) - 1:
        before = pluralize(len(whole) - 1 - ended, "row")
        yield (
            "ended",
            f"its last value is {before} before the table's end, on {format_timestamp(stamps[last])}",
            "If newer values exist, add them: a forecast from an old end is a longer one.",
        )
    inside, days = values[first : last + 1], stamps[first : last + 1]
    if np.nanmin(inside) == np.nanmax(inside):
        yield (
            "constant",
            f"never changes: all {len(seen)} values are {inside[0]:g}",
            "Leave it out, or check where it comes from.",
        )
        return
    looks: dict[IssueKind, IssueCheck] = {
        "gaps": _describe_gaps,
        "stuck": _describe_stuck_value,
        "spikes": _describe_spikes,
        "zeros": _describe_zeros,
    }
    for kind, look in looks.items():
        told = look(inside, days)
        if told:
            yield kind, *told


def _describe_gaps(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Tell how much is not observed between the first and the last value."""
    starts, lengths = _true_stretches(np.isnan(values))
    if not len(starts):
        return None
    total, place = int(lengths.sum()), int(lengths.argmax())
    many = "" if total / len(values) < MAX_GAP_SHARE else " A forecast is worth less for it."
    gaps = pluralize(len(starts), "gap")
    return (
        f"{total} of {len(values)} values are not observed, in {gaps}; the longest has "
        f"{pluralize(int(lengths[place]), 'row')}, from {format_timestamp(stamps[starts[place]])}",
        f"Nothing need be done: models see what is not observed.{many}",
    )


def _describe_stuck_value(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Tell the longest stretch of one value, where that is unlike the rest of the series."""
    kept = np.flatnonzero(np.isfinite(values))
    same = np.diff(values[kept]) == 0
    starts, lengths = _true_stretches(same)
    if not len(starts):
        return None
    place = int(lengths.argmax())
    longest = int(lengths[place]) + 1
    others = np.sort(lengths)[:-1]
    usual = int(others[-1]) + 1 if len(others) else 1
    if longest < max(MIN_STUCK_ROWS, 4 * usual):
        return None
    at = kept[starts[place]]
    return (
        f"stands at {values[at]:g} for {longest} rows in a row from {format_timestamp(stamps[at])}",
        "If the sensor was stuck or a default was filled in, empty these cells.",
    )


def _describe_spikes(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Tell single values that lie far from the line between their neighbours.

    Of the first and the last one: far from their neighbour, where that is near to the next.
    """
    kept = np.flatnonzero(np.isfinite(values))
    if len(kept) < 20:
        return None
    shown = values[kept]
    change = np.abs(np.diff(shown))
    line = np.abs(shown[1:-1] - (shown[:-2] + shown[2:]) / 2)
    off = np.concatenate([change[:1], line, change[-1:]])
    apart = np.concatenate([change[1:2], np.abs(shown[2:] - shown[:-2]), change[-2:-1]])
    usual = np.quantile(line, 0.9)
    places = (
        np.flatnonzero((off > MIN_SPIKE_RATIO * usual) & (off > 2 * apart)) if usual > 0 else []
    )
    if not len(places):
        return None
    largest = places[int(off[places].argmax())]
    count = f"{pluralize(len(places), 'spike')}, the largest"
    return (
        f"{count} {shown[largest]:g} on {format_timestamp(stamps[kept[largest]])}",
        "If it was not real, empty the cell; --backbone Ridge --normalizer Robust minds it less.",
    )


def _describe_zeros(values: np.ndarray, stamps: pd.DatetimeIndex) -> tuple[str, str] | None:
    """Tell counts of which most are 0."""
    seen = values[np.isfinite(values)]
    share = float((seen == 0).mean())
    if share <= MAX_ZERO_SHARE or seen.min() < 0:
        return None
    return (
        f"{share:.0%} of the values are 0, and none is below",
        "A mean is forecast, and limits may lie below 0: read 0 there. Methods for intermittent "
        "demand may do better.",
    )


def _iter_copies(series: Series) -> Iterator[DataIssue]:
    """Yield series whose every value is another's."""
    first: dict[bytes, str] = {}
    for place, name in enumerate(series.names):
        content = np.ascontiguousarray(series.values[:, place]).tobytes()
        before = first.setdefault(content, name)
        if before != name and np.isfinite(series.values[:, place]).any():
            yield DataIssue(
                name, "copy", f"is the same as {before!r}, value for value", "Leave one out."
            )


def _true_stretches(marked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where stretches of True begin, and how long they are."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    return edges[::2], edges[1::2] - edges[::2]
