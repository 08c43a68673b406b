"""RevIN, normalize and denormalize, compared with the authors' formula and a copy of the batch."""

import pytest
import torch

from benchmarks.ratio_timer import Call, RatioTimer, repeat_call
from benchmarks.speed.layer_speed import (
    OriginalRevIN,
    make_backward,
    make_forward,
    make_round_trip,
)
from revin_forecast.normalizers import RevIN

CHANNELS = 7
# The usual ratios follow the bounds; a busy machine, whose cache is shared, has the higher ones.
FORWARD_BOUND = 0.8  # .2 to .4
BACKWARD_BOUND = 0.9  # .3 to .45
COPIES_BOUND = 90.0  # 20 to 40: a batch in the cache is copied in 50 us
CALLS_PER_ROUND = 5
"""Several, because a busy machine evicts the batch from the cache once a round, not each time."""
COPIES_PER_CALL = 20


def make_batch() -> torch.Tensor:
    """Return a batch of windows at a high level."""
    return torch.randn(256, 336, CHANNELS) * 2 + 1000


@pytest.fixture
def ours() -> RevIN:
    """Return the package's layer."""
    return RevIN(CHANNELS)


def test_forward_against_formula(timer: RatioTimer, ours: RevIN) -> None:
    past = make_batch()
    original = OriginalRevIN(CHANNELS)
    plain = repeat_call(make_forward(make_round_trip(original), past), CALLS_PER_ROUND)
    package = repeat_call(make_forward(make_round_trip(ours), past), CALLS_PER_ROUND)
    ratio = timer.measure(package, plain)
    timer.check("RevIN, both ways", "the formula in plain torch", ratio, FORWARD_BOUND)


def test_backward_against_formula(timer: RatioTimer, ours: RevIN) -> None:
    past, original = make_batch(), OriginalRevIN(CHANNELS)

    def make_call(layer: torch.nn.Module) -> Call:
        backward = make_backward(make_round_trip(layer), past, layer, to_data=True)
        return repeat_call(backward, CALLS_PER_ROUND)

    ratio = timer.measure(make_call(ours), make_call(original))
    reference = "the formula in plain torch"
    timer.check("RevIN, forward and backward", reference, ratio, BACKWARD_BOUND)


def test_forward_against_copy(timer: RatioTimer, ours: RevIN) -> None:
    past = make_batch()
    target = torch.empty_like(past)
    copies = repeat_call(lambda: target.copy_(past), COPIES_PER_CALL * CALLS_PER_ROUND)
    package = repeat_call(make_forward(make_round_trip(ours), past), CALLS_PER_ROUND)
    ratio = timer.measure(package, copies) * COPIES_PER_CALL
    timer.check("RevIN, both ways", "a copy of the batch", ratio, COPIES_BOUND)
