"""The judgement of a backtest in words, identical in the page, in text output and in JSON."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from revin_forecast.data.formatting import format_percent, pluralize
from revin_forecast.evaluation.trust import (
    MIN_GAIN,
    MIN_INDEPENDENT,
    SAME_ERROR,
    SeriesTrust,
    State,
    Trust,
)

STATE_NAMES: Mapping[State, str] = {
    "good": "good",
    "mixed": "mixed",
    "bad": "bad",
    "unknown": "too little data to judge",
}
"""Names of the judgements."""
MAX_NAMED_SERIES = 3
"""Most series that a sentence names: the worst."""
MAX_DECIMALS = 4
"""Most decimals of a percentage."""
NOT_TESTED = "the accuracy of this forecast is unknown: there was no backtest"
"""Reason for the lack of a judgement."""
MAX_NAME_CHARACTERS = 28
"""Longer names of series are cut."""


def describe_trust(trust: Trust | None) -> str:
    """Return the judgement with its reasons as one sentence, the worst first.

    It begins with the name of the judgement, as in "mixed: realinv is worse than ...".

    Args:
        trust: the judgement; None: no backtest was possible.
    """
    if trust is None:
        return f"not tested: {NOT_TESTED}"
    faults = [*_describe_faults(trust)]
    if trust.state == "unknown":
        # A success in a few forecasts is not a reason to trust them, so their number comes first.
        is_worse = any(entry.is_worse for entry in trust.series)
        error = [] if is_worse else describe_error(trust.error_ratio, trust.naive)
        if all(math.isnan(entry.error_ratio) and entry.is_observed for entry in trust.series):
            error = ["the rows do not vary, so errors have no scale"]
        reasons = [count_forecasts(trust), *error, *faults]
    else:
        reasons = [*(faults or [_describe_success(trust)]), count_forecasts(trust)]
    return f"{STATE_NAMES[trust.state]}: {'; '.join(reasons)}"


def count_forecasts(trust: Trust) -> str:
    """Return the number of forecasts, and of the independent ones where they overlap."""
    forecasts = pluralize(trust.forecasts, "forecast")
    if trust.independent == trust.forecasts:
        return forecasts
    return f"{forecasts}, about {trust.independent:,} of them independent"


def list_remarks(trust: Trust) -> list[str]:
    """Return the facts behind the judgement, a sentence each without a full stop."""
    remarks = []
    is_one = len(trust.series) == 1
    overall = describe_error(trust.error_ratio, trust.naive)
    if not is_one and overall:
        better = sum(entry.is_better for entry in trust.series)
        compared = sum(math.isfinite(entry.error_ratio) for entry in trust.series)
        remarks.append(
            f"over all series {overall[0]}; it is lower by more than {100 * MIN_GAIN:g} % than "
            f"that of the better naive forecast in {better:,} of {compared:,}"
        )
    elif trust.state in ("mixed", "bad") and not trust.series[0].is_worse:
        remarks += overall
    if trust.coverages:
        remarks.append(
            f"{'' if is_one else 'over all series '}the {_list_coverages(trust.coverages)}"
        )
    hidden = _order_levels(trust)[1:]
    for level in hidden:
        remarks += _describe_coverage(trust, level, is_narrow=True)
    if trust.coverages and trust.independent >= MIN_INDEPENDENT:
        level = min(trust.coverages)
        error = math.sqrt(level * (100 - level) / trust.independent)
        remarks.append(
            f"with {count_forecasts(trust)}, chance alone moves the share held by {level:g} % "
            f"intervals by about {max(1, round(error))} points"
        )
    return remarks


def to_trust_record(trust: Trust | None) -> dict[str, Any] | None:
    """Return the judgement as plain values, with its sentence; None without a backtest."""
    if trust is None:
        return None
    series = [asdict(entry) | {"is_worse": entry.is_worse} for entry in trust.series]
    return {"state": trust.state, "text": describe_trust(trust), **asdict(trust), "series": series}


def sort_worst_first(series: Sequence[SeriesTrust]) -> list[SeriesTrust]:
    """Return the series by judgement, then by the error relative to the naive forecast."""
    rank: Sequence[State] = ("bad", "mixed", "unknown", "good")
    return sorted(series, key=lambda entry: (rank.index(entry.state), -_size(entry.error_ratio)))


def _size(ratio: float) -> float:
    return -math.inf if math.isnan(ratio) else ratio


def _describe_faults(trust: Trust) -> Iterator[str]:
    several = len(trust.series) > 1
    for level in _order_levels(trust)[:1]:
        yield from _describe_coverage(trust, level, is_narrow=True)
    yield from _describe_worse(trust, several)
    for level in _order_levels(trust)[:1]:
        yield from _describe_coverage(trust, level, is_narrow=False)
    equal = [
        entry
        for entry in trust.series
        if not entry.is_better and entry.error_ratio < 1 + SAME_ERROR
    ]
    if equal and several:
        verb = "is" if len(equal) == 1 else "are"
        yield f"{_name(equal)} {verb} hardly better than repeating past values"
    elif equal:
        yield f"the forecast is hardly better than {equal[0].naive}"
    if trust.unchecked_series:
        names, total = trust.unchecked_series, len(trust.series) + len(trust.excluded_series)
        yield (
            f"{len(names):,} of {total:,} series could not be checked, because values are missing "
            f"before or among the last rows: {_join_names(names)}"
        )
    if trust.model_change:
        yield trust.model_change


def _order_levels(trust: Trust) -> list[float | int]:
    """Return the interval levels, that with the most series that are too narrow first."""
    if trust.independent < 2:  # a single forecast says nothing about coverage
        return []
    narrow = Counter(level for entry in trust.series for level in entry.narrow_levels)
    wide = Counter(level for entry in trust.series for level in entry.wide_levels)
    return sorted(trust.tolerances, key=lambda level: (-narrow[level], -wide[level]))


def _describe_coverage(trust: Trust, level: float | int, is_narrow: bool) -> Iterator[str]:
    """Yield a sentence on the series whose intervals of a level are too narrow, or too wide."""
    found = [
        entry
        for entry in trust.series
        if level in (entry.narrow_levels if is_narrow else entry.wide_levels)
    ]
    if not found:
        return
    sign = 1 if is_narrow else -1
    found.sort(key=lambda entry: sign * entry.coverages[level])
    if len(trust.series) == 1:
        share = format_percent(found[0].coverages[level])
        held = f"held only {share}" if is_narrow else f"are too wide: they held {share}"
        yield f"the {level:g} % intervals {held} of the values"
        return
    bound = f"{level - sign * trust.tolerances[level]:g} %"
    named = [
        f"{_shorten(entry.series)} ({_format_unlike(entry.coverages[level], bound)})"
        for entry in found[:MAX_NAMED_SERIES]
    ]
    more = f" and {len(found) - len(named):,} more" if len(found) > len(named) else ""
    side = "under" if is_narrow else "over"
    verb = "holds" if len(found) == 1 else "hold"
    yield (
        f"{len(found):,} of {len(trust.series):,} series {verb} {side} {bound} of the values in "
        f"{level:g} % intervals: {', '.join(named)}{more}"
    )


def _format_unlike(coverage: float, bound: str) -> str:
    """Return a coverage with as many decimals as it needs to differ from a bound.

    >>> _format_unlike(84.6, "85 %"), _format_unlike(95.02, "95 %"), _format_unlike(78.0, "85 %")
    ('84.6 %', '95.02 %', '78 %')
    """
    if format_percent(coverage) != bound:
        return format_percent(coverage)
    texts = (f"{coverage:.{decimals}f} %" for decimals in range(1, MAX_DECIMALS + 1))
    limit = float(bound.removesuffix(" %"))
    return next((text for text in texts if float(text.removesuffix(" %")) != limit), bound)


def _describe_worse(trust: Trust, several: bool) -> Iterator[str]:
    worse = [entry for entry in sort_worst_first(trust.series) if entry.is_worse]
    if not worse:
        return
    naive = {entry.naive for entry in worse}
    than = f"worse than {naive.pop() if len(naive) == 1 else 'repeating past values'}"
    if not several:
        ratio = worse[0].error_ratio
        size = f": its error is {ratio:.2f} times as large" if math.isfinite(ratio) else ""
        yield f"the forecast is {than}{size}"
    elif len(worse) == 1:
        yield f"{_name(worse)} is {than}"
    else:
        yield f"{len(worse):,} of {len(trust.series):,} series are {than}: {_name(worse)}"


def _describe_success(trust: Trust) -> str:
    """Return the sentence on a backtest without a fault."""
    error = describe_error(trust.error_ratio, trust.naive) or ["the rows do not vary"]
    if len(trust.series) > 1 and math.isfinite(trust.error_ratio):
        error = [f"every series beats repeating past values; over all series {error[0]}"]
    if not trust.coverages:
        return error[0]
    return f"{error[0]}, and the {_list_coverages(trust.coverages)}"


def describe_error(ratio: float, naive: str) -> list[str]:
    """Return a clause on the mean error relative to the naive forecast; none without a scale."""
    if not math.isfinite(ratio):
        return []
    if abs(ratio - 1) < SAME_ERROR:
        return [f"the error is that of {naive}"]
    size, side = (1 - ratio, "lower") if ratio < 1 else (ratio - 1, "higher")
    return [f"the error is {format_percent(100 * size)} {side} than that of {naive}"]


def _list_coverages(coverages: Mapping[float | int, float]) -> str:
    listed = [
        f"{level:g} % intervals held {format_percent(coverage)}"
        for level, coverage in coverages.items()
    ]
    return f"{' and the '.join(listed)} of the values"


def _name(entries: Sequence[SeriesTrust]) -> str:
    return _join_names([entry.series for entry in entries])


def _join_names(names: Sequence[str]) -> str:
    shown = [_shorten(name) for name in names[:MAX_NAMED_SERIES]]
    if len(names) > len(shown):
        return f"{', '.join(shown)} and {len(names) - len(shown):,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _shorten(name: str) -> str:
    if len(name) <= MAX_NAME_CHARACTERS:
        return name
    return f"{name[: MAX_NAME_CHARACTERS - 1]}…"
