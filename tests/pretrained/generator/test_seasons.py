"""Profiles of a cycle, their changes, and weeks of hours."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import seasons, weeks
from revin_forecast.pretrained.generator.span import Span


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.mark.parametrize("season", [4, 12, 52, 168])
def test_a_profile_has_mean_0_and_deviation_1(rng, season):
    profile = seasons.draw_profile(rng, season, 200)
    assert profile.mean(0) == pytest.approx(np.zeros(200), abs=1e-9)
    assert profile.std(0) == pytest.approx(np.ones(200))


def test_a_profile_of_harmonics_has_no_others(rng):
    power = np.abs(np.fft.rfft(seasons.draw_fourier_profile(rng, 52, 50), axis=0))
    assert power[1 : seasons.MAX_HARMONICS + 1].max() > 1
    assert power[seasons.MAX_HARMONICS + 1 :].max() < 1e-9


def test_peaks_are_narrow(rng):
    """Few rows of a peaked profile are far from its resting level."""
    profile = np.abs(seasons.draw_peaked_profile(rng, 52, 300))
    assert np.median((profile > profile.max(0) / 2).mean(0)) < 0.25


def test_a_block_has_two_levels(rng):
    profile = seasons.draw_block_profile(rng, 24, 300)
    clean = profile[:, np.isin(profile, [0, 1]).all(0)]
    assert clean.shape[1] > 50
    assert (np.abs(np.diff(clean, axis=0)).sum(0) <= 2).all()


def test_a_season_walks_from_cycle_to_cycle_with_the_given_rate(rng):
    span = Span(np.full(500, 100), 20, 120)
    values = seasons.draw_evolution(rng, 12, span, np.full(500, 0.2))
    cycles = values.reshape(10, 12, 500)
    assert not cycles[0].any()
    assert cycles.mean(1) == pytest.approx(np.zeros((10, 500)), abs=1e-9)
    # The mean of a cycle is taken out, so that 11 of 12 degrees of freedom are left.
    assert np.diff(cycles, axis=0).std() == pytest.approx(0.2 * np.sqrt(11 / 12), rel=0.02)


def test_some_seasons_repeat_exactly_and_others_change(rng):
    values = seasons.draw_season(rng, 12, Span(np.full(400, 100), 20, 120))
    changes = np.abs(values[12:] - values[:-12]).max(0)
    assert 0.3 < (changes < 1e-9).mean() < 0.7


def test_weekdays_share_a_profile_and_the_weekend_has_another_level(rng):
    profile = weeks.draw_week_profile(rng, 24, 300).reshape(7, 24, 300)
    assert profile.mean((0, 1)) == pytest.approx(np.zeros(300), abs=1e-9)
    shapes = profile - profile.mean(1, keepdims=True)
    # A pair of neighbouring days differs in its shape only at the two ends of the weekend.
    changes = np.abs(shapes - np.roll(shapes, 1, axis=0)).max(1) > 1e-9
    assert (changes.sum(0) == 2).all()


def test_a_week_repeats(rng):
    values = weeks.draw_week(rng, 24, Span(np.full(3, 400), 20, 420))
    assert values[168:] == pytest.approx(values[:-168])
    assert np.abs(values[24:] - values[:-24]).max() > 0.01


def test_a_moving_peak_is_in_every_cycle_near_one_row(rng):
    span = Span(np.full(200, 110), 10, 120)
    cycles = np.abs(seasons.draw_moving_peak(rng, 12, span)).reshape(10, 12, 200)
    assert cycles.max(1) == pytest.approx(np.ones((10, 200)))
    rows = cycles.argmax(1)
    apart = np.abs((rows - rows[0] + 6) % 12 - 6)
    assert apart.max() == 2
    assert (apart > 0).mean() > 0.2
