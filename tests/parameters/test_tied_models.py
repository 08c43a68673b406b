"""Models with shared parameters: by identity, gradient and count, before and after files."""

import copy
import functools

import pytest
import torch
from torch import nn

from revin_forecast import (
    load_parameters,
    parameter_summary,
    save_parameters,
    share_parameters,
    shared_parameters,
)
from revin_forecast.backbones import (
    DLinear,
    Linear,
    PatchLM,
    PerChannel,
    Siamese,
    TiDE,
    TiedAutoencoder,
)
from revin_forecast.backbones.nbeats import NBEATS
from revin_forecast.parameters.transposed import TransposedLinear

SIZES = (24, 6, 3)
LM = functools.partial(PatchLM, patch=8, width=16)
TIED = {
    "autoencoder": (
        TiedAutoencoder,
        [("encoder.weight", "decoder.weight")],
        24 * 24,  # a rank of 64 is cut to the look-back
    ),
    "language model": (LM, [("embed.weight", "head.weight")], 8 * 16),
    "siamese": (
        functools.partial(Siamese, backbone=DLinear),
        [
            tuple(f"networks.{channel}.{name}" for channel in range(3))
            for name in ("trend.weight", "rest.weight", "rest.bias")
        ],
        2 * (2 * 24 * 6 + 6),
    ),
}


def list_groups(model):
    return {frozenset(group) for group in shared_parameters(model)}


@pytest.mark.parametrize("name", TIED)
def test_shared_by_identity_and_count_before_and_after_files(name, tmp_path):
    make, expected_groups, saved_count = TIED[name]
    model = make(*SIZES)
    past = torch.randn(4, 24, 3)
    save_parameters(model, tmp_path / "model.safetensors")
    fresh = make(*SIZES)
    load_parameters(fresh, tmp_path / "model.safetensors")
    for equal in (model, fresh, copy.deepcopy(model), copy.deepcopy(model).double()):
        assert list_groups(equal) == {frozenset(group) for group in expected_groups}
        summary = parameter_summary(equal)
        assert summary.saved_count == saved_count
        assert summary.unique_count == sum(part.numel() for part in equal.parameters())
        for first, *others in expected_groups:
            for other in others:
                assert equal.get_parameter(first) is equal.get_parameter(other)
    torch.testing.assert_close(fresh(past), model(past))


def test_a_tied_weight_gets_the_gradient_of_both_its_uses():
    tied, untied = TiedAutoencoder(*SIZES), TiedAutoencoder(*SIZES, tied=False)
    with torch.no_grad():
        untied.encoder.weight.copy_(tied.encoder.weight)
        untied.decoder.weight.copy_(tied.encoder.weight.mT)
        untied.advance.load_state_dict(tied.advance.state_dict())
    past = torch.randn(4, 24, 3)
    torch.testing.assert_close(tied(past), untied(past))
    for model in (tied, untied):
        model(past).square().sum().backward()
    summed = untied.encoder.weight.grad + untied.decoder.weight.grad.mT
    torch.testing.assert_close(tied.encoder.weight.grad, summed, rtol=1e-4, atol=1e-3)
    assert untied.decoder.weight.grad.abs().sum() > 0


def test_the_language_model_head_updates_its_embedding():
    tied, past = LM(*SIZES), torch.randn(4, 24, 3)
    before = tied.embed.weight.clone()
    optimizer = torch.optim.SGD(tied.parameters(), lr=0.1)
    tied(past).square().sum().backward()
    optimizer.step()
    assert tied.head.weight is tied.embed.weight
    assert not torch.equal(tied.embed.weight, before)
    assert (
        parameter_summary(LM(*SIZES, tied=False)).unique_count
        == parameter_summary(tied).unique_count + 128
    )


def test_siamese_is_per_channel_with_all_networks_shared():
    siamese, each = Siamese(*SIZES, backbone=DLinear), PerChannel(*SIZES, backbone=DLinear)
    past = torch.randn(4, 24, 3)
    assert not shared_parameters(each)
    assert parameter_summary(each).unique_count == 3 * parameter_summary(siamese).unique_count
    for network in each.networks[1:]:
        share_parameters(each.networks[0], network, ["trend.weight", "rest.weight", "rest.bias"])
    each.load_state_dict(siamese.state_dict())
    torch.testing.assert_close(siamese(past), each(past))
    for model in (siamese, each):
        model(past).square().sum().backward()
    pairs = zip(siamese.parameters(), each.parameters(), strict=True)
    for shared, separate in pairs:
        torch.testing.assert_close(shared.grad, separate.grad, rtol=1e-4, atol=1e-4)


def test_per_channel_networks_do_not_affect_other_channels():
    model, past = PerChannel(*SIZES, backbone=Linear), torch.randn(4, 24, 3)
    before = model(past)
    with torch.no_grad():
        model.networks[1].map.bias += 1
    change = model(past) - before
    torch.testing.assert_close(change[..., 1], torch.ones(4, 6))
    assert change[..., [0, 2]].abs().sum() == 0


def test_wrappers_pass_known_inputs_on_and_refuse_mismatches():
    tide = functools.partial(TiDE, width=8)
    model = Siamese(*SIZES, backbone=tide, covariates=2).eval()
    past, known = torch.randn(4, 24, 3), torch.randn(4, 30, 2)
    single = model.networks[0]
    expected = torch.cat([single(past[..., [c]], known=known) for c in range(3)], dim=-1)
    torch.testing.assert_close(model(past, known=known), expected)
    with pytest.raises(ValueError, match=r"TiDE takes 2 known inputs but the wrapper was built fo"):
        Siamese(*SIZES, backbone=functools.partial(TiDE, covariates=2))


def test_nbeats_blocks_share_within_a_stack(tmp_path):
    make = functools.partial(NBEATS, stacks=("trend", "seasonality"), width=8, shared=True)
    model, fresh = make(*SIZES), make(*SIZES)
    assert len(shared_parameters(model)) == 2 * 10
    save_parameters(model, tmp_path / "model.safetensors")
    load_parameters(fresh, tmp_path / "model.safetensors")
    assert list_groups(fresh) == list_groups(model)
    past = torch.randn(2, 24, 3)
    torch.testing.assert_close(fresh(past), model(past))


def test_transposed_linear_without_bias():
    source = nn.Linear(5, 2)
    back = TransposedLinear(source, bias=False)
    assert list(dict(back.named_parameters())) == ["weight"]
    values = torch.randn(3, 2)
    torch.testing.assert_close(back(values), values @ source.weight)
