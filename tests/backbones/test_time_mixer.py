"""TimeMixer where it differs from the authors' code; equal cases are among the fixtures."""

import pytest
import torch

from revin_forecast.backbones import TimeMixer
from revin_forecast.checks.samples import perturb


def test_a_coarser_scale_leaves_out_the_first_step_of_an_odd_length():
    model = perturb(TimeMixer(9, 4, 1, levels=1)).double().eval()
    with torch.no_grad():  # leave only the coarser scale
        for layer in (model.maps[0], model.blocks[0].down[0][2]):
            layer.weight.zero_()
    past = torch.randn(1, 9, 1, dtype=torch.float64, requires_grad=True)
    model(past).sum().backward()
    influence = past.grad.flatten().abs() > 1e-9
    assert influence.tolist() == [False] + 8 * [True]


def test_every_scale_reaches_the_forecast():
    model = perturb(TimeMixer(37, 5, 2, levels=5)).double().eval()
    past = torch.randn(3, 37, 2, dtype=torch.float64)
    assert [layer.in_features for layer in model.maps] == [37, 18, 9, 4, 2, 1]
    before = model(past)
    for layer in model.maps:
        weight = layer.weight.detach().clone()
        with torch.no_grad():
            layer.weight.add_(1)
        assert (model(past) - before).abs().max() > 1e-3
        with torch.no_grad():
            layer.weight.copy_(weight)


@pytest.mark.parametrize("levels", [0, 4])
def test_too_many_levels_are_refused(levels):
    message = rf"TimeMixer needs 1 <= levels <= 3 for a look-back of 15 but got levels={levels}\. "
    with pytest.raises(ValueError, match=message):
        TimeMixer(15, 4, 1, levels=levels)
    assert TimeMixer(15, 4, 1, levels=3)(torch.randn(2, 15, 1)).shape == (2, 4, 1)


def test_a_look_back_of_one_step_is_refused():
    with pytest.raises(ValueError, match=r"TimeMixer needs a look-back of 2 steps or more but got"):
        TimeMixer(1, 4, 1)


@pytest.mark.parametrize("name", ["width", "blocks"])
def test_empty_layers_are_refused(name):
    with pytest.raises(ValueError, match=rf"TimeMixer needs {name} >= 1 but got 0\."):
        TimeMixer(15, 4, 1, **{name: 0})


def test_an_empty_batch_has_an_empty_forecast():
    assert TimeMixer(15, 4, 3)(torch.randn(0, 15, 3)).shape == (0, 4, 3)
