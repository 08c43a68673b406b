"""Reversible: nesting, autocast, vmap and activation checkpointing."""

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


def build_model(channels=3, **options):
    """Return a model whose affine parameters are not at their initial values."""
    model = Reversible(Net(), RevIN(channels, **options))
    with torch.no_grad():
        for parameter in model.normalizer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def sample_past(batch=5, level=50.0, channels=3):
    return torch.randn(batch, 24, channels) * 2 + level


def test_forward_is_the_three_lines():
    model, past = build_model(), sample_past()
    z, stats = model.normalizer.normalize(past)
    expected = model.normalizer.denormalize(model.backbone(z), stats)
    assert torch.equal(model(past), expected)


def test_nesting_passes_observed_on():
    inner = Reversible(Net(), LastValue(3))
    nested = Reversible(inner, RevIN(3))
    past = sample_past()
    past[:, -4:] = torch.nan
    observed = past.isfinite()
    assert torch.equal(nested(past), nested(past.nan_to_num(7.0), observed))
    # The inner last value is the last observed one, so the level is not lost.
    assert (nested(past) - 50).abs().max() < 20
    plain = Reversible(inner, Identity(3))
    torch.testing.assert_close(plain(past), inner(past))


def test_autocast_agrees_with_float32():
    model, past = build_model(), sample_past(level=1000)
    expected = model(past)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(past)
        half = model(past.bfloat16())
    assert mixed.dtype == half.dtype == torch.float32
    assert (mixed - expected).abs().max() < 0.05 * 2
    assert (half - model(past.bfloat16().float())).abs().max() < 0.05 * 4


def test_vmap_equals_the_loop_and_leaves_no_batched_tensors():
    model = build_model()
    stack = torch.randn(4, 5, 24, 3)
    looped = torch.stack([model(past) for past in stack])
    torch.testing.assert_close(torch.vmap(model)(stack), looped)
    copy.deepcopy(model)
    pickle.dumps(model)


def test_activation_checkpointing_with_two_micro_batches():
    first, second = sample_past(level=10), sample_past(level=1e4)
    source = build_model()

    def compute_gradients(run):
        model = copy.deepcopy(source)
        loss = sum((run(model, past) / past.mean()).square().mean() for past in (first, second))
        loss.backward()
        return [parameter.grad for parameter in model.parameters()]

    plain = compute_gradients(lambda model, past: model(past))
    checkpointed = compute_gradients(
        lambda model, past: checkpoint(model, past, use_reentrant=False)
    )
    for gradient, expected in zip(checkpointed, plain, strict=True):
        torch.testing.assert_close(gradient, expected)


def test_extra_repr_shows_the_options():
    text = repr(Reversible(Net(), RevIN(3, affine=False, statistic="last", targets=[1])))
    assert "RevIN(3, targets=(1,), affine=False, statistic='last')" in text
