"""DDN: its statistics, its loss and its sizes; its outputs are those of the authors' code."""

import pytest
import torch

from revin_forecast import DDN, Linear, Reversible
from revin_forecast.checks.samples import perturb
from revin_forecast.models.reversible import find_learned_normalizers
from revin_forecast.normalizers import PretrainedNormalizer
from revin_forecast.normalizers.ddn import MIN_SCALE_SHARE, sliding_statistics


@pytest.mark.parametrize("window", [2, 3, 4, 7])
@pytest.mark.parametrize("steps", [1, 3, 9])
def test_sliding_statistics_are_those_of_each_step_s_window(steps, window):
    values = torch.randn(2, 3, steps, dtype=torch.float64)
    observed = torch.rand(2, 3, steps) < 0.7
    values = torch.where(observed, values, 0)
    means, variances, counts = sliding_statistics(values, observed, window)
    size = min(window, steps)
    for step in range(steps):
        # The window that contains the step, moved into the values at both ends.
        start = min(max(step - size // 2, 0), steps - size)
        cut = slice(start, start + size)
        for batch in range(2):
            for channel in range(3):
                seen = values[batch, channel, cut][observed[batch, channel, cut]]
                assert counts[batch, channel, step] == len(seen)
                mean = seen.mean() if len(seen) else 0.0
                variance = seen.var() if len(seen) > 1 else 0.0
                assert means[batch, channel, step].item() == pytest.approx(float(mean))
                assert variances[batch, channel, step].item() == pytest.approx(float(variance))


def test_without_a_wavelet_share_steps_are_normalized_by_their_window():
    layer, past = DDN(2, 12, 4, window=3, hidden=4).double(), torch.randn(3, 12, 2).double()
    z, _ = layer.normalize(past)
    means, variances, _ = sliding_statistics(past.mT, None, 3)
    deviation = past.std(1, keepdim=True, correction=0)
    torch.testing.assert_close(z, (past - means.mT) / (variances.sqrt().mT + 1e-5 * deviation))


def test_the_loss_is_the_error_of_the_horizon_s_sliding_statistics():
    layer = DDN(1, 6, 3, window=2, hidden=2)
    with torch.no_grad():
        for network in (layer.mean_network, layer.scale_network):
            network.out.weight.zero_()
    past = torch.tensor([1.0, 3.0, 1.0, 3.0, 1.0, 3.0]).reshape(1, -1, 1)
    _, stats = layer.normalize(past)
    # Predicted for each step: the mean of the sliding means, 2, and of the deviations, sqrt 2.
    future = torch.tensor([2.0, 6.0, torch.nan]).reshape(1, -1, 1)
    # True windows: (2, 6), (2, 6) and (6, -): means 4, 4, 6 and deviations sqrt 8, sqrt 8, none.
    expected = (2**2 + 2**2 + 4**2 + 2 * (8**0.5 - 2**0.5) ** 2) / 5
    assert layer.auxiliary_loss(stats, future).item() == pytest.approx(expected, rel=1e-4)
    assert layer.auxiliary_loss(stats, future * torch.nan).item() == 0.0


def test_a_predicted_deviation_is_bounded_and_a_constant_window_has_scale_1():
    layer = perturb(DDN(2, 12, 4, window=3, hidden=4).double())
    with torch.no_grad():
        layer.scale_network.out.weight.mul_(1e6)
    past = torch.randn(50, 12, 2).double()
    _, stats = layer.normalize(past)
    _, variances, _ = sliding_statistics(past.mT, None, 3)
    smallest = MIN_SCALE_SHARE * variances.sqrt().mean(-1)
    deviation = past.std(1, correction=0)
    torch.testing.assert_close(stats.scale.amin(1).min(), (smallest + 1e-5 * deviation).min())
    _, flat = layer.normalize(torch.full((1, 12, 2), 7.0).double())
    assert (flat.scale == 1).all()
    torch.testing.assert_close(flat.location, torch.full((1, 4, 2), 7.0).double())


def test_unobserved_steps_get_the_sliding_mean_in_the_wavelet_bands():
    layer = perturb(DDN(1, 12, 4, window=5, hidden=4).double())
    past = (torch.arange(12.0) * 2).reshape(1, -1, 1).double()
    gappy = past.clone()
    gappy[0, 6] = torch.nan  # the sliding mean of a straight line is its value
    z, stats = layer.normalize(gappy)
    assert z[0, 6] == 0
    whole, _ = layer.normalize(past)
    assert (z - whole)[0, [0, 1, 2, 9, 10, 11]].abs().max() < 0.2
    assert stats.location.isfinite().all()


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (7, 1), (13, 5), (30, 12)])
def test_any_look_back_and_horizon(sizes):
    lookback, horizon = sizes
    model = Reversible(Linear(lookback, horizon, 2), perturb(DDN(2, lookback, horizon, window=4)))
    past = torch.randn(3, lookback, 2) + 1e6
    forecast = model(past)
    assert forecast.shape == (3, horizon, 2)
    assert (forecast - 1e6).abs().max() < 1e4
    forecast.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.normalizer.parameters())


def test_it_is_trained_first_and_its_networks_have_no_biases():
    layer = DDN(2, 12, 4)
    assert isinstance(layer, PretrainedNormalizer)
    assert (layer.pretraining_epochs, layer.pretraining_learning_rate) == (5, 1e-4)
    model = Reversible(Linear(12, 4, 2), layer)
    assert find_learned_normalizers(model) == [layer]
    assert not [name for name, _ in layer.named_parameters() if name.endswith("bias")]


@pytest.mark.usefixtures("plain_shapes")
def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"DDN needs horizon >= 1 but got None\. Pass horizon"):
        DDN(2, 12)
    with pytest.raises(ValueError, match=r"DDN needs a window >= 2 but got 1\. Pass window=7"):
        DDN(2, 12, 4, window=1)
    with pytest.raises(ValueError, match=r"DDN needs layers >= 0 but got -1\."):
        DDN(2, 12, 4, layers=-1)
    with pytest.raises(ValueError, match=r"DDN needs hidden >= 1 but got 0\."):
        DDN(2, 12, 4, hidden=0)
    with pytest.raises(ValueError, match=r"for a look-back of 12 but got 11 steps\. Build"):
        DDN(2, 12, 4).normalize(torch.zeros(1, 11, 2))
