"""Intervals of single series: spread, growth, shape, gaps and amplitude."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from revin_forecast import Forecaster
from revin_forecast.models.intervals import QUANTILE_GRID
from revin_forecast.models.series_intervals import (
    ASSUMED_SPREAD,
    GROWTH_SHRINKAGE_ERRORS,
    MAX_AMPLITUDE_RATIO,
    MAX_GROWTH,
    MIN_AMPLITUDE_RATIO,
    NORMAL_DEVIATION,
    RECENCY,
    SHAPE_SHRINKAGE_WINDOWS,
    TYPICAL_GROWTH,
    SeriesIntervals,
    count_gap,
    measure_amplitude,
)


def calibrate(residuals, count=5.0, amplitudes=None, reference=None, gaps=None):
    """Calibrate on errors (windows, horizon, channels) of series with a constant amplitude."""
    residuals = torch.as_tensor(residuals, dtype=torch.float64)
    windows, _, channels = residuals.shape
    one = torch.ones(channels, dtype=torch.float64)
    reference = one if reference is None else torch.tensor(reference, dtype=torch.float64)
    amplitudes = reference.expand(windows, -1) if amplitudes is None else amplitudes
    return SeriesIntervals.calibrate(
        residuals, amplitudes, reference, 0 * one, np.full(channels, count), gaps
    )


def draw(windows=40, horizon=6, channels=3, seed=0, growth=0.5):
    steps = np.arange(1, horizon + 1).reshape(1, -1, 1)
    return np.random.default_rng(seed).normal(size=(windows, horizon, channels)) * steps**growth


def compute_scores(residuals, count, level):
    """Return the growth and the scores of one series at a level, by the formulas."""
    windows, horizon = residuals.shape
    weight = np.exp(-RECENCY * np.arange(windows - 1, -1, -1) / windows)[:, None]
    weight = np.broadcast_to(weight, residuals.shape)
    log_step = np.log(np.arange(1, horizon + 1))
    log_mean = np.log(np.average(np.abs(residuals), axis=0, weights=weight))
    total = weight.sum(0)
    centre, mean_centre = (np.average(part, weights=total) for part in (log_step, log_mean))
    covariance = (total * (log_step - centre) * (log_mean - mean_centre)).sum()
    variance = (total * (log_step - centre) ** 2).sum()
    prior = GROWTH_SHRINKAGE_ERRORS
    growth = (covariance + prior * TYPICAL_GROWTH) / (variance + prior)
    growth = np.clip(growth, 0, MAX_GROWTH)
    spread = np.exp(mean_centre + growth * (log_step - centre))
    relative, flat = (np.abs(residuals) / spread).ravel(), weight.ravel()
    order = np.argsort(relative)
    reached = np.cumsum(flat[order]) >= (2 * level - 1) * flat.sum()
    empirical = relative[order][np.argmax(reached)]
    student = NORMAL_DEVIATION * stats.t.ppf(level, 2 * count + 2)
    share = 2 * count / (2 * count + SHAPE_SHRINKAGE_WINDOWS)
    return growth, (share * empirical + (1 - share) * student) * spread


@settings(max_examples=20)
@given(seed=st.integers(0, 99), count=st.floats(1, 40), growth=st.floats(-1, 2))
def test_scores_are_those_of_the_formulas(seed, count, growth):
    residuals = draw(seed=seed, growth=growth)
    intervals = calibrate(residuals, count)
    for level in (0.9, 0.975):
        (index,) = np.flatnonzero(np.isclose(QUANTILE_GRID, level))
        for channel in range(3):
            slope, scores = compute_scores(residuals[..., channel], count, level)
            assert float(intervals.growth[channel]) == pytest.approx(slope, rel=1e-6)
            np.testing.assert_allclose(intervals.scores[index, :, channel], scores, rtol=1e-5)
            np.testing.assert_allclose(intervals.scores[-1 - index, :, channel], -scores, rtol=1e-5)


def test_the_growth_is_that_of_the_errors_if_they_are_many():
    for growth in (0.0, 0.5, 1.0):
        # 400 windows of a horizon of 12.
        fitted = calibrate(draw(400, 12, 4, growth=growth)).growth
        np.testing.assert_allclose(fitted, growth, atol=0.06)
    assert calibrate(draw(400, 12, growth=2.0)).growth.tolist() == [MAX_GROWTH] * 3
    assert calibrate(draw(400, 12, growth=-1.0)).growth.tolist() == [0] * 3
    assert calibrate(draw(5, 1)).growth.tolist() == [TYPICAL_GROWTH] * 3


def test_few_windows_have_wide_tails_and_an_outlier_does_not_decide():
    residuals = draw(1, 1, 1)
    scores = calibrate(np.abs(residuals) * 0 + 1, count=1.0).scores[:, 0, 0]
    upper = scores[QUANTILE_GRID > 0.5]
    assert (np.diff(upper) > 0).all()
    student = NORMAL_DEVIATION * stats.t.ppf(QUANTILE_GRID[QUANTILE_GRID > 0.5], 4)
    np.testing.assert_allclose(upper, 0.2 + 0.8 * student, rtol=1e-6)


def test_most_new_errors_are_covered():
    residuals = draw(400, 6, 50)
    intervals = calibrate(residuals, count=60.0)
    truth = draw(200, 6, 50, seed=1)
    for level in (0.9, 0.975):
        (index,) = np.flatnonzero(np.isclose(QUANTILE_GRID, level))
        covered = (np.abs(truth) <= intervals.scores[index]).mean()
        assert covered == pytest.approx(2 * level - 1, abs=0.03)


def test_a_series_without_errors_has_the_spread_of_the_others_in_amplitudes():
    residuals = draw(channels=3)
    residuals[..., 2] = np.nan
    scores = calibrate(residuals, reference=[1.0, 1.0, 10.0]).scores
    top = QUANTILE_GRID == 0.9
    ratio = scores[top, :, 2] / scores[top, :, :2].mean(2)
    np.testing.assert_allclose(ratio, 10, rtol=0.5)
    assert scores[top, :, 2].min() > scores[top, :, :2].max()
    alone = calibrate(residuals[..., 2:], reference=[10.0]).scores
    student = NORMAL_DEVIATION * stats.t.ppf(0.9, 12)
    expected = student * ASSUMED_SPREAD * 10 * np.arange(1, 7) ** TYPICAL_GROWTH
    np.testing.assert_allclose(alone[top, :, 0][0], expected, rtol=1e-6)


def test_series_without_any_error_have_intervals_too():
    intervals = calibrate(np.full((1, 4, 2), np.nan), reference=[2.0, 0.0])
    assert np.isfinite(intervals.scores).all()
    assert (intervals.scores[QUANTILE_GRID > 0.5] > 0).all()


def test_errors_of_zero_give_no_width():
    residuals = draw(channels=2)
    residuals[..., 0] = 0
    scores = calibrate(residuals).scores
    assert not scores[..., 0].any()
    assert (scores[QUANTILE_GRID > 0.5, :, 1] > 0).all()


def test_recent_errors_count_more():
    rising = draw() * np.linspace(0.2, 2, 40).reshape(-1, 1, 1)
    top = QUANTILE_GRID == 0.9
    late, early = (calibrate(part).scores[top] for part in (rising, rising[::-1].copy()))
    assert (late > 1.2 * early).all()


@pytest.mark.parametrize("factor", [0.1, 1.0, 2.0, 100.0])
def test_the_width_follows_the_square_root_of_the_amplitude(factor):
    intervals = calibrate(draw(channels=2))
    past = torch.ones(1, 20, 2, dtype=torch.float64)
    past[:, ::2] *= -1  # the sign does not count
    past[..., 1] *= factor
    bounded = min(max(factor, MIN_AMPLITUDE_RATIO), MAX_AMPLITUDE_RATIO)
    np.testing.assert_allclose(intervals.scales(past)[0], [1, bounded**0.5])
    low, high = intervals.quantiles(torch.zeros(1, 6, 2), past.float(), [0.1, 0.9])[0].unbind(-1)
    torch.testing.assert_close(low, -high)
    top = torch.from_numpy(intervals.scores[QUANTILE_GRID == 0.9][0])
    torch.testing.assert_close(high, top * torch.tensor([1, bounded**0.5]), rtol=1e-5, atol=0)


def test_amplitudes_of_the_windows_are_taken_out_of_their_errors():
    residuals = draw(channels=2)
    doubled = residuals.copy()
    doubled[:20] *= 2**0.5
    amplitudes = torch.ones(40, 2, dtype=torch.float64)
    amplitudes[:20] = 2
    expected = calibrate(residuals).scores
    np.testing.assert_allclose(calibrate(doubled, amplitudes=amplitudes).scores, expected)


def test_amplitude_is_the_mean_size_of_the_last_observed_rows():
    past = torch.cat([torch.full((1, 30, 1), 100.0), torch.full((1, 12, 1), -3.0)], dim=1)
    assert measure_amplitude(past).tolist() == [[3.0]]
    past[:, -1] = torch.nan
    assert measure_amplitude(past).tolist() == [[3.0]]
    assert measure_amplitude(past * torch.nan).isnan().all()


@given(gap=st.integers(0, 15))
def test_intervals_grow_with_a_gap_at_the_end(gap):
    intervals = calibrate(draw(400, 6, 1, growth=0.7))
    past = torch.ones(1, 15, 1)
    past[:, 15 - gap :] = torch.nan
    assert count_gap(past).tolist() == [[gap]]
    forecast = torch.zeros(1, 6, 1)
    width = intervals.quantiles(forecast, past, [0.9])[0, :, 0, 0]
    steps = np.arange(1, 7)
    expected = intervals.scores[QUANTILE_GRID == 0.9][0, :, 0] * ((steps + gap) / steps) ** float(
        intervals.growth[0]
    )
    # A window without a value has no amplitude, which changes nothing.
    np.testing.assert_allclose(width, expected, rtol=1e-5)


def test_some_channels_can_be_selected():
    intervals = calibrate(draw(channels=4) * np.arange(1, 5), reference=[1.0, 2.0, 3.0, 4.0])
    chosen = intervals.select([3, 1])
    np.testing.assert_array_equal(chosen.scores, intervals.scores[:, :, [3, 1]])
    assert chosen.reference.tolist() == [4, 2]
    assert torch.equal(chosen.growth, intervals.growth[[3, 1]])
    past, forecast = torch.ones(2, 20, 4), torch.zeros(2, 6, 4)
    torch.testing.assert_close(
        chosen.quantiles(forecast[..., :2], past[..., :2], [0.05, 0.7]),
        intervals.quantiles(forecast, past, [0.05, 0.7])[:, :, [3, 1]],
    )


def test_saving_keeps_them(tmp_path):
    values = np.random.default_rng(0).normal(size=(40, 2)).cumsum(0) + 20
    table = pd.DataFrame(values, columns=["a", "b"])
    table.insert(0, "date", pd.date_range("2020-01-01", periods=40, freq="MS"))
    forecaster = Forecaster(horizon=4).fit(table)
    assert isinstance(forecaster.fitted.intervals, SeriesIntervals)
    assert forecaster.fitted.summary["interval_method"] == forecaster.fitted.intervals.method
    forecaster.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    before, after = forecaster.fitted.intervals, loaded.fitted.intervals
    np.testing.assert_array_equal(before.scores, after.scores)
    for name in ("reference", "zero", "growth"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name))
    pd.testing.assert_frame_equal(
        loaded.predict(level=[50, 99.9]), forecaster.predict(level=[50, 99.9])
    )
