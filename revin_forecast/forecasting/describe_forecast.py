"""Summary of a forecast in words, which begins with the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from revin_forecast.data.amounts import describe_change, find_resolution, format_amount
from revin_forecast.data.formatting import format_percent, pluralize
from revin_forecast.data.step_words import StepWords
from revin_forecast.forecasting.forecast_summary import ForecastSummary, SeriesSummary

MAX_LISTED_SERIES = 10
"""Most series with a row of their own."""
MAX_NAMED_SERIES = 3
"""Most series that are named as the worst."""
MIN_PERCENT_TESTS = 10
"""Number of tests below which their share is not in percent."""
NO_TESTS = "there are too few rows to test the forecast on past ones: its error is not known"


@dataclass(frozen=True)
class ForecastText:
    """A summary in words: sentences, and a table for several series."""

    answer: list[str]
    """Parts of the answer; without a full stop, as they may be joined."""
    headings: tuple[str, ...] = ()
    """Headings of the table; empty without one."""
    rows: tuple[tuple[str, ...], ...] = ()
    """A row for each series listed."""
    remarks: tuple[str, ...] = ()
    """Sentences after the table."""
    series: tuple[str, ...] = ()
    """Name of the series of each row, in full."""


def describe_forecast(
    summary: ForecastSummary, max_series: int = MAX_LISTED_SERIES
) -> ForecastText:
    """Put the summary of a forecast into words.

    Args:
        summary: the summary.
        max_series: most series with a row of their own.
    """
    if len(summary.series) == 1:
        return ForecastText(_describe_one(summary, summary.series[0]))
    return _describe_several(summary, max_series)


def _describe_one(summary: ForecastSummary, entry: SeriesSummary) -> list[str]:
    """Return the parts of the answer for a single series."""
    step = StepWords.from_frequency(summary.frequency)
    resolution = find_resolution(entry.mean, entry.spread)
    amount = format_amount(entry.mean, resolution)
    if entry.is_constant:
        each = "" if summary.horizon == 1 else " in each"
        return [f"{_describe_span(summary, entry.series)}: {amount}{each}, as in the rows before"]
    if entry.is_intermittent and summary.horizon > 1:
        total = format_amount(entry.total, find_resolution(entry.total, 0.0))
        amount = f"{total} in all, {amount} {step.each} on average"
    elif summary.horizon > 1:
        amount += f" {step.each} on average"
    parts = [f"{_describe_span(summary, entry.series)}: {amount}"]
    if entry.past_mean is not None:
        change = describe_change(entry.mean, entry.past_mean, entry.change_percent, resolution)
        parts[0] += f", {change} {_name_past(summary)}"
    if _has_end(summary, entry):
        parts.append("; ".join([_describe_end(summary, entry), *_describe_now(summary, entry)]))
    else:
        parts += _describe_range(summary, entry)
    return parts + _describe_tests(summary)


def _has_end(summary: ForecastSummary, entry: SeriesSummary) -> bool:
    """Return whether the last step says more than the average."""
    return summary.horizon > 1 and entry.final is not None and not entry.is_intermittent


def _describe_end(summary: ForecastSummary, entry: SeriesSummary) -> str:
    """Return the last step with its interval, and the highest step if that is another one."""
    step = StepWords.from_frequency(summary.frequency)
    end = "at the end" if summary.last is None else f"by {step.format_stamp(summary.last)}"
    text = f"{end}: {_format_near(entry.final, entry)}"
    if summary.level is not None and entry.last_range is not None:
        limits = _join_range(entry.last_range, entry.spread, "to")
        text += f" ({summary.level:g} %: {limits})"
    highest = _format_near(entry.highest, entry)
    is_higher = highest != _format_near(entry.final, entry)
    if is_higher and entry.highest_time not in (None, summary.last):
        stamp = step.format_stamp(entry.highest_time)
        text += f"; highest {highest} {'on' if stamp.count('-') == 2 else 'in'} {stamp}"
    return text


def _describe_now(summary: ForecastSummary, entry: SeriesSummary) -> list[str]:
    """Return the last value, and that of a season before."""
    step = StepWords.from_frequency(summary.frequency)
    parts = []
    if entry.now is not None:
        parts.append(f"now {_format_near(entry.now, entry)}")
    if entry.ago is not None:
        parts.append(f"{step.describe_span(summary.season)} ago {_format_near(entry.ago, entry)}")
    return parts


def _format_near(amount: float | None, entry: SeriesSummary) -> str:
    """Return an amount, rounded as the forecast of its series is."""
    if amount is None:
        return ""
    return format_amount(amount, find_resolution(amount, entry.spread))


def _describe_several(summary: ForecastSummary, max_series: int) -> ForecastText:
    """Return a table of the first series, and the sentences about all."""
    listed = summary.series[:max_series]
    step = StepWords.from_frequency(summary.frequency)
    headings, columns = ["series"], []
    if any(_has_end(summary, entry) for entry in listed):
        end = "end" if summary.last is None else step.format_stamp(summary.last)
        headings += ["now", f"by {end}"]
        columns.append([_format_near(entry.now, entry) for entry in listed])
        columns.append([_format_near(entry.final, entry) for entry in listed])
    headings.append(f"{step.each} on average" if summary.horizon > 1 else "forecast")
    columns.append([_format_near(entry.mean, entry) for entry in listed])
    if any(entry.past_mean is not None for entry in listed):
        headings.append(f"against {_name_past(summary)}")
        columns.append([_describe_cell_change(entry) for entry in listed])
    if summary.level is not None:
        limits = " limits, lowest to highest" if summary.horizon > 1 else ""
        headings.append(f"{summary.level:g} %{limits}")
        columns.append([_describe_widest(entry) for entry in listed])
    names = [_shorten(entry.series) for entry in listed]
    hidden = len(summary.series) - len(listed)
    remarks = [f"and {hidden:,} more series"] if hidden else []
    remarks += [*_describe_total(summary), *_describe_tests(summary), *_describe_rates(listed)]
    return ForecastText(
        [f"{_describe_span(summary, f'{len(summary.series):,} series')}:"],
        tuple(headings),
        tuple(zip(names, *columns, strict=True)),
        tuple(remarks),
        tuple(entry.series for entry in listed),
    )


def _describe_rates(listed: Sequence[SeriesSummary]) -> list[str]:
    """Return a sentence if the mean of a mostly zero series exceeds its own limits."""
    rates = [entry for entry in listed if entry.is_intermittent]
    is_outside = any(entry.widest_range and entry.mean > entry.widest_range[1] for entry in rates)
    text = "the forecast of a mostly zero series is a mean, which may exceed the limits of a step"
    return [text] if is_outside else []


def _describe_span(summary: ForecastSummary, subject: str) -> str:
    """Return the steps of the forecast, such as "next 12 months of sold, 2025-01 to 2025-12"."""
    step = StepWords.from_frequency(summary.frequency)
    steps = step.one if summary.horizon == 1 else f"{summary.horizon:,} {step.many}"
    text = f"next {steps} of {_shorten(subject)}"
    if summary.first is None or summary.last is None:
        return f"{text}, each from its own end"
    first, last = step.format_stamp(summary.first), step.format_stamp(summary.last)
    return f"{text}, {first}" if summary.horizon == 1 else f"{text}, {first} to {last}"


def _name_past(summary: ForecastSummary) -> str:
    """Return the name of the rows that the forecast is compared with."""
    step = StepWords.from_frequency(summary.frequency)
    if summary.past_lag == summary.past_steps:
        return "the last value" if summary.past_steps == 1 else f"the last {summary.past_steps:,}"
    same = step.short if summary.past_steps == 1 else f"{step.short}s"
    return f"the same {same} {step.describe_span(summary.past_lag)} before"


def _describe_range(summary: ForecastSummary, entry: SeriesSummary) -> list[str]:
    """Return the interval of the first and the last step.

    Limits of the average would need the dependence of the errors of different steps, which is not
    known.
    """
    if summary.level is None or entry.first_range is None or entry.last_range is None:
        return []
    step = StepWords.from_frequency(summary.frequency)
    first, last = (
        _join_range(limits, entry.spread) for limits in (entry.first_range, entry.last_range)
    )
    text = f"{summary.level:g} % between {first}"
    if summary.horizon == 1:
        return [text]
    if first == last:
        return [f"{text} for the first {step.short} and for the last"]
    return [f"{text} for the first {step.short}, {last} for the last"]


def _describe_widest(entry: SeriesSummary) -> str:
    if entry.widest_range is None or entry.is_constant:
        return ""
    return _join_range(entry.widest_range, entry.spread, "to")


def _join_range(limits: tuple[float, float], spread: float, word: str = "and") -> str:
    resolution = find_resolution(max(map(abs, limits)), spread)
    low, high = (format_amount(limit, resolution) for limit in limits)
    return f"{low} {word} {high}"


def _describe_cell_change(entry: SeriesSummary) -> str:
    """Return a change for a cell of the table: a percentage, or the past amount."""
    if entry.past_mean is None:
        return ""
    resolution = find_resolution(entry.mean, entry.spread)
    change = describe_change(entry.mean, entry.past_mean, entry.change_percent, resolution)
    if entry.change_percent is None or change == "the same as":
        return change.removesuffix(" in").removesuffix(" as")
    size, word = change.split(" % ")
    return f"{'+' if word == 'above' else '-'}{size} %"


def _describe_total(summary: ForecastSummary) -> list[str]:
    """Return the sum over all series, if it has a meaning."""
    if summary.total is None:
        return []
    resolution = find_resolution(summary.total, 0.0)
    text = f"all series together: {format_amount(summary.total, resolution)}"
    if summary.past_total is None or not summary.past_total > 0:
        return [text]
    percent = 100 * (summary.total / summary.past_total - 1)
    change = describe_change(summary.total, summary.past_total, percent, resolution)
    return [f"{text}, {change} {_name_past(summary)}"]


def _describe_tests(summary: ForecastSummary) -> list[str]:
    """Return the comparison with the naive forecast in the tests of the fit."""
    # Models of earlier versions and models of quantiles have no such tests.
    if summary.naive_season is None:
        return []
    # Every forecast of a constant series is right, and proves nothing.
    tested = [entry for entry in summary.series if entry.tests and not entry.is_constant]
    if not tested:
        # The mean of an intermittent series is not meant to have the least absolute error.
        is_expected = all(entry.is_intermittent or entry.is_constant for entry in summary.series)
        return [] if is_expected else [NO_TESTS]
    count = sum(entry.tests for entry in tested)
    as_good = sum(entry.as_good for entry in tested)
    share = format_percent(100 * as_good / count) if count >= MIN_PERCENT_TESTS else f"{as_good}"
    series = _count_tested(len(tested), len(summary.series))
    use = "choose" if summary.tests_chose_model else "tune"
    steps = summary.tested_steps or summary.horizon
    reach = f" of up to {pluralize(steps, 'step')}" if steps < summary.horizon else ""
    return [
        f"as good as or better than repeating {_name_season(summary)} in {share} of "
        f"{pluralize(count, 'test')}{reach}{series} on past rows, which also served to {use} the "
        f"model{_describe_worst(tested)}"
    ]


def _count_tested(tested: int, total: int) -> str:
    if tested == total:
        return f" of {tested:,} series" if total > 1 else ""
    return (
        f" of {tested:,} of {total:,} series (others are constant, mostly zero or short of values)"
    )


def _describe_worst(tested: Sequence[SeriesSummary]) -> str:
    """Return the series that are not better than the naive forecast in most tests, the worst first.

    A mean over series would hide them.
    """
    worse = sorted(
        (entry for entry in tested if 2 * entry.as_good <= entry.tests),
        key=lambda entry: entry.as_good / entry.tests,
    )
    if not worse or len(tested) == 1:
        return ""
    named = [
        f"{_shorten(entry.series)} ({entry.as_good} of {entry.tests})"
        for entry in worse[:MAX_NAMED_SERIES]
    ]
    more = f" and {len(worse) - len(named):,} more" if len(worse) > len(named) else ""
    verb = "is" if len(worse) == 1 else "are"
    return f"; {', '.join(named)}{more} {verb} not better in most tests"


def _name_season(summary: ForecastSummary) -> str:
    season = summary.naive_season or 1
    if season == 1:
        return "the last value"
    return StepWords.from_frequency(summary.frequency).describe_season(season)


def _shorten(name: str, limit: int = 40) -> str:
    return name if len(name) <= limit else f"{name[: limit - 3]}..."


def list_lines(text: ForecastText, table: Sequence[str] = ()) -> list[str]:
    """Return a summary and its table as lines; each but the first is indented."""
    answer = [*text.answer, *table, *text.remarks]
    return [answer[0], *(f"  {line}" for line in answer[1:])]
