"""Seasons that are detected from a table."""

import numpy as np
import pytest

from revin_forecast.selection.seasonality import detect_seasons


@pytest.mark.parametrize(
    ("frequency", "season", "expected"),
    [("h", 24, (24, 168)), ("D", 10, (7, 10)), ("W-SUN", 52, (52,)), (None, 9, (9,))],
)
def test_seasons_are_detected(frequency, season, expected):
    time = np.arange(1000)
    values = np.sin(2 * np.pi * time / season)[:, None] + np.random.default_rng(0).normal(
        0, 0.3, (1000, 2)
    )
    seasons = detect_seasons(values, frequency, 800)
    assert set(expected) <= set(seasons)
    assert all(2 <= season <= 6 for season in detect_seasons(values[:15], frequency, 12))
