import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast import metrics


def arrays(seed, gaps=0.0):
    random = np.random.default_rng(seed)
    forecast, truth = random.normal(size=(2, 3, 5, 2))
    truth[random.random(truth.shape) < gaps] = np.nan
    return forecast, truth


@given(seed=st.integers(0, 1000), gaps=st.sampled_from([0.0, 0.3, 0.9]))
def test_against_numpy(seed, gaps):
    forecast, truth = arrays(seed, gaps)
    error = (forecast - truth)[np.isfinite(truth)]
    if error.size == 0:
        error = np.zeros(1)
    pair = torch.from_numpy(forecast), torch.from_numpy(truth)
    assert metrics.mse(*pair).item() == pytest.approx((error**2).mean())
    assert metrics.mae(*pair).item() == pytest.approx(abs(error).mean())
    assert metrics.rmse(*pair).item() == pytest.approx(np.sqrt((error**2).mean()))
    scale = np.array([2.0, 0.5])
    scaled = (abs(forecast - truth) / scale)[np.isfinite(truth)]
    got = metrics.mase(*pair, torch.from_numpy(scale)).item()
    assert got == pytest.approx(scaled.mean() if scaled.size else 0.0)


def test_declared_observed_equals_nan():
    forecast, truth = map(torch.from_numpy, arrays(0))
    observed = torch.rand(truth.shape) < 0.5
    gaps = torch.where(observed, truth, torch.nan)
    assert metrics.mse(forecast, truth, observed) == metrics.mse(forecast, gaps)


@pytest.mark.parametrize("metric", [metrics.mse, metrics.mae])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_gaps_give_no_gradient(metric, share):
    forecast, truth = map(torch.from_numpy, arrays(0))
    forecast.requires_grad_()
    gaps = torch.rand(truth.shape) < share
    truth[gaps] = torch.nan
    metric(forecast, truth).backward()
    assert forecast.grad.isfinite().all()
    assert forecast.grad[gaps].abs().sum() == 0
    assert (forecast.grad.abs().sum() > 0) == (share < 1)


def test_quantile_loss_is_least_at_the_quantile():
    truth = torch.arange(101.0).reshape(1, 101, 1)
    losses = [
        metrics.quantile_loss(torch.full((1, 101, 1, 1), level), truth, [0.8]).item()
        for level in (70.0, 80.0, 90.0)
    ]
    assert losses[1] == min(losses)
    error = truth.numpy() - 70
    wanted = np.maximum(0.8 * error, -0.2 * error).mean()
    assert losses[0] == pytest.approx(wanted, rel=1e-5)
    with pytest.raises(ValueError, match="has 1 levels but 2 were named"):
        metrics.quantile_loss(torch.zeros(1, 101, 1, 1), truth, [0.1, 0.9])


def test_coverage_counts_observed_truths():
    truth = torch.tensor([0.0, 1, 2, 3, torch.nan]).reshape(1, 5, 1)
    low, high = torch.full_like(truth, 0.5), torch.full_like(truth, 2)
    assert metrics.coverage(low, high, truth) == 0.5


def test_seasonal_scale():
    values = torch.tensor([[1.0], [5.0], [2.0], [torch.nan], [4.0]])
    assert metrics.seasonal_scale(values, 2).tolist() == [1.5]
    with pytest.raises(ValueError, match="a season of 1 to 4 fits 5 rows; got 5"):
        metrics.seasonal_scale(values, 5)


@pytest.mark.usefixtures("plain_shapes")
def test_shapes_are_never_broadcast():
    with pytest.raises(ValueError, match=r"shape \(2, 3, 1\) but the truth \(2, 3, 4\)"):
        metrics.mse(torch.zeros(2, 3, 1), torch.zeros(2, 3, 4))
