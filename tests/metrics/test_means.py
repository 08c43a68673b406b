"""Metrics against NumPy, with gaps, in half precision and with wrong shapes."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast import metrics


def sample_arrays(seed, gaps=0.0):
    random = np.random.default_rng(seed)
    forecast, truth = random.normal(size=(2, 3, 5, 2))
    truth[random.random(truth.shape) < gaps] = np.nan
    return forecast, truth


@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.3, 0.9]))
def test_against_numpy(seed, gaps):
    forecast, truth = sample_arrays(seed, gaps)
    error = (forecast - truth)[np.isfinite(truth)]
    if error.size == 0:
        error = np.zeros(1)
    pair = torch.from_numpy(forecast), torch.from_numpy(truth)
    assert metrics.mse(*pair).item() == pytest.approx((error**2).mean())
    assert metrics.mae(*pair).item() == pytest.approx(abs(error).mean())
    assert metrics.rmse(*pair).item() == pytest.approx(np.sqrt((error**2).mean()))
    scale = np.array([2.0, 0.5])
    scaled = (abs(forecast - truth) / scale)[np.isfinite(truth)]
    actual = metrics.mase(*pair, torch.from_numpy(scale)).item()
    assert actual == pytest.approx(scaled.mean() if scaled.size else 0.0)


@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.3, 0.9]))
def test_intervals_against_numpy(seed, gaps):
    forecast, truth = sample_arrays(seed, gaps)
    high = forecast + 1
    observed = np.isfinite(truth)
    count = max(observed.sum(), 1)
    inside = (forecast <= truth) & (truth <= high)
    low_high = torch.from_numpy(forecast), torch.from_numpy(high)
    actual = metrics.coverage(*low_high, torch.from_numpy(truth)).item()
    assert actual == pytest.approx(inside[observed].sum() / count)
    error = truth[..., None] - np.stack([forecast, high], -1)
    levels = np.array([0.1, 0.7])
    expected = np.maximum(levels * error, (levels - 1) * error)[observed].sum(0) / count
    actual = metrics.quantile_loss(torch.stack(low_high, -1), torch.from_numpy(truth), [0.1, 0.7])
    assert actual.item() == pytest.approx(expected.mean())


@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.3]), season=st.integers(1, 8))
def test_seasonal_scale_against_numpy(seed, gaps, season):
    random = np.random.default_rng(seed)
    values = random.normal(size=(40, 2))
    observed = random.random(values.shape) >= gaps
    change = abs(values[season:] - values[:-season])
    both = observed[season:] & observed[:-season]
    expected = [change[both[:, channel], channel].mean() for channel in range(2)]
    actual = metrics.seasonal_scale(torch.from_numpy(values), season, torch.from_numpy(observed))
    np.testing.assert_allclose(actual, expected)
    gaps = torch.from_numpy(np.where(observed, values, np.nan))
    assert torch.equal(metrics.seasonal_scale(gaps, season), actual)


def test_declared_observed_equals_nan():
    forecast, truth = map(torch.from_numpy, sample_arrays(0))
    observed = torch.rand(truth.shape) < 0.5
    gaps = torch.where(observed, truth, torch.nan)
    assert metrics.mse(forecast, truth, observed) == metrics.mse(forecast, gaps)
    assert metrics.mse(forecast, gaps, torch.ones_like(observed)) == metrics.mse(forecast, gaps)


def mase_without_second_scale(forecast, truth, observed=None):
    """Return MASE with a second channel without scale."""
    return metrics.mase(forecast, truth, torch.tensor([2.0, 0.0]), observed)


def high_quantile_loss(forecast, truth, observed=None):
    return metrics.quantile_loss(forecast.unsqueeze(-1), truth, [0.9], observed)


def high_wql(forecast, truth, observed=None):
    return metrics.wql(forecast.unsqueeze(-1), truth, [0.9], observed)


def two_level_crps(forecast, truth, observed=None):
    columns = torch.stack([forecast, forecast], dim=-1)
    return metrics.crps(columns, truth, [0.25, 0.75], observed)


METRICS = [
    metrics.mse,
    metrics.mae,
    metrics.rmse,
    high_quantile_loss,
    high_wql,
    two_level_crps,
]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_gaps_give_no_gradient(metric, share):
    forecast, truth = map(torch.from_numpy, sample_arrays(0))
    forecast.requires_grad_()
    gaps = torch.rand(truth.shape) < share
    truth[gaps] = torch.nan
    truth.requires_grad_()
    metric(forecast, truth).backward()
    assert forecast.grad.isfinite().all()
    assert truth.grad.isfinite().all()
    assert forecast.grad[gaps].abs().sum() == 0
    assert (forecast.grad.abs().sum() > 0) == (share < 1)


def test_an_unobserved_channel_without_scale_gives_no_gradient():
    forecast, truth = map(torch.from_numpy, sample_arrays(0))
    truth[..., 1] = torch.nan
    forecast.requires_grad_()
    mase_without_second_scale(forecast, truth).backward()
    assert forecast.grad[..., 0].abs().min() > 0
    assert forecast.grad[..., 1].abs().max() == 0


@pytest.mark.parametrize("metric", METRICS)
def test_forecasts_of_unobserved_targets_do_not_count(metric):
    forecast, truth = map(torch.from_numpy, sample_arrays(0))
    observed = torch.rand(truth.shape) < 0.5
    expected = metric(forecast, truth, observed)
    forecast[~observed] = torch.nan
    forecast.requires_grad_()
    actual = metric(forecast, truth, observed)
    actual.backward()
    assert actual.item() == expected.item() > 0
    assert forecast.grad.isfinite().all()


@pytest.mark.parametrize("metric", METRICS)
def test_a_nan_forecast_makes_the_metric_nan(metric):
    forecast, truth = map(torch.from_numpy, sample_arrays(0))
    forecast[0, 0, 0] = torch.nan
    assert metric(forecast, truth).isnan()


@pytest.mark.parametrize("metric", METRICS)
def test_a_perfect_forecast_has_a_finite_gradient(metric):
    truth = torch.randn(2, 3, 2)
    forecast = truth.clone().requires_grad_()
    loss = metric(forecast, truth)
    loss.backward()
    assert loss == 0
    assert forecast.grad.isfinite().all()


@pytest.mark.parametrize("metric", METRICS[:3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_long_batches_in_half_precision(metric, dtype):
    truth = torch.zeros(64, 720, 2, dtype=dtype)
    assert metric(truth + 1, truth) == 1


def test_quantile_loss_is_least_at_the_quantile():
    truth = torch.arange(101.0).reshape(1, 101, 1)
    losses = [
        metrics.quantile_loss(torch.full((1, 101, 1, 1), level), truth, [0.8]).item()
        for level in (70.0, 80.0, 90.0)
    ]
    assert losses[1] == min(losses)
    error = truth.numpy() - 70
    expected = np.maximum(0.8 * error, -0.2 * error).mean()
    assert losses[0] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="has 1 levels but 2 were named"):
        metrics.quantile_loss(torch.zeros(1, 101, 1, 1), truth, [0.1, 0.9])
    with pytest.raises(ValueError, match=r"levels must be in \(0, 1\) but got \[90.0\]"):
        metrics.quantile_loss(torch.zeros(1, 101, 1, 1), truth, [90.0])
    with pytest.raises(ValueError, match=r"levels must be in \(0, 1\) but got \[\]"):
        metrics.quantile_loss(torch.zeros(1, 101, 1, 0), truth, [])


@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.3]))
def test_weighted_quantile_loss_against_numpy(seed, gaps):
    forecast, truth = sample_arrays(seed, gaps)
    levels = np.array([0.2, 0.5, 0.8])
    columns = forecast[..., None] + np.array([-1.0, 0.0, 2.0])
    error = truth[..., None] - columns
    pinball = np.nansum(np.maximum(levels * error, (levels - 1) * error), (0, 1, 2))
    expected = (2 * pinball / np.nansum(np.abs(truth))).mean()
    tensors = torch.from_numpy(columns), torch.from_numpy(truth)
    assert metrics.wql(*tensors, [0.2, 0.5, 0.8]).item() == pytest.approx(expected)
    crps = 2 * pinball.mean() / np.isfinite(truth).sum()
    assert metrics.crps(*tensors, [0.2, 0.5, 0.8]).item() == pytest.approx(crps)


@pytest.mark.parametrize(("location", "deviation", "truth"), [(0.0, 1.0, 0.3), (5.0, 2.0, 9.0)])
def test_crps_converges_to_the_closed_form_of_a_gaussian(location, deviation, truth):
    normal = NormalDist()
    z = (truth - location) / deviation
    expected = deviation * (
        z * (2 * normal.cdf(z) - 1) + 2 * normal.pdf(z) - 1 / math.sqrt(math.pi)
    )
    gaps = []
    for count in (9, 99, 999):
        levels = [step / (count + 1) for step in range(1, count + 1)]
        quantiles = [NormalDist(location, deviation).inv_cdf(level) for level in levels]
        forecast = torch.tensor(quantiles, dtype=torch.float64).reshape(1, 1, 1, -1)
        actual = metrics.crps(forecast, torch.full((1, 1, 1), truth, dtype=torch.float64), levels)
        gaps.append(abs(actual.item() / expected - 1))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 2e-3


def test_scores_of_quantiles_at_the_median_are_those_of_points():
    forecast, truth = map(torch.from_numpy, sample_arrays(3, gaps=0.2))
    columns = forecast.unsqueeze(-1)
    error = metrics.mae(forecast, truth)
    assert metrics.crps(columns, truth, [0.5]).item() == pytest.approx(error.item())
    size = metrics.mae(torch.zeros_like(truth), truth)
    assert metrics.wql(columns, truth, [0.5]).item() == pytest.approx((error / size).item())
    nothing = torch.full_like(truth, torch.nan)
    assert metrics.wql(columns, nothing, [0.5]) == 0


@pytest.mark.parametrize("levels", [[0.1, 0.5, 0.8], [0.1, 0.2, 0.9], [0.9, 0.1]])
def test_crps_needs_an_even_grid(levels):
    with pytest.raises(ValueError, match="evenly spaced levels, symmetric about 0.5, but got"):
        metrics.crps(torch.zeros(1, 3, 1, len(levels)), torch.zeros(1, 3, 1), levels)


def test_coverage_counts_observed_truths():
    truth = torch.tensor([0.0, 1, 2, 3, torch.nan]).reshape(1, 5, 1)
    low, high = torch.full_like(truth, 0.5), torch.full_like(truth, 2)
    assert metrics.coverage(low, high, truth) == 0.5
    assert metrics.coverage(truth, truth, truth) == 1


def test_seasonal_scale():
    values = torch.tensor([[1.0], [5.0], [2.0], [torch.nan], [4.0]])
    assert metrics.seasonal_scale(values, 2).tolist() == [1.5]
    with pytest.raises(ValueError, match="a season of 1 to 4 fits 5 rows; got 5"):
        metrics.seasonal_scale(values, 5)
    never_both = torch.tensor([[1.0], [torch.nan], [2.0], [torch.nan]])
    assert metrics.seasonal_scale(never_both, 1).isnan().all()


# Tensors of one channel, of four channels, and of one channel with one level.
ONE, FOUR, LEVEL = torch.zeros(2, 3, 1), torch.zeros(2, 3, 4), torch.zeros(2, 3, 1, 1)


@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize(
    ("metric", "tensors", "message"),
    [
        (metrics.mse, (ONE, FOUR), r"forecast has shape \(2, 3, 1\) but the truth \(2, 3, 4\)"),
        (metrics.mae, (FOUR, ONE), r"forecast has shape \(2, 3, 4\) but the truth \(2, 3, 1\)"),
        (metrics.rmse, (FOUR, FOUR, ONE == 0), r"observed has shape \(2, 3, 1\) but the truth"),
        (metrics.mase, (FOUR, FOUR, torch.ones(1)), r"scale has shape \(1,\) but the truth"),
        (metrics.mase, (FOUR, FOUR, torch.tensor(1.0)), r"scale has shape \(\) but the truth"),
        (metrics.coverage, (FOUR, ONE, FOUR), r"has shape \(2, 3, 1\) but the truth \(2, 3, 4\)"),
        (metrics.coverage, (ONE, FOUR, FOUR), r"has shape \(2, 3, 1\) but the truth \(2, 3, 4\)"),
        (metrics.quantile_loss, (LEVEL, FOUR, [0.5]), r"has shape \(2, 3, 1\) but the truth"),
        (metrics.wql, (LEVEL, FOUR, [0.5]), r"has shape \(2, 3, 1\) but the truth"),
        (metrics.crps, (LEVEL, FOUR, [0.5]), r"has shape \(2, 3, 1\) but the truth"),
        (metrics.seasonal_scale, (FOUR[0], 1, ONE[0] == 0), r"observed has shape \(3, 1\)"),
    ],
)
def test_shapes_are_never_broadcast(metric, tensors, message):
    with pytest.raises(ValueError, match=message):
        metric(*tensors)
