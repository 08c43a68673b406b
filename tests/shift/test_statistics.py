"""Intervals and tests of the shift benchmark against slow formulas and by their coverage."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from revin_forecast.shift import statistics


def simulate_ar(series, windows, rng, phi=0.9):
    noise = rng.standard_normal((series, windows + 200))
    return lfilter([1], [1, -phi], noise, axis=1)[:, 200:]


def errors(*shape, seed=0):
    return np.random.default_rng(seed).gamma(4, 0.25, shape).astype(np.float32)


@pytest.mark.parametrize(("windows", "block"), [(96, 32), (100, 32), (64, 32), (63, 31), (9, 1)])
def test_draws_are_means_of_blocks(windows, block):
    both, resamples = errors(2, windows).astype(np.float64), 40
    starts = statistics.draw_block_starts(windows, block, resamples, seed=3)
    expected = np.empty((2, resamples))
    for number, resample in np.ndindex(expected.shape):
        rows = [start + step for start in starts[:, resample] for step in range(block)]
        expected[number, resample] = both[number, rows[:windows]].mean()
    means = statistics.bootstrap_means(both, block, resamples, seed=3)
    np.testing.assert_allclose(means, expected, rtol=1e-12)
    assert starts.min() >= 0
    assert starts.max() <= windows - block


def test_series_are_resampled_alike():
    many = errors(150, 90).astype(np.float64)
    together = statistics.bootstrap_means(many, 10, 50, seed=1)
    for row in (0, 63, 64, 149):
        single = statistics.bootstrap_means(many[row : row + 1], 10, 50, seed=1)
        assert single[0].tobytes() == together[row].tobytes()


def test_interval_has_the_quantiles_of_the_resampled_ratio():
    first, second = errors(200, seed=1), errors(200, seed=2)
    drawn = statistics.bootstrap_means(
        np.stack([first, second]).astype(np.float64), 20, 1000, seed=5
    )
    result = statistics.log_ratio_interval(first, second, 20, seed=5)
    expected = np.quantile(np.log(drawn[0] / drawn[1]), [0.025, 0.975])
    assert result.estimate == pytest.approx(math.log(first.mean() / second.mean()), abs=1e-6)
    np.testing.assert_allclose(result[1:], expected, rtol=1e-12)
    assert result == statistics.log_ratio_interval(first, second, 20, seed=5)
    assert result != statistics.log_ratio_interval(first, second, 20, seed=6)


@given(st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_common_scale_cancels_and_swapping_changes_the_sign(factor, seed):
    first, second = errors(80, seed=1), errors(80, seed=2)
    plain = statistics.log_ratio_interval(first, second, 8, 200, seed)
    assert statistics.log_ratio_interval(
        factor * first, factor * second, 8, 200, seed
    ) == pytest.approx(plain, abs=1e-5)
    swapped = statistics.log_ratio_interval(second, first, 8, 200, seed)
    np.testing.assert_allclose(swapped, [-plain.estimate, -plain.hi, -plain.lo], atol=1e-9)
    moved = statistics.log_ratio_interval((factor * first).astype(np.float64), second, 8, 200, seed)
    np.testing.assert_allclose(moved, np.add(plain, math.log(factor)), atol=1e-5)


@pytest.mark.parametrize(("windows", "block"), [(1, 1), (1, 48), (47, 48), (95, 48)])
def test_too_few_windows_give_no_interval(windows, block):
    result = statistics.log_ratio_interval(errors(windows), errors(windows, seed=1), block)
    assert math.isfinite(result.estimate)
    assert math.isnan(result.lo)
    assert math.isnan(result.hi)


def test_errors_of_zero_or_nan_give_nan():
    some = errors(100)
    for bad in (0 * some, some * np.float32("nan")):
        assert all(math.isnan(number) for number in statistics.log_ratio_interval(bad, some, 10))
        assert all(math.isnan(number) for number in statistics.log_ratio_interval(some, bad, 10))
    few = np.where(np.arange(100) == 50, 1, 0).astype(np.float32)  # some draws miss the window
    result = statistics.log_ratio_interval(few, some, 10)
    assert math.isfinite(result.estimate)
    assert math.isnan(result.lo)


def test_seeds_are_resampled_with_the_blocks():
    base, reference = errors(3, 300, seed=1), errors(3, 300, seed=2)
    equal_seeds = statistics.log_ratio_interval(np.repeat(base[:1], 3, 0), reference[:1], 20)
    assert equal_seeds == pytest.approx(
        statistics.log_ratio_interval(base[0], reference[0], 20), abs=1e-12
    )
    different_seeds = base * np.array([[0.5], [1.0], [2.0]], dtype=np.float32)
    wide, narrow = (
        statistics.log_ratio_interval(series, reference, 20) for series in (different_seeds, base)
    )
    assert wide.hi - wide.lo > 3 * (narrow.hi - narrow.lo)
    # A seed that changes both models alike does not change the ratio.
    paired = statistics.log_ratio_interval(different_seeds, different_seeds * np.float32(2), 20)
    np.testing.assert_allclose(paired, -math.log(2), rtol=1e-6)


def test_seed_weights_are_shares_of_draws():
    weights = statistics.bootstrap_seed_weights(3, 4000, seed=0)
    np.testing.assert_allclose(weights.sum(0), 1)
    assert set(np.unique(np.round(weights * 3))) == {0, 1, 2, 3}
    assert abs((weights == 0).mean() - (2 / 3) ** 3) < 0.02
    assert (statistics.bootstrap_seed_weights(1, 10, seed=0) == 1).all()


def test_blocks_cover_the_truth_where_single_windows_do_not():
    rng = np.random.default_rng(11)
    first, second = (10 + simulate_ar(400, 1000, rng) for _ in range(2))

    def coverage(block, runs):
        intervals = [
            statistics.log_ratio_interval(first[i], second[i], block, 200, i) for i in range(runs)
        ]
        return np.mean([result.lo <= 0 <= result.hi for result in intervals])

    assert coverage(1, runs=100) < 0.5  # 0.35 over many runs
    assert 0.84 <= coverage(48, runs=400) <= 0.95  # 0.89 over many runs


def test_an_interval_costs_about_a_millisecond():
    first, second = errors(450, seed=1), errors(450, seed=2)
    # CPU time of all threads, which other processes on the machine do not affect.
    times = []
    for _ in range(60):
        start = time.process_time()
        statistics.log_ratio_interval(first, second, 32)
        times.append(time.process_time() - start)
    assert min(times) < 2e-3


def exact_wilcoxon_p(ratios):
    """Return Wilcoxon's p from all choices of signs."""
    ranks = np.argsort(np.argsort(np.abs(ratios))) + 1
    signs = np.array(list(itertools.product((-1, 1), repeat=len(ratios))))
    sums = np.abs(signs @ ranks)
    return np.mean(sums >= abs(np.sign(ratios) @ ranks))


@pytest.mark.parametrize("datasets", [6, 7, 9])
def test_signed_rank_is_exact(datasets):
    ratios = np.random.default_rng(datasets).normal(0.5, 1, datasets)
    assert statistics.wilcoxon_p(ratios) == pytest.approx(exact_wilcoxon_p(ratios))
    assert statistics.wilcoxon_p(np.abs(ratios)) == pytest.approx(2 / 2**datasets)
    assert statistics.wilcoxon_p(-ratios) == pytest.approx(statistics.wilcoxon_p(ratios))


def test_signed_rank_needs_six_data_sets_and_accepts_ties():
    assert math.isnan(statistics.wilcoxon_p(np.full(5, 0.1)))
    assert statistics.wilcoxon_p(np.zeros(8)) == 1
    assert statistics.wilcoxon_p(np.array([0.1, 0.1, 0.0, 0.2, 0.2, -0.1, 0.3])) > 0.05


def test_holm_by_hand():
    assert statistics.holm_adjust([0.01, 0.02, 0.03, 0.04]) == pytest.approx(
        [0.04, 0.06, 0.06, 0.06]
    )
    assert statistics.holm_adjust([0.04, 0.001, 0.5]) == pytest.approx([0.08, 0.003, 0.5])
    assert statistics.holm_adjust([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm_adjust([math.nan]) == pytest.approx([math.nan], nan_ok=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lowers_no_p(probabilities):
    adjusted = statistics.holm_adjust(probabilities)
    assert all(higher >= raw for higher, raw in zip(adjusted, probabilities, strict=True))
    assert max(adjusted) <= 1
    order = np.argsort(probabilities, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
