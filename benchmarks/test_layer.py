"""RevIN, both ways, beside the authors' formula and a copy of the batch."""

import pytest
import torch

from benchmarks.race import Call, Race, repeated
from benchmarks.speed.layer_speed import Original, backward, both_ways, forward
from revin_forecast.normalizers import RevIN

CHANNELS = 7
# Usual ratios stand behind the bounds; a busy machine, whose cache is shared, has the higher ones.
FORWARD = 0.8  # .2 to .4
BACKWARD = 0.9  # .3 to .45
COPIES = 90.0  # 20 to 40: a batch in the cache is copied in 50 us


TIMES = 5
"""As often in a round: a busy machine takes the batch out of the cache once, not each time."""


def batch() -> torch.Tensor:
    return torch.randn(256, 336, CHANNELS) * 2 + 1000


@pytest.fixture
def ours() -> RevIN:
    return RevIN(CHANNELS)


def test_forward_beside_the_formula(race: Race, ours: RevIN) -> None:
    past = batch()
    plain = repeated(forward(both_ways(Original(CHANNELS)), past), TIMES)
    ratio = race(repeated(forward(both_ways(ours), past), TIMES), plain)
    race.judge("RevIN, both ways", "the formula in plain torch", ratio, FORWARD)


def test_backward_beside_the_formula(race: Race, ours: RevIN) -> None:
    past, original = batch(), Original(CHANNELS)

    def both(layer: torch.nn.Module) -> Call:
        return repeated(backward(both_ways(layer), past, layer, to_data=True), TIMES)

    ratio = race(both(ours), both(original))
    race.judge("RevIN, forward and backward", "the formula in plain torch", ratio, BACKWARD)


def test_forward_beside_a_copy(race: Race, ours: RevIN) -> None:
    past, copies = batch(), 20
    target = torch.empty_like(past)
    copied = repeated(lambda: target.copy_(past), copies * TIMES)
    ratio = race(repeated(forward(both_ways(ours), past), TIMES), copied) * copies
    race.judge("RevIN, both ways", "a copy of the batch", ratio, COPIES)
