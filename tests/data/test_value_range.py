"""Forecasts stay in the range of the data, and intervals never lose coverage by rounding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.value_range import ValueRange
from revin_forecast.errors import InputError

NUMBERS = st.floats(-50, 50, allow_subnormal=False)


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_amounts_have_the_minimum_0_and_others_none():
    values = np.array([[0.5, -0.1, np.nan], [3.0, 7.0, 2.0]])
    found = ValueRange.from_values(values, RangeSettings())
    assert found.minimum.tolist() == [0, -np.inf, 0]
    assert found.maximum.tolist() == [np.inf] * 3
    assert found.is_whole.tolist() == [False, False, True]
    named = ValueRange.from_values(values, RangeSettings(minimum=1, maximum=2.5))
    assert (named.minimum.tolist(), named.maximum.tolist()) == ([1] * 3, [2.5] * 3)
    off = ValueRange.from_values(values, RangeSettings("none", whole_numbers=False))
    assert off.minimum.tolist() == [-np.inf] * 3
    assert not off.is_whole.any()


def test_whole_numbers_are_rounded_inwards_for_intervals():
    found = ValueRange.from_values(column(3, 0, 12), RangeSettings())
    values = column(-3, 0.4, 2.5, 7.0000001)
    assert found.restrict(values).ravel().tolist() == [0, 0, 3, 7]
    assert found.restrict(values, 0.1).ravel().tolist() == [0, 1, 3, 7]
    assert found.restrict(values, 0.9).ravel().tolist() == [0, 0, 2, 7]
    # A narrow interval holds no whole number: it becomes the rounded point forecast.
    low, high = column(2.3), column(2.7)
    bounds = [found.restrict(low, 0.1, column(2.6)), found.restrict(high, 0.9, column(2.6))]
    assert np.ravel(bounds).tolist() == [3, 3]


def test_the_rate_of_an_intermittent_series_is_not_rounded():
    found = ValueRange.from_values(column(0, 0, 2, 0, 1, 0), RangeSettings())
    assert found.is_rate.tolist() == [True]
    assert found.restrict(column(0.3, -1)).ravel().tolist() == [0.3, 0]
    # The mean does not stretch an interval that is mostly zero.
    assert found.restrict(column(0.2), 0.9, column(1.3)).ravel().tolist() == [0]


def test_limits_that_are_not_whole_move_inwards():
    found = ValueRange.from_values(column(3, 7), RangeSettings(minimum=0.5, maximum=7.5))
    assert found.restrict(column(-4, 9), 0.9).ravel().tolist() == [1, 7]


@given(arrays(float, (6, 2), elements=NUMBERS), arrays(float, (4, 2), elements=NUMBERS))
def test_intervals_keep_the_values_that_they_cover(observed, future):
    found = ValueRange.from_values(np.rint(observed), RangeSettings())
    future = np.round(future, 3)
    low, high = np.minimum(future[:2], future[2:]), np.maximum(future[:2], future[2:])
    truth = np.arange(-60, 61)[:, None, None]
    before = (low <= truth) & (truth <= high) & (truth >= found.minimum)
    low, high = found.restrict(low, 0.1), found.restrict(high, 0.9)
    after = (low <= truth) & (truth <= high)
    # Nothing else is covered, except the minimum that the bounds are clipped to.
    assert (before | ~after | (truth == found.minimum)).all()
    assert (after | ~before).all()


@given(arrays(float, (6, 3), elements=NUMBERS))
def test_restricting_twice_changes_nothing(values):
    found = ValueRange.from_values(np.abs(np.rint(values)), RangeSettings(maximum=30))
    for level in (None, 0.1, 0.5, 0.9):
        once = found.restrict(values, level)
        np.testing.assert_array_equal(found.restrict(once, level), once)
        assert (once >= 0).all()
        assert (once <= 30).all()


def test_saved_arrays_restore_the_range():
    found = ValueRange.from_values(column(0, 0, 2, 0, 1, 0), RangeSettings(maximum=9))
    restored = ValueRange.from_arrays(found.to_arrays())
    assert restored is not None
    assert restored.restrict(column(0.3, 12)).tolist() == [[0.3], [9]]
    assert ValueRange.from_arrays({}) is None
    assert restored.select([0]).minimum.tolist() == [0]


def test_notes_say_what_was_done():
    settings = RangeSettings()
    counts = column(*range(12))
    values = np.hstack([counts, counts / 4 + 0.1, counts - 3, 1e6 + counts / 3])
    summary = ValueRange.from_values(values, settings).summarize(values, values.std(0), settings)
    assert (summary["with_minimum"], summary["with_maximum"], summary["whole"]) == (3, 0, 2)
    # A bound that is far from all values is not worth a note.
    assert summary["notes"] == [
        "never below 0 in 3 of 4 series, so the forecast is not either; minimum='none' turns this "
        "off",
        "the forecast of 2 of 4 series is rounded to whole numbers, as all values are; "
        "whole_numbers=False turns this off",
    ]
    named = RangeSettings(minimum=0)
    own = ValueRange.from_values(counts / 4, named).summarize(counts / 4, np.ones(1), named)
    assert not own["notes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimum": "zero"}, "the minimum is a number or none but got 'zero'. Pass minimum=0"),
        ({"minimum": 3, "maximum": 2}, "the minimum 3 is not below the maximum 2"),
        ({"maximum": float("nan")}, "the maximum is a finite number but got nan"),
        ({"minimum": float("inf")}, "the minimum is a finite number but got inf"),
    ],
)
def test_settings_that_cannot_be_used_are_explained(options, message):
    with pytest.raises(InputError, match=message):
        RangeSettings(**options)
