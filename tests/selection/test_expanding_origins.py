"""Origins at which models of single series are compared, and series that share them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.selection.expanding_origins import (
    MAX_LENGTH_RATIO,
    MAX_ORIGINS,
    MIN_ROWS,
    choose_origins,
    split_by_length,
)


@given(rows=st.integers(0, 1200), season=st.integers(1, 60))
def test_origins_ascend_and_leave_a_row_to_forecast(rows, season):
    origins = choose_origins(rows, season)
    assert origins == sorted(set(origins))
    assert len(origins) <= MAX_ORIGINS
    assert bool(origins) == (rows >= 2)
    if origins:
        assert origins[0] >= 1
        assert origins[-1] == rows - 1
    if rows > MIN_ROWS:
        assert origins[0] >= MIN_ROWS
    if rows >= 4 * season and rows > MIN_ROWS:
        assert origins[0] >= 2 * season


def test_every_row_after_the_first_origin_is_one_if_there_are_few():
    assert choose_origins(2, 12) == [1]
    assert choose_origins(30, 1) == list(range(13, 30))
    origins = choose_origins(1000, 12)
    assert len(origins) == MAX_ORIGINS
    steps = np.diff(origins)
    assert steps.max() - steps.min() <= 1


@given(lengths=st.lists(st.integers(1, 500), min_size=1, max_size=30))
def test_groups_hold_each_series_once_and_only_similar_lengths(lengths):
    lengths = np.array(lengths)
    groups = [*split_by_length(500 - lengths, 500)]
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    for group in groups:
        assert lengths[group].max() <= MAX_LENGTH_RATIO * lengths[group].min()
        assert (np.diff(group) > 0).all()
    longest = [lengths[group].max() for group in groups]
    assert longest == sorted(longest, reverse=True)
