"""Effects of the calendar against the dates of the standard library."""

import calendar

import numpy as np
import pytest

from revin_forecast.pretrained.generator.calendar import count_weekdays, draw_calendar
from revin_forecast.pretrained.generator.span import Span


@pytest.mark.parametrize("year", [1900, 2000, 2024, 2026])
def test_weekdays_of_months_are_those_of_the_calendar(year):
    for month in range(1, 13):
        weeks = calendar.monthcalendar(year, month)
        expected = [sum(week[day] > 0 for week in weeks) for day in range(7)]
        assert count_weekdays(1)[12 * (year - 1900) + month - 1].tolist() == expected


def test_quarters_add_up_months():
    months = count_weekdays(1)
    assert (count_weekdays(3)[5] == months[15:18].sum(0)).all()


def test_the_factor_follows_the_lengths_of_the_months():
    """Where all weekdays are alike, only 28 to 31 days make a difference."""
    factor = draw_calendar(np.random.default_rng(1), Span(np.full(300, 100), 20, 120), 12)
    assert factor.mean() == pytest.approx(1, abs=0.01)
    levels = np.array([len(np.unique(np.round(series, 9))) for series in factor.T])
    plain = factor[:, levels <= 4]
    assert 0.2 < plain.shape[1] / 300 < 0.6
    assert plain.max() / plain.min() == pytest.approx(31 / 28)
    assert 0.8 < factor.min() < factor.max() < 1.2
