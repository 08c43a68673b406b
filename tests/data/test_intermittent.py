"""Series of mostly zeros are found, and nights are not taken for them."""

import numpy as np

from revin_forecast.data.intermittent import is_intermittent


def test_intermittent_is_mostly_zero_and_never_negative():
    random = np.random.default_rng(0)
    sold = (random.random(200) < 0.3) * random.poisson(4, 200).astype(float)
    often = (random.random(200) < 0.7) * 3.0
    once, never = np.zeros(200), np.zeros(200)
    once[7] = 4
    gappy = np.where(np.arange(200) % 3 == 0, np.nan, sold)
    unseen = np.full(200, np.nan)
    values = np.stack([sold, often, once, never, sold - 1, gappy, unseen], axis=1)
    assert is_intermittent(values).tolist() == [True] + [False] * 4 + [True, False]


def test_zeros_of_a_season_are_not_intermittent():
    random = np.random.default_rng(1)
    hour = np.arange(24 * 30) % 24
    sun = np.where((hour > 8) & (hour < 17), random.gamma(9, 10, 720), 0)
    evening = np.where((random.random(720) < 0.2) & (hour > 12), 1.0, 0)
    values = np.stack([sun, evening], axis=1)
    assert is_intermittent(values).tolist() == [True, True]
    assert is_intermittent(values, season=24).tolist() == [False, True]
    # A season longer than half of the rows is no evidence.
    assert is_intermittent(values, season=400).tolist() == [True, True]


def test_a_series_that_has_ended_is_not_intermittent():
    random = np.random.default_rng(2)
    sold = (random.random(200) < 0.3) * 2.0
    ended = np.where(np.arange(200) < 150, sold, 0)
    assert is_intermittent(np.stack([sold, ended], axis=1)).tolist() == [True, False]
