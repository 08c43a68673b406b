"""The measures of a shift card against slow formulas, and their behaviour."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from revin_forecast.shift.card.break_even import break_even_level
from revin_forecast.shift.card.concept_shift import concept_shift
from revin_forecast.shift.card.energy_distance import (
    MIN_FLOORS,
    energy_distance,
    instance_normalize,
    pairwise_distances,
    removable_fraction,
    sample_starts,
)
from revin_forecast.shift.card.measures import (
    displacement,
    horizon_gap,
    level_change,
    quantile_distance,
    spread_change,
)
from revin_forecast.shift.card.window_energy import (
    haar_coefficients,
    measure_window_energy,
    scalar_energy_distance,
)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def simulate_ar(random, rows, coefficient):
    values, noise = np.zeros(rows), random.normal(size=rows)
    for row in range(1, rows):
        values[row] = coefficient * values[row - 1] + noise[row]
    return values * np.sqrt(1 - coefficient**2)


def with_gaps(values, random, share=0.1):
    return np.where(random.random(values.shape) < share, np.nan, values)


def test_marginal_measures_with_gaps_by_numpy(random):
    train = with_gaps(random.normal(3, 2, (500, 3)), random)
    test = with_gaps(random.gamma(2, 3, (300, 3)), random)
    measures = [
        level_change(train, test),
        spread_change(train, test),
        quantile_distance(train, test),
    ]
    for channel in range(3):
        before, after = (part[np.isfinite(part[:, channel]), channel] for part in (train, test))
        expected = [
            (after.mean() - before.mean()) / before.std(),
            np.log(after.std() / before.std()),
            wasserstein_distance(before, after) / before.std(),
        ]
        assert [measure[channel] for measure in measures] == pytest.approx(expected, rel=0.02)
    assert displacement(test + 2, test) == pytest.approx([2, 2, 2])


def test_marginal_measures_of_a_known_change(random):
    train = random.normal(size=(400, 2))
    test = 1.5 + 3 * train
    assert level_change(train, test) == pytest.approx((1.5 + 2 * train.mean(0)) / train.std(0))
    assert spread_change(train, test) == pytest.approx([np.log(3)] * 2)
    assert quantile_distance(train, train - 2) == pytest.approx(2 / train.std(0))


@pytest.mark.parametrize("gaps", [0, 0.1])
def test_break_even_level_by_its_formula(random, gaps):
    """The level moves between the quarters: a share of the variance that S must hold."""
    steps, lookback = np.repeat([0.0, 1.0, -1.0, 2.0], 60), 6
    train = with_gaps(simulate_ar(random, 240, 0.5) + steps, random, gaps)
    centred = np.nan_to_num(train - np.nanmean(train))
    covariance = [
        sum(centred[t] * centred[t + lag] for t in range(240 - lag)) / np.isfinite(train).sum()
        for lag in range(lookback)
    ]
    matrix = [[covariance[abs(i - j)] for j in range(lookback)] for i in range(lookback)]
    expected = np.linalg.inv(matrix).sum() ** -0.5
    measured = break_even_level(np.column_stack([train, train * 10 + 3]), lookback)
    assert measured == pytest.approx([expected, 10 * expected], rel=1e-4)
    assert expected > 1.0


def test_undefined_measures_are_nan(random):
    train = random.normal(size=(50, 3))
    train[:, 1], train[:, 2] = 0.1, np.nan
    test = random.normal(size=(50, 3))
    for measure in (level_change, spread_change, quantile_distance):
        measured = measure(train, test)
        assert np.isfinite(measured[0])
        assert np.isnan(measured[1:]).all()
    test[:, 0] = 7.3
    assert np.isnan(spread_change(train, test)[0])
    assert np.isnan(energy_distance(train[:1], test))
    assert np.isnan(horizon_gap(np.full(40, 1.3), 8, 4)).all()
    assert np.isnan(horizon_gap(train[:8, 0], 8, 4)).all()
    assert np.isfinite(break_even_level(train, 8)).tolist() == [True, False, False]
    for train_rows, test_rows in ((train[:, 2], test[:, 1]), (train[:, 0], test[:7, 1])):
        energy = measure_window_energy(train_rows, test_rows, 8)
        assert np.isnan([energy.raw, energy.instance, energy.floor]).all()


def test_distances_are_over_steps_observed_in_both(random):
    first, second = random.normal(size=(5, 12)), random.normal(size=(7, 12)) + 30
    assert pairwise_distances(first, second) == pytest.approx(cdist(first, second) / np.sqrt(12))
    first, second = with_gaps(first, random, 0.3), with_gaps(second, random, 0.3)
    first[0] = np.nan
    measured = pairwise_distances(first, second)
    assert np.isnan(measured[0]).all()
    for i in range(1, 5):
        for j in range(7):
            expected = np.sqrt(np.nanmean((first[i] - second[j]) ** 2))
            assert measured[i, j] == pytest.approx(expected)


def test_energy_by_its_formula(random):
    first, second = random.normal(size=(6, 4)), random.normal(1, 1, (8, 4))

    def mean_distance(left, right):
        pairs = [
            np.sqrt(((a - b) ** 2).mean())
            for i, a in enumerate(left)
            for j, b in enumerate(right)
            if left is not right or i != j
        ]
        return np.mean(pairs)

    expected = 2 * mean_distance(first, second)
    expected -= mean_distance(first, first) + mean_distance(second, second)
    assert energy_distance(first, second) == pytest.approx(expected)
    both = np.concatenate([first, second])
    phases = np.arange(6) % 2, np.arange(8) % 2
    across, within = (
        pairwise_distances(first, second),
        [pairwise_distances(part, part) for part in (first, second)],
    )
    same = phases[0][:, None] == phases[1]
    expected = 2 * across[same].mean()
    for matrix, phase in zip(within, phases, strict=True):
        pairs = (phase[:, None] == phase) & ~np.eye(len(phase), dtype=bool)
        expected -= matrix[pairs].mean()
    assert energy_distance(first, second, phases) == pytest.approx(expected)
    assert energy_distance(both, both[::-1]) < 0  # unbiased: negative for equal sets


def test_energy_is_unbiased(random):
    distances = [energy_distance(*random.normal(size=(2, 40, 8))) for _ in range(200)]
    assert abs(np.mean(distances)) < 3 * np.std(distances) / np.sqrt(200)


def test_energy_of_numbers_is_that_of_all_pairs(random):
    first, second = random.normal(size=30), random.integers(-2, 3, 50).astype(float)  # with ties

    def mean_distance(left, right):
        return abs(left[:, None] - right).mean()

    expected = 2 * mean_distance(first, second)
    expected -= mean_distance(first, first) + mean_distance(second, second)
    assert scalar_energy_distance(first, second) == pytest.approx(expected)


def test_haar_coefficients_by_an_orthogonal_matrix_and_with_gaps(random):
    windows = random.normal(size=(5, 8))
    scales = haar_coefficients(windows)
    assert [part.shape[1] for part in scales] == [4, 2, 1, 1]
    early = np.array([1, 1, 1, 1, -1, -1, -1, -1]) / np.sqrt(8)
    assert scales[2][:, 0] == pytest.approx(windows @ -early)
    together = np.concatenate(scales, axis=1)  # an orthogonal map keeps the sum of squares
    assert (together**2).sum(axis=1) == pytest.approx((windows**2).sum(axis=1))
    assert [part.shape[1] for part in haar_coefficients(windows[:, :7])] == [3, 1, 1]
    windows[0, :2] = np.nan
    finest, middle, coarse, mean = (part[0] for part in haar_coefficients(windows))
    assert np.isnan([finest[0], middle[0]]).all()
    assert np.isfinite([finest[1], middle[1]]).all()
    assert coarse[0] == pytest.approx(np.sqrt(2) * (windows[0, 4:].mean() - windows[0, 2:4].mean()))
    assert mean[0] == pytest.approx(np.sqrt(8) * windows[0, 2:].mean())


def count_floors(values, train=4200, test_start=4800, lookback=96):
    train_rows = values[:train]
    scaled = (values - train_rows.mean()) / train_rows.std()
    energy = measure_window_energy(scaled[:train], scaled[test_start:], lookback)
    return energy.raw / energy.floor


def test_other_dynamics_with_the_same_marginals_are_a_shift(random):
    changed = np.concatenate([simulate_ar(random, 4800, 0.8), random.normal(size=1200)])
    time = np.arange(6000)
    waves = np.sin(time * 2 * np.pi / np.where(time < 4800, 24, 16))
    for values in (changed, waves + 0.3 * random.normal(size=6000)):
        assert abs(spread_change(values[:4200, None], values[4800:, None])[0]) < 0.1
        assert count_floors(values) > 10


@pytest.mark.parametrize("lookback", [24, pytest.param(96, marks=pytest.mark.slow)])
def test_stationary_splits_are_no_shift(lookback):
    """One in fifty may be: a floor is an estimate, too."""
    noise = np.random.default_rng(0).normal(size=(6500, 50))
    series = np.asarray(lfilter([1], [1, -0.9], noise, axis=0))[500:]
    floors = np.array([count_floors(values, lookback=lookback) for values in series.T])
    assert (floors > MIN_FLOORS).sum() <= 1
    assert abs(np.median(floors)) < 1


def test_normalized_windows_have_no_level_or_scale(random):
    windows = with_gaps(random.normal(size=(30, 16)), random)
    windows[3] = 0.3  # constant
    moved = windows * random.uniform(0.1, 9, (30, 1)) + random.normal(0, 50, (30, 1))
    plain, rescaled = instance_normalize(windows), instance_normalize(moved)
    np.testing.assert_allclose(plain, rescaled, atol=1e-9)
    assert (plain[3] == 0).all()
    assert np.nanstd(plain[4]) == pytest.approx(1)
    other = random.normal(size=(30, 16))
    distance = energy_distance(plain, instance_normalize(other))
    assert distance == pytest.approx(energy_distance(rescaled, instance_normalize(other * 7 - 3)))


@pytest.mark.parametrize("gaps", [0, 0.2])
def test_level_shift_is_removable_and_concept_shift_is_not(random, gaps):
    train, test = (simulate_ar(random, rows, 0.8) for rows in (4000, 1500))

    def removable(after):
        before, later = (with_gaps(part, random, gaps) for part in (train, after))
        energy = measure_window_energy(before, later, 24)
        return removable_fraction(energy.raw, energy.instance, energy.floor)

    assert removable(test + 2) == pytest.approx(1, abs=0.05)
    assert removable(simulate_ar(random, 1500, -0.8)) < 0.5
    assert np.isnan(removable(test))


@pytest.mark.slow
@pytest.mark.parametrize("coefficient", [0, 0.9, 0.99])
def test_stationary_series_is_near_its_floor(coefficient):
    ratios = []
    for seed in range(12):
        values = simulate_ar(np.random.default_rng(seed), 12000, coefficient)
        ratios.append(count_floors(values, 8000, 9000, 48))
    assert abs(np.median(ratios)) < 2.5


def test_small_shift_has_no_removable_fraction():
    assert removable_fraction(0.31, 0.1, 0.1) == pytest.approx(1 - 0.1 / 0.31)
    assert np.isnan(removable_fraction(0.29, 0.1, 0.1))
    assert np.isnan(removable_fraction(-0.1, 0.1, 0.0))
    assert np.isnan(removable_fraction(np.nan, 0.1, 0.1))


def test_sampled_windows_spread_over_all_rows_and_phases():
    starts = sample_starts(9600)
    assert len(starts) == 400
    assert (starts // 24 == np.arange(400)).all()
    assert len(set(starts % 24)) == 24
    assert (sample_starts(9600) == starts).all()
    assert (sample_starts(5) == np.arange(5)).all()


def test_horizon_gap_by_numpy(random):
    values = with_gaps(random.normal(size=60).cumsum(), random)
    values[20:28] = 1.1  # constant look-backs are left out
    levels, spreads = [], []
    for start in range(60 - 11):
        past, future = values[start : start + 8], values[start + 8 : start + 12]
        if np.nanstd(past) > 1e-9:
            levels.append(abs(np.nanmean(future) - np.nanmean(past)) / np.nanstd(past))
            ratio = np.nanstd(future) / np.nanstd(past)
            spreads += [abs(np.log(ratio))] if ratio > 1e-9 else []
    measured = horizon_gap(values, 8, 4)
    assert measured == pytest.approx((np.median(levels), np.median(spreads)))


def test_residuals_detect_other_dynamics_but_not_another_level(random):
    train = simulate_ar(random, 4000, 0.9)
    same, other = simulate_ar(random, 1000, 0.9), simulate_ar(random, 1000, -0.9)
    shift = [
        concept_shift(np.concatenate([train, part]), 4000, 4000, 24, (24, 12))
        for part in (same, same + 5, other)
    ]
    assert abs(shift[0]) < 0.05
    assert shift[1] == pytest.approx(shift[0], abs=0.05)
    assert shift[2] > 0.1
    assert np.isnan(concept_shift(train, 100, 120, 24, (24, 12)))  # half of training is too short
    assert np.isfinite(concept_shift(with_gaps(train, random), 3000, 3200, 24, (24, 12)))
