"""DishTS: steps of an optimizer at large levels, as its documentation describes them."""

import pytest
import torch

from revin_forecast import DishTS, Linear, Reversible


def errors_around_a_step(level, learning_rate):
    """Return the mean squared error before and after one step of Adam."""
    torch.manual_seed(0)
    past, future = torch.randn(64, 96, 3) + level, torch.randn(64, 24, 3) + level
    model = Reversible(Linear(96, 24, 3), DishTS(3, 96))
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    steps = model.trace(past)
    before = (model(past) - future).square().mean()
    (before + model.normalizer.auxiliary_loss(steps.stats, future, steps.z)).backward()
    optimizer.step()
    return before.item(), (model(past) - future).square().mean().item()


@pytest.mark.parametrize(
    ("level", "learning_rate", "after"),
    [(50, 1e-3, 28), (1000, 1e-3, 10_700), (50, 1e-5, 1.32), (0, 1e-3, 1.30)],
)
def test_a_step_moves_levels_by_look_back_times_rate_times_level(level, learning_rate, after):
    before, actual = errors_around_a_step(level, learning_rate)
    assert before == pytest.approx(1.3, abs=0.05)
    assert actual == pytest.approx(after, rel=0.02)
    assert (actual < before) == (after < 1.324)
