"""Intervals and tests of the shift benchmark against slow formulas, by hand, and by coverage."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from revin_forecast.shift import statistics as home


def autoregression(series, windows, numbers, phi=0.9):
    noise = numbers.standard_normal((series, windows + 200))
    return lfilter([1], [1, -phi], noise, axis=1)[:, 200:]


def errors(*shape, seed=0):
    return np.random.default_rng(seed).gamma(4, 0.25, shape).astype(np.float32)


@pytest.mark.parametrize(("windows", "block"), [(96, 32), (100, 32), (64, 32), (63, 31), (9, 1)])
def test_draws_are_means_of_blocks(windows, block):
    both, resamples = errors(2, windows).astype(np.float64), 40
    starts = home.draw_block_starts(windows, block, resamples, seed=3)
    wanted = np.empty((2, resamples))
    for number, resample in np.ndindex(wanted.shape):
        rows = [start + step for start in starts[:, resample] for step in range(block)]
        wanted[number, resample] = both[number, rows[:windows]].mean()
    found = home.bootstrap_means(both, block, resamples, seed=3)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert starts.min() >= 0
    assert starts.max() <= windows - block


def test_many_series_are_drawn_as_one_alone():
    many = errors(150, 90).astype(np.float64)
    found = home.bootstrap_means(many, 10, 50, seed=1)
    for row in (0, 63, 64, 149):
        alone = home.bootstrap_means(many[row : row + 1], 10, 50, seed=1)
        assert alone[0].tobytes() == found[row].tobytes()


def test_interval_is_the_quantiles_of_the_drawn_ratio():
    one, two = errors(200, seed=1), errors(200, seed=2)
    drawn = home.bootstrap_means(np.stack([one, two]).astype(np.float64), 20, 1000, seed=5)
    result = home.log_ratio_interval(one, two, 20, seed=5)
    wanted = np.quantile(np.log(drawn[0] / drawn[1]), [0.025, 0.975])
    assert result.estimate == pytest.approx(math.log(one.mean() / two.mean()), abs=1e-6)
    np.testing.assert_allclose(result[1:], wanted, rtol=1e-12)
    assert result == home.log_ratio_interval(one, two, 20, seed=5)
    assert result != home.log_ratio_interval(one, two, 20, seed=6)


@given(st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_a_common_scale_cancels_and_sides_change_the_sign(factor, seed):
    one, two = errors(80, seed=1), errors(80, seed=2)
    plain = home.log_ratio_interval(one, two, 8, 200, seed)
    assert home.log_ratio_interval(factor * one, factor * two, 8, 200, seed) == pytest.approx(
        plain, abs=1e-5
    )
    turned = home.log_ratio_interval(two, one, 8, 200, seed)
    np.testing.assert_allclose(turned, [-plain.estimate, -plain.hi, -plain.lo], atol=1e-9)
    moved = home.log_ratio_interval((factor * one).astype(np.float64), two, 8, 200, seed)
    np.testing.assert_allclose(moved, np.add(plain, math.log(factor)), atol=1e-5)


@pytest.mark.parametrize(("windows", "block"), [(1, 1), (1, 48), (47, 48), (95, 48)])
def test_too_few_windows_give_no_interval(windows, block):
    result = home.log_ratio_interval(errors(windows), errors(windows, seed=1), block)
    assert math.isfinite(result.estimate)
    assert math.isnan(result.lo)
    assert math.isnan(result.hi)


def test_errors_of_zero_and_errors_unknown_give_nothing():
    some = errors(100)
    for bad in (0 * some, some * np.float32("nan")):
        assert all(math.isnan(number) for number in home.log_ratio_interval(bad, some, 10))
        assert all(math.isnan(number) for number in home.log_ratio_interval(some, bad, 10))
    few = np.where(np.arange(100) == 50, 1, 0).astype(np.float32)  # some draws miss it
    result = home.log_ratio_interval(few, some, 10)
    assert math.isfinite(result.estimate)
    assert math.isnan(result.lo)


def test_seeds_are_drawn_with_the_blocks():
    base, reference = errors(3, 300, seed=1), errors(3, 300, seed=2)
    alike = home.log_ratio_interval(np.repeat(base[:1], 3, 0), reference[:1], 20)
    assert alike == pytest.approx(home.log_ratio_interval(base[0], reference[0], 20), abs=1e-12)
    apart = base * np.array([[0.5], [1.0], [2.0]], dtype=np.float32)
    wide, narrow = (home.log_ratio_interval(one, reference, 20) for one in (apart, base))
    assert wide.hi - wide.lo > 3 * (narrow.hi - narrow.lo)
    # Seeds good for both models or bad for both say nothing about the ratio.
    paired = home.log_ratio_interval(apart, apart * np.float32(2), 20)
    np.testing.assert_allclose(paired, -math.log(2), rtol=1e-6)


def test_seed_weights_are_shares_of_draws():
    weights = home.bootstrap_seed_weights(3, 4000, seed=0)
    np.testing.assert_allclose(weights.sum(0), 1)
    assert set(np.unique(np.round(weights * 3))) == {0, 1, 2, 3}
    assert abs((weights == 0).mean() - (2 / 3) ** 3) < 0.02
    assert (home.bootstrap_seed_weights(1, 10, seed=0) == 1).all()


def test_blocks_cover_the_truth_where_single_windows_do_not():
    numbers = np.random.default_rng(11)
    one, two = (10 + autoregression(400, 1000, numbers) for _ in range(2))

    def covered(block, runs):
        found = [home.log_ratio_interval(one[i], two[i], block, 200, i) for i in range(runs)]
        return np.mean([result.lo <= 0 <= result.hi for result in found])

    assert covered(1, runs=100) < 0.5  # 0.35 of many
    assert 0.84 <= covered(48, runs=400) <= 0.95  # 0.89 of many


def test_an_interval_costs_about_a_millisecond():
    one, two = errors(450, seed=1), errors(450, seed=2)
    times = []
    for _ in range(60):
        start = time.perf_counter()
        home.log_ratio_interval(one, two, 32)
        times.append(time.perf_counter() - start)
    assert min(times) < 2e-3


def by_hand(ratios):
    """Wilcoxon's p by every choice of signs."""
    ranks = np.argsort(np.argsort(np.abs(ratios))) + 1
    signs = np.array(list(itertools.product((-1, 1), repeat=len(ratios))))
    sums = np.abs(signs @ ranks)
    return np.mean(sums >= abs(np.sign(ratios) @ ranks))


@pytest.mark.parametrize("datasets", [6, 7, 9])
def test_signed_rank_is_exact(datasets):
    ratios = np.random.default_rng(datasets).normal(0.5, 1, datasets)
    assert home.wilcoxon_p(ratios) == pytest.approx(by_hand(ratios))
    assert home.wilcoxon_p(np.abs(ratios)) == pytest.approx(2 / 2**datasets)
    assert home.wilcoxon_p(-ratios) == pytest.approx(home.wilcoxon_p(ratios))


def test_signed_rank_needs_six_data_sets_and_bears_ties():
    assert math.isnan(home.wilcoxon_p(np.full(5, 0.1)))
    assert home.wilcoxon_p(np.zeros(8)) == 1
    assert home.wilcoxon_p(np.array([0.1, 0.1, 0.0, 0.2, 0.2, -0.1, 0.3])) > 0.05


def test_holm_by_hand():
    assert home.holm_adjust([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert home.holm_adjust([0.04, 0.001, 0.5]) == pytest.approx([0.08, 0.003, 0.5])
    assert home.holm_adjust([0.9, 0.8]) == [1.0, 1.0]
    assert home.holm_adjust([math.nan]) == pytest.approx([math.nan], nan_ok=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_order_and_lowers_nothing(given_values):
    adjusted = home.holm_adjust(given_values)
    assert all(one >= raw for one, raw in zip(adjusted, given_values, strict=True))
    assert max(adjusted) <= 1
    order = np.argsort(given_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
