"""Outliers: mistakes are found in every position, and unusual series keep their values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.data.reading.values.outliers import (
    FILLS,
    find_channel_outliers,
    find_outliers,
    find_stacked_outliers,
)

RANDOM = np.random.default_rng(0)
NEAR_100 = RANDOM.normal(100, 2, 300)


def find_rows(values):
    """Return the rows of the outliers of one channel."""
    found = find_outliers(np.asarray(values, dtype=float)[:, None])
    rows = found[0].rows.tolist() if found else []
    assert rows == find_channel_outliers(np.asarray(values, dtype=float)).tolist()
    return rows


@pytest.mark.parametrize("value", [1e12, -1e12, 5e5, *FILLS[np.abs(FILLS) >= 9999]])
@pytest.mark.parametrize("rows", [[0], [299], [150], [0, 299], [297, 298, 299], [3, 4, 200]])
def test_finds_mistakes_in_every_position(value, rows):
    values = NEAR_100.copy()
    values[rows] = value
    assert find_rows(values) == rows
    values[50:60] = np.nan
    assert find_rows(values) == rows


def test_finds_a_fill_that_is_frequent_or_hidden_by_another_mistake():
    values = NEAR_100.copy()
    values[::3] = -9999
    assert find_rows(values) == list(range(0, 300, 3))
    values[1] = 1e20
    values[4] = -3e15
    values[7] = np.inf
    assert find_rows(values) == sorted([1, 4, *range(0, 300, 3)])
    assert find_rows([5, 7, -999, 6, 4, 8]) == [2]
    assert find_rows([0, 0, 0, 0, 4294967295, 0]) == [4]


@pytest.mark.parametrize(
    "values",
    [
        np.exp(3 * RANDOM.normal(size=300)),
        np.exp(np.linspace(np.log(0.05), np.log(60_000), 3000)),
        np.concatenate([np.zeros(60), [1, 5, 30, 200, 1e3, 9e3, 6e4, 3e5, 1e6]]),
        np.concatenate([np.zeros(60), [1, 0, 0, 250_000]]),
        np.concatenate([np.zeros(99), [1e6]]),
        np.concatenate([np.zeros(5), [2, 0, 5000], np.zeros(50)]),
        np.where(np.arange(300) == 100, 7 + 1e-9, 7.0),
        np.arange(300) % 50 == 0,
        np.cumprod(np.full(60, 2.2)),
        np.where(np.arange(300) < 280, NEAR_100, NEAR_100 * 1e6),
        np.where(np.arange(300) < 20, NEAR_100 * 1e6, NEAR_100),
        np.where(np.arange(300) < 296, NEAR_100, NEAR_100 * 1e6),
        np.where(np.arange(300) < 299, NEAR_100, NEAR_100 * 1000),
        np.where(np.arange(300) == 9, 9999, NEAR_100 * 30),
        np.arange(9000.0, 10_100.0),
        np.where(np.arange(300) == 9, -99, NEAR_100),
        [1, 5, 1e6],
        [0, 9999, 0, 0, 0],
        [1e300, 1, 1e300, 1e-300, 2],
        [np.nan, np.inf, 1e12],
        [],
    ],
    ids=[
        *("heavy tail", "exchange rate", "epidemic", "first orders", "first order", "lumpy"),
        *("constant", "binary", "inflation", "new level", "old level", "young level"),
        *("another unit", "a fill in the range", "counts past a fill", "small fill", "few"),
        *("without a scale", "extremes", "infinite", "empty"),
    ],
)
def test_unusual_series_keep_their_values(values):
    assert find_rows(values) == []


def test_seen_values_decide_about_few_rows():
    seen = NEAR_100[:, None]
    few = np.array([[101.0], [1e12], [99]])
    assert [found.rows.tolist() for found in find_outliers(few, seen)] == [[1]]
    # Usual before, so usual now; and a series that was never seen is judged alone.
    assert find_outliers(np.array([[0.0], [5e5], [0]]), np.array([[4e5], [0], [3], [1e6]])) == []
    assert find_outliers(few, np.full((9, 1), np.nan)) == []


@given(
    scale=st.sampled_from([1e-200, 1e-8, 1.0, 1e8, 1e200]),
    rows=st.lists(st.integers(0, 299), min_size=1, max_size=3, unique=True),
    seed=st.integers(0, 99),
)
def test_the_unit_of_a_series_does_not_matter(scale, rows, seed):
    values = np.random.default_rng(seed).normal(5, 1, 300)
    values[rows] *= 1e9
    assert find_rows(values * scale) == sorted(rows)


@given(seed=st.integers(0, 200), channels=st.integers(1, 40))
def test_many_channels_are_judged_as_single_ones(seed, channels):
    random = np.random.default_rng(seed)
    values = np.exp(random.normal(size=(random.integers(1, 400), channels)))
    values[random.random(values.shape) < random.random()] = 0
    values[random.random(values.shape) < 0.1] = np.nan
    values[random.random(values.shape) < 0.002] = random.choice([1e15, -999, 65535, 40])
    found = {part.channel: part.rows.tolist() for part in find_outliers(values)}
    single = {
        channel: rows.tolist()
        for channel, column in enumerate(values.T)
        if len(rows := find_channel_outliers(column))
    }
    assert found == single
    # The same values, one series after the other.
    stacked = find_stacked_outliers(values.T.ravel(), np.arange(channels) * len(values))
    assert {part.channel: (part.rows % len(values)).tolist() for part in stacked} == single
