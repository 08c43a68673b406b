"""Conformal intervals: scale of a window, calibration and coverage."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri, stdtrit

from revin_forecast import Forecaster
from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.models.conformal_intervals import ConformalIntervals
from revin_forecast.models.intervals import (
    MIN_SCALE,
    QUANTILE_GRID,
    interval_quantiles,
    window_scale,
)

UNIT = torch.tensor([-1.0, 1.0]).repeat(8).reshape(1, 16, 1)
"""A window whose scale is 1."""


def calibrate_noise(windows=200, horizon=3, channels=2, seed=0, stride=100.0, draw="normal"):
    random = np.random.default_rng(seed)
    size = (windows, horizon, channels)
    residuals = random.standard_t(4, size) if draw == "heavy" else random.normal(size=size)
    return ConformalIntervals.calibrate(residuals, np.ones((windows, channels)), stride)


def quantiles_around_zero(intervals, levels, past=None):
    """Return quantiles around a forecast of 0 from one window, (horizon, channels, levels)."""
    _, horizon, channels = intervals.scores.shape
    past = UNIT.expand(-1, -1, channels) if past is None else past
    return intervals.quantiles(torch.zeros(len(past), horizon, channels), past, levels)[0]


@given(seed=st.integers(0, 500), power=st.integers(-3, 6), shift=st.floats(-8, 8))
def test_the_scale_is_equivariant(seed, power, shift):
    generator = torch.Generator().manual_seed(seed)
    past = torch.randn(3, 40, 2, generator=generator)
    past[torch.rand(past.shape, generator=generator) < 0.2] = torch.nan
    scale = window_scale(past)
    assert torch.equal(window_scale(past * 2.0**power), scale * 2.0**power)
    torch.testing.assert_close(window_scale(past + shift), scale, rtol=1e-4, atol=0)


def test_the_scale_counts_recent_observed_values_twice():
    past = torch.randn(1, 64, 1)
    recent = past[:, -16:]
    expected = (past.std(correction=0) + recent.std(correction=0)) / 2
    torch.testing.assert_close(window_scale(past).squeeze(), expected)
    gaps = torch.full((1, 128, 1), torch.nan)
    gaps[:, ::2] = past
    torch.testing.assert_close(window_scale(gaps).squeeze(), expected)
    past[:, -16:] *= 5
    assert window_scale(past) > 2 * expected
    assert window_scale(past.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_the_scale_of_constant_and_of_empty_windows(rows):
    past = torch.stack([torch.full((rows, 1), 3.0), torch.full((rows, 1), torch.nan)])
    assert window_scale(past).flatten().tolist() == pytest.approx([MIN_SCALE, 1])
    past[:, 0] = torch.inf
    assert window_scale(past).isfinite().all()


def test_the_scale_of_sparse_windows_is_at_least_that_of_training():
    past = torch.full((3, 40, 1), torch.nan)
    past[0, :7], past[1, :7], past[2, :8] = 3 * torch.randn(7, 1), 0.1 * torch.randn(7, 1), 0.1
    scale = window_scale(past).flatten().tolist()
    assert scale[0] > 1
    assert scale[1:] == pytest.approx([1, MIN_SCALE])


def measure_coverage_after_gap(gap, seed):
    """Return the coverage of 80 % intervals of a noisy wave whose last values are missing."""
    steps = np.arange(614)
    wave = 10 + 5 * np.sin(2 * np.pi * steps / 7)
    values = wave + np.random.default_rng(seed).normal(size=614)
    table = pd.DataFrame({"day": pd.date_range("2022-01-01", periods=600), "a": values[:600]})
    table["b"] = table["a"]
    table.loc[600 - gap :, "a"] = np.nan
    forecast, truth = Forecaster(14).fit(table).predict(level=[80]), wave[600:]
    # The share of the noise distribution inside the interval.
    return (ndtr(forecast["a-hi-80"] - truth) - ndtr(forecast["a-lo-80"] - truth)).mean()


@pytest.mark.parametrize("gap", [7, 40, 150])
def test_intervals_cover_after_a_gap_at_the_end(gap):
    """Information fades with the gap: at last only the level is known, and the interval is wide."""
    covered = [measure_coverage_after_gap(gap, seed) for seed in range(4)]
    assert 0.7 < covered[0] < 0.97
    assert 0.7 < np.mean(covered) < 0.97


def test_a_series_without_recent_values_has_wide_intervals():
    walk = np.cumsum(np.random.default_rng(0).normal(size=150))
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=150), "a": walk, "b": walk})
    table.loc[110:, "b"] = np.nan
    forecast = Forecaster(5).fit(table).predict(level=[95])
    width = {name: (forecast[f"{name}-hi-95"] - forecast[f"{name}-lo-95"]).min() for name in "ab"}
    assert width["b"] > 2 * width["a"]


def test_a_gap_at_the_end_leaves_the_scale_of_the_earlier_values():
    past = torch.randn(1, 64, 1)
    past[:, -16:] = torch.nan
    torch.testing.assert_close(window_scale(past).squeeze(), past[:, :48].std(correction=0))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 500),
    windows=st.integers(8, 600),
    levels=st.lists(st.floats(0.1, 0.9), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_quantiles_ascend_around_the_forecast(seed, windows, levels):
    intervals = calibrate_noise(windows, seed=seed, draw="heavy", stride=1.0)
    quantiles = quantiles_around_zero(intervals, levels)
    assert (quantiles.diff(dim=-1) >= 0).all()
    low, middle, high = quantiles_around_zero(intervals, [0.1, 0.5, 0.9]).unbind(-1)
    assert (low < 0).all()
    assert (middle == 0).all()
    assert (high > 0).all()


@given(power=st.integers(-3, 6))
def test_intervals_widen_with_the_data(power):
    intervals, past = calibrate_noise(), torch.randn(1, 40, 2)
    levels = [0.025, 0.3, 0.9]
    wider = quantiles_around_zero(intervals, levels, past * 2.0**power)
    assert torch.equal(wider, quantiles_around_zero(intervals, levels, past) * 2.0**power)


def test_forecasts_of_a_table_in_other_units_have_the_same_intervals():
    random = np.random.default_rng(0)
    dates = pd.date_range("2024-01-01", periods=150, freq="D")
    values = random.normal(size=150) + 5 * np.sin(np.arange(150) * 2 * np.pi / 7)
    plain, other = (
        Forecaster(7, 21, Ridge).fit(pd.DataFrame({"date": dates, "a": a * values + b}))
        for a, b in ((1, 0), (1e6, 3e7))
    )
    columns = ["a", "a-lo-80", "a-hi-80"]
    expected = plain.predict(level=[80.0])[columns] * 1e6 + 3e7
    pd.testing.assert_frame_equal(other.predict(level=[80.0])[columns], expected, rtol=1e-4)


@pytest.mark.parametrize("windows", [30, 500, 20_000])
def test_one_series_and_step_have_the_conformal_quantile(windows):
    """Each side has its own quantile with many windows, that of absolute errors with few."""
    residuals = np.random.default_rng(0).exponential(size=(windows, 1, 1)) - 0.5
    intervals = ConformalIntervals.calibrate(residuals, np.ones((windows, 1)))
    ordered, sizes = np.sort(residuals.ravel()), np.sort(np.abs(residuals.ravel()))
    rank = int(np.ceil((windows + 1) * 0.9))
    symmetric = sizes[int(np.ceil((windows + 1) * 0.8)) - 1]
    own_weight = windows / (windows + 400)
    skew_weight = own_weight + (1 - own_weight) * windows / (windows + 40)
    stretch = stdtrit(windows, 0.9) / ndtri(0.9)
    low, high = quantiles_around_zero(intervals, [0.1, 0.9])[0, 0].tolist()
    assert high == pytest.approx(
        (skew_weight * ordered[rank - 1] + (1 - skew_weight) * symmetric) * stretch, rel=1e-5
    )
    assert low == pytest.approx(
        (skew_weight * ordered[-rank] - (1 - skew_weight) * symmetric) * stretch, rel=1e-5
    )
    if windows == 20_000:
        assert high > -3 * low  # skewed as the residuals are


@pytest.mark.parametrize("seed", range(4))
def test_intervals_of_a_short_trend_are_balanced_and_not_far_too_wide(seed):
    """Calibration fits, on half as many rows, extrapolate the level and miss far on one side."""
    steps = np.arange(116)
    values = 100 + 0.7 * steps + np.random.default_rng(seed).normal(size=116)
    quarters = pd.date_range("1990-01-01", periods=116, freq="QS")
    table = pd.DataFrame({"quarter": quarters, "y": values})
    forecast = Forecaster(6).fit(table).predict(level=[80.0])
    below = forecast["y"] - forecast["y-lo-80"]
    above = forecast["y-hi-80"] - forecast["y"]
    assert (above / below).between(0.6, 1.7).all()
    assert (below + above).between(1.8, 7).all()  # 2.56 if the trend were known


@pytest.mark.parametrize("windows", [10, 50, 400])
@pytest.mark.parametrize("draw", ["normal", "heavy"])
def test_exchangeable_residuals_are_covered(windows, draw):
    """Mean coverage over draws of the calibration windows is nominal, or a little more."""
    random = np.random.default_rng(1)
    size = (500, 3, 10)
    residuals = random.standard_t(4, size) if draw == "heavy" else random.normal(size=size)
    coverages = {80: [], 95: []}
    for seed in range(32):
        intervals = calibrate_noise(windows, channels=10, seed=seed, draw=draw)
        for level, values in coverages.items():
            quantiles = quantiles_around_zero(intervals, interval_quantiles(level))
            low, high = quantiles.numpy().transpose(2, 0, 1)
            values.append(100 * ((low <= residuals) & (residuals <= high)).mean())
    for level, values in coverages.items():
        assert level - 1 < np.mean(values) < level + 3, (level, np.mean(values))


def test_overlapping_windows_count_for_fewer():
    """Sums of h steps of noise from every origin, where neighbours share most of them."""
    random, horizon, windows = np.random.default_rng(0), 12, 40
    walks = random.normal(size=(windows + 3 * horizon, 200)).cumsum(0)
    ahead = np.lib.stride_tricks.sliding_window_view(walks, horizon + 1, axis=0)
    errors = (ahead[..., 1:] - ahead[..., :1]).transpose(0, 2, 1)
    calibration, truth = errors[:windows], errors[windows + horizon :]
    covered = []
    for stride in (1.0, 100.0):
        intervals = ConformalIntervals.calibrate(calibration, np.ones((windows, 200)), stride)
        low, high = quantiles_around_zero(intervals, [0.1, 0.9]).numpy().transpose(2, 0, 1)
        covered.append(100 * ((low <= truth) & (truth <= high)).mean((0, 2)))
    assert covered[0][0] - covered[1][0] < 1  # one step ahead, windows do not overlap
    assert covered[0][-1] > covered[1][-1] + 4
    assert 75 < covered[0].mean() < 86


def test_a_series_without_calibration_values_has_the_spread_of_the_others():
    residuals = np.random.default_rng(0).normal(size=(100, 4, 3))
    residuals[..., 2] = np.nan
    residuals[:, 1] = np.nan
    intervals = ConformalIntervals.calibrate(residuals, np.ones((100, 3)))
    low, high = quantiles_around_zero(intervals, [0.1, 0.9]).unbind(-1)
    width = high - low
    torch.testing.assert_close(width[3, 2], width[3, :2].mean(), rtol=0.1, atol=0)
    assert width.min() > 1
    residuals[..., 0] = 0
    intervals = ConformalIntervals.calibrate(residuals, np.ones((100, 3)))
    assert quantiles_around_zero(intervals, [0.1, 0.9])[3, 0].tolist() == [0, 0]


def test_few_windows_of_many_series_give_wide_intervals():
    intervals = calibrate_noise(windows=4, horizon=6, channels=100)
    width = np.ptp(quantiles_around_zero(intervals, [0.025, 0.975]).numpy(), axis=-1)
    assert np.isfinite(width).all()
    assert width.mean() > 2 * 1.96 * 1.2  # four windows leave the spread uncertain


@pytest.mark.parametrize("windows", [3, 10, 4000])
def test_levels_beyond_the_calibration_windows_are_extended(windows):
    """Beyond the last finite score, distances grow as those of a normal distribution do."""
    intervals = calibrate_noise(windows=windows, horizon=3, channels=1)
    last = QUANTILE_GRID[np.isfinite(intervals.scores).all((1, 2))].max()
    assert (last == QUANTILE_GRID.max()) == (windows == 4000)
    beyond = [float(1 - (1 - last) / divisor) for divisor in (1, 1.5, 4, 100)]
    upper = quantiles_around_zero(intervals, beyond)
    factors = torch.from_numpy(ndtri(beyond) / ndtri(last)).float()
    torch.testing.assert_close(upper, upper[..., :1] * factors, rtol=1e-5, atol=0)
    ordered = quantiles_around_zero(intervals, np.linspace(0.0001, 0.9999, 301).tolist())
    assert ordered.isfinite().all()
    assert (ordered.diff(dim=-1) >= 0).all()
    assert ordered[..., 0].max() < 0 < ordered[..., -1].min()


def test_windows_without_a_truth_are_refused():
    with pytest.raises(InputError, match="no value of the calibration windows was observed"):
        ConformalIntervals.calibrate(np.full((3, 2, 1), np.nan), np.ones((3, 1)))


def test_levels_between_those_of_the_grid_are_interpolated():
    intervals = calibrate_noise(windows=4000, channels=1)
    levels = np.array([0.07, 0.33, 0.85, 0.985])
    quantiles = quantiles_around_zero(intervals, levels.tolist()).numpy()
    np.testing.assert_allclose(
        quantiles, np.broadcast_to(ndtri(levels), quantiles.shape), atol=0.12
    )
    on_grid = quantiles_around_zero(intervals, QUANTILE_GRID.tolist()).numpy()
    np.testing.assert_allclose(on_grid, np.moveaxis(intervals.scores, 0, -1), rtol=1e-6, atol=1e-6)


def test_shares_are_distinguished_from_percentages():
    assert interval_quantiles(95) == (0.025, 0.975)
    assert interval_quantiles(99.5) == (0.0025, 0.9975)
    with pytest.raises(InputError, match=r"a level is in percent but got 0.8; pass 80"):
        interval_quantiles(0.8)
    for invalid in (0, 100, -5, 101.0, float("nan")):
        with pytest.raises(InputError, match="from 1 to below 100, but got"):
            interval_quantiles(invalid)
