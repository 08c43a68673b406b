"""Compositions of the mechanisms, and the weights of the mixture."""

import numpy as np
import pytest

from revin_forecast.pretrained.generator import mixture, mixture_weights, transforms
from revin_forecast.pretrained.generator.span import Span, draw_kinds, measure_recent_scale

SPAN = Span(np.full(600, 120), 12, 132)
GROUPS = list(mixture_weights.PATH_WEIGHTS)


@pytest.fixture
def rng():
    return np.random.default_rng(10)


def test_all_groups_have_all_weights_and_all_kinds_are_used():
    tables = [
        mixture_weights.TRANSFORM_WEIGHTS,
        mixture_weights.SMOOTHING_SHARE,
        mixture_weights.INTERMITTENT_SHARE,
        mixture_weights.CLOSED_SHARE,
    ]
    assert all(list(table) == GROUPS for table in tables)
    used = {kind for weights in mixture_weights.PATH_WEIGHTS.values() for kind in weights}
    assert used == set(mixture.PATHS)
    used = {kind for weights in mixture_weights.TRANSFORM_WEIGHTS.values() for kind in weights}
    assert used == set(transforms.TRANSFORMS)
    assert set(mixture.BREAK_WEIGHTS) == set(mixture.BREAKS)


def test_kinds_are_drawn_in_proportion_to_their_weights(rng):
    kinds = draw_kinds(rng, {"often": 6, "seldom": 1.5, "never": 0}, 4000)
    assert (kinds == "often").mean() == pytest.approx(0.8, abs=0.03)
    assert not (kinds == "never").any()


def measure_season(values, season):
    """Return the share of the variance of differences that a fixed profile explains, a series."""
    differences = np.diff(values[: 120 // season * season + 1], axis=0)
    profile = differences.reshape(-1, season, values.shape[1]).mean(0)
    return profile.var(0) / differences.var(0)


def test_strong_seasons_dominate_and_some_are_weak(rng):
    values, _ = mixture.compose_parts(rng, SPAN, 12, "economic")
    share = measure_season(values, 12)
    assert 0.4 < (share > 0.5).mean() < 0.85
    assert 0.05 < (share < 0.2).mean() < 0.4
    without, _ = mixture.compose_parts(rng, SPAN, 1, "other")
    assert (measure_season(without, 12) > 0.5).mean() < 0.1


def test_growth_is_smoother_than_other_series(rng):
    bends = {}
    for group in ("growth", "price", "other"):
        values, _ = mixture.compose_parts(rng, SPAN, 1, group)
        bend, step = np.diff(values, 2, axis=0).std(0), np.diff(values, axis=0).std(0)
        bends[group] = np.quantile(bend / step, [0.3, 0.7])
    assert bends["growth"][0] < 1 < bends["other"][0]
    # The steps of a walk are independent: the ratio is the root of 2.
    assert bends["price"] == pytest.approx(np.sqrt([2, 2]), abs=0.2)


def test_the_irregular_part_has_the_deviation_that_is_returned(rng):
    """White noise around a constant: the deviation of the series is that of the irregular part."""
    values, irregular = mixture.compose_smoothing(rng, SPAN, 1)
    assert irregular.tolist() == [1] * 600
    errors = np.diff(values, axis=0)
    assert 0.9 < np.median(errors.std(0)) < np.sqrt(2) + 0.1


def test_breaks_and_outliers_change_their_shares(rng):
    values = rng.standard_normal((132, 600))
    changed = mixture.add_breaks(rng, values.copy(), np.ones(600), SPAN) != values
    share = mixture_weights.BREAK_SHARE + mixture_weights.OUTLIER_SHARE
    assert changed.any(0).mean() == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("group", GROUPS)
def test_amounts_are_not_negative(rng, group):
    season = 12 if group in ("economic", "frequent") else 1
    values, is_amount = mixture.compose_series(rng, SPAN, season, group)
    assert values[:, is_amount].min() >= 0
    assert 0.5 < is_amount.mean() < 1


def test_a_week_of_hours_and_a_second_season_have_deviation_1(rng):
    for season in (24, 365, 7):
        values = mixture.draw_any_season(rng, Span(np.full(150, 750), 0, 750), season)
        assert 0.6 < np.median(values.std(0)) < 1.4


def test_the_recent_scale_is_the_mean_difference_and_a_share_of_the_deviation():
    rows = np.concatenate([np.zeros(60), np.tile([1.0, 3.0], 50), [99, 99]])
    flat = np.concatenate([np.tile([1.0, 3.0], 30), np.full(100, 3.0), [99, 99]])
    scale = measure_recent_scale(np.column_stack([rows, flat]), Span(np.full(2, 160), 2, 162))
    longer = np.abs(np.diff(flat[:160])).mean() + 0.02 * flat[:160].std()
    assert scale == pytest.approx([2.02, longer])


def test_an_expansion_has_a_relative_season(rng):
    """The season swells with the level: its size in logarithms hardly changes."""
    span = Span(np.full(400, 120), 12, 132)
    values = mixture.compose_expansion(rng, span, 12)
    assert values.min() > 0
    steps = np.diff(np.log(values[:121]), axis=0)
    early, late = steps[:60].std(0), steps[60:].std(0)
    assert np.median(late / early) == pytest.approx(1, abs=0.1)
    growth = np.log(values[108:120].mean(0) / values[:12].mean(0)) / 9
    assert 0.02 < np.median(np.abs(growth)) < 0.15
    assert 0.6 < (growth > 0).mean() < 0.9
