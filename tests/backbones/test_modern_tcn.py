"""ModernTCN where it differs from the authors' code; equal cases are among the fixtures."""

import pytest
import torch
from torch import nn

from revin_forecast.backbones import ModernTCN
from revin_forecast.checks.samples import perturb


def test_the_merged_kernel_equals_both_kernels_and_their_norms():
    model = perturb(ModernTCN(50, 6, 3, width=4, blocks=2, dropout=0.0)).double()
    past = torch.randn(5, 50, 3, dtype=torch.float64)
    for _ in range(5):
        model.train()(past)  # moves the running statistics
    merged = model.eval()(past)
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.eval()
    assert model.blocks[0].convolution.training
    torch.testing.assert_close(model(past), merged)


@pytest.mark.parametrize("lookback", [1, 2, 3, 5, 7, 8, 9, 300])
def test_any_look_back_and_a_batch_of_one(lookback):
    model = ModernTCN(lookback, 3, 2, width=4)
    past = torch.randn(1, lookback, 2, requires_grad=True)
    for mode in (True, False):
        forecast = model.train(mode)(past)
        assert forecast.shape == (1, 3, 2)
        assert forecast.isfinite().all()
    forecast.sum().backward()
    assert (past.grad[:, -1] != 0).all()  # the most recent step counts


def test_channels_are_mixed():
    model = perturb(ModernTCN(24, 4, 2)).double().eval()
    past = torch.randn(1, 24, 2, dtype=torch.float64, requires_grad=True)
    model(past)[..., 0].sum().backward()
    assert (past.grad.abs().sum(1) > 1e-6).all()


@pytest.mark.parametrize("name", ["width", "blocks", "expansion"])
def test_sizes_below_one_are_refused(name):
    with pytest.raises(ValueError, match=rf"ModernTCN needs {name} >= 1 but got 0\."):
        ModernTCN(24, 4, 2, **{name: 0})
