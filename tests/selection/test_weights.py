"""Weights of a combination: common ones, and those of each channel."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.selection.weights import absolute_errors, channel_weights, common_weights


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_common_weights_are_at_least_as_good_as_each_candidate(seed):
    random = torch.Generator().manual_seed(seed)
    truth = torch.randn(20, 3, 2, generator=random)
    truth[torch.rand(truth.shape, generator=random) < 0.2] = torch.nan
    forecasts = torch.randn(4, 20, 3, 2, generator=random)
    scale = torch.tensor([1.0, 2.0])
    weights = common_weights(forecasts, truth, scale)
    assert float(weights.sum()) == pytest.approx(1)
    combined = torch.einsum("mwhc,m->whc", forecasts, weights)
    errors = absolute_errors(torch.cat([forecasts, combined[None]]), truth) / scale
    assert errors[-1].sum() <= errors[:-1].sum(1).min() + 1e-5


def test_own_weights_need_a_clear_advantage():
    random = torch.Generator().manual_seed(0)
    truth = torch.zeros(160, 2, 2)
    equal = torch.randn(3, 160, 2, 2, generator=random)
    common = torch.full((3,), 1 / 3)
    assert torch.allclose(channel_weights(equal, truth, common), common[:, None], atol=0.1)
    better = equal.clone()
    better[0, :, :, 1] /= 10
    weights = channel_weights(better, truth, common)
    assert torch.allclose(weights[:, 0], common, atol=0.1)
    assert weights[0, 1] > 0.6
