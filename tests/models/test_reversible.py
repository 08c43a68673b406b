import copy
import pickle

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from revin_forecast import Identity, LastValue, Reversible, RevIN


class Net(nn.Module):
    def __init__(self, lookback=24, horizon=6, width=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(lookback, width), nn.Tanh(), nn.Linear(width, horizon))

    def forward(self, past):
        return self.net(past.mT).mT


def model(channels=3, **options):
    made = Reversible(Net(), RevIN(channels, **options))
    with torch.no_grad():
        for parameter in made.normalizer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return made


def past(batch=5, level=50.0, channels=3):
    return torch.randn(batch, 24, channels) * 2 + level


def test_forward_is_the_three_lines():
    made, window = model(), past()
    z, stats = made.normalizer.normalize(window)
    wanted = made.normalizer.denormalize(made.backbone(z), stats)
    assert torch.equal(made(window), wanted)


def test_nesting_passes_on_what_was_observed():
    inner = Reversible(Net(), LastValue(3))
    nested = Reversible(inner, RevIN(3))
    window = past()
    window[:, -4:] = torch.nan
    observed = window.isfinite()
    assert torch.equal(nested(window), nested(window.nan_to_num(7.0), observed))
    # The inner last value is the last one observed, so the level is not lost.
    assert (nested(window) - 50).abs().max() < 20
    plain = Reversible(inner, Identity(3))
    torch.testing.assert_close(plain(window), inner(window))


def test_autocast_agrees_with_float32():
    made, window = model(), past(level=1000)
    wanted = made(window)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = made(window)
        half = made(window.bfloat16())
    assert got.dtype == half.dtype == torch.float32
    assert (got - wanted).abs().max() < 0.05 * 2
    assert (half - made(window.bfloat16().float())).abs().max() < 0.05 * 4


def test_vmap_equals_the_loop_and_leaves_nothing_behind():
    made = model()
    stack = torch.randn(4, 5, 24, 3)
    looped = torch.stack([made(window) for window in stack])
    torch.testing.assert_close(torch.vmap(made)(stack), looped)
    copy.deepcopy(made)
    pickle.dumps(made)


def test_activation_checkpointing_with_two_micro_batches():
    first, second = past(level=10), past(level=1e4)

    def gradients(run):
        made = copy.deepcopy(source)
        loss = sum(
            (run(made, window) / window.mean()).square().mean() for window in (first, second)
        )
        loss.backward()
        return [parameter.grad for parameter in made.parameters()]

    source = model()
    plain = gradients(lambda made, window: made(window))
    saved = gradients(lambda made, window: checkpoint(made, window, use_reentrant=False))
    for got, wanted in zip(saved, plain, strict=True):
        torch.testing.assert_close(got, wanted)


def test_extra_repr_shows_what_was_chosen():
    text = repr(Reversible(Net(), RevIN(3, affine=False, statistic="last", targets=[1])))
    assert "RevIN(3, targets=(1,), affine=False, statistic='last')" in text
