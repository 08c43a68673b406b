"""SOFTS pools its core over the channels: drawn in training, weighted in evaluation."""

import pytest
import torch

from revin_forecast.backbones.softs import SOFTS, _pool_channels
from revin_forecast.checks.samples import perturb

close = torch.testing.assert_close


def test_the_core_is_the_weighted_mean_in_evaluation():
    values = torch.randn(2, 3, 5, dtype=torch.float64)
    expected = torch.empty(2, 1, 5, dtype=torch.float64)
    for window in range(2):
        for place in range(5):
            column = values[window, :, place]
            expected[window, 0, place] = (column.exp() / column.exp().sum()) @ column
    close(_pool_channels(values, draws=False), expected)


def test_the_core_is_drawn_by_its_shares_in_training():
    values = torch.tensor([0.0, 1.0, -2.0]).reshape(1, 3, 1).expand(1, 3, 40_000)
    torch.manual_seed(0)
    drawn = _pool_channels(values, draws=True)
    counts = torch.tensor([(drawn == value).float().mean() for value in (0.0, 1.0, -2.0)])
    close(counts, torch.tensor([0.0, 1.0, -2.0]).softmax(0), atol=0.01, rtol=0)


def test_an_order_of_the_channels_is_that_of_the_forecast():
    model = perturb(SOFTS(20, 7, 4, width=8, core=3)).double().eval()
    past, order = torch.randn(3, 20, 4, dtype=torch.float64), [2, 0, 3, 1]
    close(model(past[..., order]), model(past)[..., order])


def test_channels_meet_in_the_core_only():
    model = perturb(SOFTS(20, 7, 4, width=8, core=3)).double().eval()
    past = torch.randn(3, 20, 4, dtype=torch.float64)
    changed = torch.cat([past[..., :1], -past[..., 1:]], dim=-1)
    assert (model(changed) - model(past))[..., 0].abs().max() > 1e-4
    with torch.no_grad():
        for layer in model.layers:
            layer.star.redistribute[0].weight[:, 8:] = 0  # the columns of the core
    close(model(changed)[..., 0], model(past)[..., 0])


@pytest.mark.parametrize("name", ["width", "core", "layers"])
def test_empty_layers_are_refused(name):
    with pytest.raises(ValueError, match=rf"SOFTS needs {name} >= 1 but got 0\."):
        SOFTS(20, 7, 4, **{name: 0})
