"""Layers that several backbones share, against torch."""

import pytest
import torch
from torch import nn

from revin_forecast.backbones.layers import (
    Attention,
    Dropout,
    apply_batch_norm,
    merge_batch_norm,
    moving_average,
)
from revin_forecast.checks.samples import perturb

close = torch.testing.assert_close


def windows(*shape):
    return torch.randn(shape, dtype=torch.float64)


def test_attention_equals_torchs():
    ours, theirs = (
        perturb(Attention(16, 4)).double(),
        nn.MultiheadAttention(16, 4, batch_first=True),
    )
    theirs = theirs.double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.keys_values.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.keys_values.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    tokens, memory = windows(2, 7, 16), windows(2, 5, 16)
    close(ours(tokens), theirs(tokens, tokens, tokens)[0])
    close(ours(tokens, memory), theirs(tokens, memory, memory)[0])
    hidden = torch.ones(7, 7, dtype=torch.bool).triu(1)
    close(ours(tokens, causal=True), theirs(tokens, tokens, tokens, attn_mask=hidden)[0])
    tau = torch.tensor([0.5, 2.0]).double()
    before = ours(tokens, memory, tau)
    with torch.no_grad():
        ours.query.weight *= 2
        ours.query.bias *= 2
    close(ours(tokens[1:], memory[1:]), before[1:])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(share):
    layer, values = Dropout(share), torch.ones(101, 1003)
    assert layer.eval()(values) is values
    dropped = layer.train()(values.requires_grad_())
    assert ((dropped == 0) | (dropped * (1 - share) - 1).abs().lt(1e-6)).all()
    assert abs((dropped == 0).float().mean().item() - share) < 0.005
    assert abs((dropped[:50] == 0).float().mean().item() - share) < 0.008
    dropped.sum().backward()
    close(values.grad, dropped.detach())


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_dropout_shares_outside_the_range_raise_an_error(share):
    with pytest.raises(ValueError, match=r"a dropout is a share in \[0, 1\) but got"):
        Dropout(share)


@pytest.mark.parametrize("shape", [(3, 9), (2, 3, 9)])
@pytest.mark.parametrize("kernel", [1, 3, 25])
def test_a_moving_average_repeats_the_ends(shape, kernel):
    series = windows(*shape)
    steps = torch.arange(9).unsqueeze(1) + torch.arange(kernel) - kernel // 2
    close(moving_average(series, kernel), series[..., steps.clamp(0, 8)].mean(-1))


def test_a_merged_batch_norm_is_its_effect_in_evaluation():
    norm, values = perturb(nn.BatchNorm1d(4)).double(), windows(5, 4, 3)
    norm.train()(values)
    scale, offset = merge_batch_norm(norm)
    close(values * scale.unsqueeze(1) + offset.unsqueeze(1), norm.eval()(values))


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 1)])
def test_a_batch_norm_accepts_a_single_value_of_each_feature(shape):
    norm, values = perturb(nn.BatchNorm1d(4)).double().train(), windows(*shape)
    mean, batches = norm.running_mean.clone(), norm.num_batches_tracked.clone()
    close(
        apply_batch_norm(norm, values),
        nn.functional.batch_norm(
            values, norm.running_mean, norm.running_var, norm.weight, norm.bias
        ),
    )
    assert torch.equal(norm.running_mean, mean)
    assert torch.equal(norm.num_batches_tracked, batches)
    rows = windows(6, 4)
    close(apply_batch_norm(norm, rows), norm(rows))
