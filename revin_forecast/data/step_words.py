"""Steps and spans of time in words: months, 15-minute steps, a year before."""

import calendar
import re
from dataclasses import dataclass

import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.data.formatting import format_timestamp

DAY_SECONDS = 24 * 60 * 60
_NAMES = {"D": "day", "B": "business day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}
"""Words for pandas offsets, by their name without its variant (start, end, business)."""
_NAMES |= {"C": "business day", "bh": "business hour", "cbh": "business hour", "SM": "half-month"}
_SPANS = {"business day": (5, "week"), "week": (52, "year")}
"""Number of steps that make up a longer span, and the word for it."""
_SPANS |= {"month": (12, "year"), "quarter": (4, "year"), "half-month": (24, "year")}
_TICKS = {604_800: "week", DAY_SECONDS: "day", 3600: "hour", 60: "minute", 1: "second"}
"""Words for fixed spans by their seconds, longest first."""
_STAMP_FORMS = {"month": "%Y-%m", "year": "%Y"}
"""Shortest forms of timestamps that keep them apart."""

_RHYTHMS = {"hour": "hourly", "day": "daily", "week": "weekly", "month": "monthly"}
"""Adverbs for steps."""
_RHYTHMS |= {"quarter": "quarterly", "year": "yearly", "business day": "daily on business days"}
_DAYS = {name[:3].upper(): name for name in calendar.day_name}
"""Names of weekdays by the anchor of a pandas offset."""
_MONTHS = {name[:3].upper(): name for name in calendar.month_name if name}
"""Names of months by the anchor of a pandas offset."""


@dataclass(frozen=True)
class StepWords:
    """The step between rows in words."""

    one: str
    """Word for one step, such as "month" or "15-minute step"."""
    seconds: float = 0.0
    """Fixed length of the step; 0: it varies, as that of months."""

    @classmethod
    def from_frequency(cls, frequency: str | None) -> "StepWords":
        """Return the words for a pandas frequency.

        >>> frequencies = ("h", "15min", "D", "B", "W-SAT", "2W", "MS", "QE-DEC", "YS", None)
        >>> [StepWords.from_frequency(frequency).one for frequency in frequencies]
        ['hour', '15-minute step', 'day', 'business day', 'week', '2-week step', 'month', \
'quarter', 'year', 'step']
        """
        if frequency is None:
            return cls("step")
        offset = to_offset(frequency)
        code = offset.rule_code.partition("-")[0]
        if code != "D" and isinstance(offset, pd.offsets.Tick):
            return cls._from_seconds(pd.Timedelta(offset).total_seconds())
        if code == "D":
            return cls._from_seconds(float(offset.n * DAY_SECONDS))
        name = _NAMES.get(code) or _NAMES.get(re.sub("^C?B|[SE]$", "", code), "")
        if not name:
            return cls("step")
        return cls(name if offset.n == 1 else f"{offset.n}-{name} step")

    @classmethod
    def _from_seconds(cls, seconds: float) -> "StepWords":
        for size, word in _TICKS.items():
            if seconds % size == 0:
                count = int(seconds // size)
                one = word if count == 1 else f"{count}-{word} step"
                return cls(one, seconds)
        return cls("step", seconds)

    @property
    def many(self) -> str:
        """Word for several steps."""
        return f"{self.one}s"

    @property
    def short(self) -> str:
        """Word for one step without its length."""
        return "step" if self.one.endswith(" step") else self.one

    @property
    def each(self) -> str:
        """One step with its article, such as "an hour"."""
        return f"{_find_article(self.short)} {self.short}"

    def name_span(self, steps: int) -> tuple[int, str]:
        """Return a number of steps as a count of the largest unit that divides it.

        >>> StepWords("month").name_span(24), StepWords.from_frequency("15min").name_span(96)
        ((2, 'year'), (1, 'day'))
        >>> StepWords.from_frequency("D").name_span(10), StepWords("step").name_span(7)
        ((10, 'day'), (7, 'step'))
        """
        count, word = _SPANS.get(self.one, (0, ""))
        if count and steps % count == 0:
            return steps // count, word
        if self.seconds:
            for size, word in _TICKS.items():
                if self.seconds * steps % size == 0:
                    return int(self.seconds * steps // size), word
        return steps, self.one

    def describe_span(self, steps: int) -> str:
        """Return a number of steps as a span of time.

        >>> StepWords("month").describe_span(12), StepWords("month").describe_span(5)
        ('a year', '5 months')
        """
        count, word = self.name_span(steps)
        return f"{_find_article(word)} {word}" if count == 1 else f"{count:,} {word}s"

    def describe_season(self, steps: int) -> str:
        """Return the last season of a number of steps.

        >>> StepWords("month").describe_season(12), StepWords("step").describe_season(7)
        ('the last year', 'the last 7 steps')
        """
        count, word = self.name_span(steps)
        return f"the last {word}" if count == 1 else f"the last {count:,} {word}s"

    def format_stamp(self, stamp: pd.Timestamp) -> str:
        """Return a timestamp in the shortest form for this step.

        >>> StepWords("month").format_stamp(pd.Timestamp("2024-02-01"))
        '2024-02'
        >>> StepWords("quarter").format_stamp(pd.Timestamp("2024-04-01"))
        '2024Q2'
        >>> StepWords("hour").format_stamp(pd.Timestamp("2024-02-01 13:00"))
        '2024-02-01 13:00'
        """
        if self.one == "quarter":
            return f"{stamp.year}Q{stamp.quarter}"
        form = _STAMP_FORMS.get(self.one)
        if form:
            return stamp.strftime(form)
        # Seconds are left out where there are none.
        return re.sub(r"( \d\d:\d\d):00(?=$|[+-])", r"\1", format_timestamp(stamp))


def describe_frequency(frequency: str) -> str:
    """Return a pandas frequency in words.

    >>> [describe_frequency(code) for code in ("D", "h", "B", "W-SAT", "MS", "QS-JAN", "YE-DEC")]
    ['daily', 'hourly', 'daily on business days', 'weekly on Saturdays', 'monthly', \
'quarterly from January', 'yearly to the end of December']
    >>> [describe_frequency(code) for code in ("15min", "2W-SUN", "ME", "min", "7D")]
    ['every 15 minutes', 'every 2 weeks on Sundays', 'monthly, on the last day', \
'every minute', 'weekly']
    """
    offset = to_offset(frequency)
    code, _, anchor = offset.rule_code.partition("-")
    words = StepWords.from_frequency(frequency)
    many = re.fullmatch(r"(\d+)-(.+) step", words.one)
    if words.one == "step":
        return f"in steps of {frequency}"
    rhythm = _RHYTHMS.get(words.one, f"every {words.one}")
    text = f"every {many[1]} {many[2]}s" if many else rhythm
    if anchor in _DAYS:
        return f"{text} on {_DAYS[anchor]}s"
    if anchor in _MONTHS:
        edge = "to the end of" if code.endswith("E") else "from"
        return f"{text} {edge} {_MONTHS[anchor]}"
    return f"{text}, on the last day" if code.endswith("E") else text


def _find_article(word: str) -> str:
    """Return "an" before a vowel or 8, 11 and 18 as they are spoken, and "a" otherwise."""
    return "an" if re.match(r"[aeio]|hour|8|1[18]\b", word) else "a"
