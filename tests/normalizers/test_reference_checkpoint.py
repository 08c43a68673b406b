"""Checkpoints of the authors' layer and of public copies: names, shapes, prefixes and weights."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.normalizers import RevIN

WEIGHT, BIAS = torch.tensor([0.8, -1.5, 3.0]), torch.tensor([0.1, 2.0, -1.0])


class ReferenceLayer:
    """The authors' formula."""

    def __init__(self, weight, bias, eps=1e-5, correction=0):
        self.weight, self.bias, self.eps, self.correction = weight, bias, eps, correction

    def both_ways(self, past, z):
        mean = past.mean(1, keepdim=True)
        scale = (past.var(1, keepdim=True, correction=self.correction) + self.eps).sqrt()
        forward = (past - mean) / scale * self.weight + self.bias
        return forward, (z - self.bias) / (self.weight + self.eps**2) * scale + mean


def sample_past(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5, 24, 3, generator=generator, dtype=dtype) * 3 + 20


def assert_acts_like(layer, weight, bias, rtol=1e-7, **options):
    """Compare both directions with the formula in float64."""
    reference = ReferenceLayer(weight.double().flatten(), bias.double().flatten(), **options)
    past, z = sample_past(), sample_past(1) / 10
    expected_z, expected = reference.both_ways(past, z)
    got_z, stats = layer.normalize(past)
    torch.testing.assert_close(got_z.detach(), expected_z, rtol=rtol, atol=rtol)
    got = layer.denormalize(z, stats).detach()
    torch.testing.assert_close(got, expected, rtol=rtol, atol=rtol * expected.abs().max().item())


def name_pair(weight_name, bias_name, shape=(3,)):
    return {weight_name: WEIGHT.reshape(shape), bias_name: BIAS.reshape(shape)}


@pytest.mark.parametrize("shape", [(3,), (1, 1, 3), (3, 1), (1, 3, 1), (1, 1, 3, 1)])
@pytest.mark.parametrize(
    ("state_dict", "prefix"),
    [
        (("affine_weight", "affine_bias"), None),
        (("model.revin.affine_weight", "model.revin.affine_bias"), None),
        (("module.revin.affine_weight", "module.revin.affine_bias"), "revin"),
        (("_orig_mod.revin.gamma", "_orig_mod.revin.beta"), "revin."),
        (("revin._orig_mod.gamma", "revin._orig_mod.beta"), None),
        (("gamma", "beta"), ""),
        (("weight", "bias"), None),
        (("norm.weight", "norm.bias"), "norm"),
        (("module.norm.weight", "module.norm.bias"), "module.norm"),
    ],
)
def test_names_prefixes_and_shapes_of_public_copies(state_dict, prefix, shape):
    names = name_pair(*state_dict, shape)
    layer = RevIN.from_reference(names, prefix=prefix)
    assert (layer.channels, layer.eps, layer.statistic) == (3, 1e-5, "mean")
    assert_acts_like(layer, WEIGHT, BIAS)


def test_a_layer_is_found_among_the_parameters_of_its_model():
    model = {
        "encoder.norm.weight": torch.ones(3),
        "encoder.norm.bias": torch.zeros(3),
        "head.weight": torch.ones(4, 3),
        "head.bias": torch.zeros(4),
    }
    state_dict = model | name_pair("revin_layer.affine_weight", "revin_layer.affine_bias")
    for prefix in (None, "revin_layer"):
        assert torch.equal(RevIN.from_reference(state_dict, prefix=prefix).affine_weight, WEIGHT)
    assert torch.equal(
        RevIN.from_reference(state_dict, prefix="encoder.norm").affine_weight, torch.ones(3)
    )
    with pytest.raises(ValueError, match=r"head.weight has shape \(4, 3\) but RevIN has one num"):
        RevIN.from_reference(state_dict, prefix="head")
    with pytest.raises(ValueError, match=r"holds no RevIN layer: .* Pass prefix=\.\.\. for"):
        RevIN.from_reference(model)


def test_several_layers_are_chosen_by_prefix_or_loaded_together():
    state_dict = {"head.weight": torch.ones(4, 3)}
    for number in range(3):
        start = f"module.normalize_layers.{number}."
        state_dict[start + "affine_weight"] = WEIGHT + number
        state_dict[start + "affine_bias"] = BIAS
    layers = RevIN.all_from_reference(state_dict, statistic="last", correction=1)
    assert list(layers) == [f"normalize_layers.{number}" for number in range(3)]
    for number, (prefix, layer) in enumerate(layers.items()):
        assert torch.equal(layer.affine_weight, WEIGHT + number)
        assert (layer.statistic, layer.correction) == ("last", 1)
        one = RevIN.from_reference(state_dict, prefix=prefix)
        assert torch.equal(one.affine_weight, layer.affine_weight)
    for prefix in (None, "normalize_layers"):
        message = (
            r"holds 3 RevIN layers, with the prefixes 'normalize_layers\.0', 'normalize_layers\.1'"
            r" and 'normalize_layers\.2'\. Pass prefix='normalize_layers\.0' for one, or load all"
        )
        with pytest.raises(ValueError, match=message):
            RevIN.from_reference(state_dict, prefix=prefix)
    with pytest.raises(
        ValueError, match=r"no names have the prefix 'revin'\. Pass that of a RevIN"
    ):
        RevIN.from_reference(state_dict, prefix="revin")


def test_prefixes_that_differ_by_a_wrapper_only_keep_it():
    state_dict = name_pair("revin.affine_weight", "revin.affine_bias")
    state_dict |= {f"module.{name}": 2 * value for name, value in state_dict.items()}
    layers = RevIN.all_from_reference(state_dict)
    assert list(layers) == ["revin", "module.revin"]
    for prefix, factor in (("revin", 1), ("module.revin", 2)):
        layer = RevIN.from_reference(state_dict, prefix=prefix)
        assert torch.equal(layer.affine_weight, factor * WEIGHT)


@pytest.mark.parametrize(
    ("state_dict", "message"),
    [
        ({"a.gamma": WEIGHT}, "holds a.gamma but not a.beta. Pass that of a layer with both"),
        ({"affine_bias": WEIGHT}, "holds affine_bias but not affine_weight"),
        (
            {"affine_weight": torch.ones(2, 3), "affine_bias": torch.ones(2, 3)},
            r"affine_weight has shape \(2, 3\) but RevIN has one number per channel, \(channels,\)",
        ),
        (
            {"gamma": torch.ones(3), "beta": torch.ones(1)},
            "gamma has 3 entries but beta has 1. Pass the state dict of a layer with one weight",
        ),
        ({"gamma": torch.ones(0), "beta": torch.ones(0)}, r"gamma has shape \(0,\)"),
        (
            {"epoch": 3, "state_dict": {"affine_weight": WEIGHT}},
            r"is not a state dict: its entries 'state_dict' are dicts\. Pass checkpoint\['state_di",
        ),
        (
            {"norm.revin_weight": WEIGHT, "norm.revin_bias": BIAS},
            "neuralforecast's TemporalNorm, whose formula differs",
        ),
        (
            {"cycle.data": WEIGHT},
            r"its names are 'cycle.data'\..* use RevIN\(channels, affine=False",
        ),
        ({f"p{number}": WEIGHT for number in range(9)}, "'p4', 'p5' and 3 more. Pass"),
        ({}, "holds no RevIN layer"),
    ],
)
@pytest.mark.usefixtures("plain_shapes")
def test_state_dicts_without_a_layer_are_refused(state_dict, message):
    with pytest.raises(ValueError, match=message):
        RevIN.from_reference(state_dict)
    with pytest.raises(ValueError, match=message):
        RevIN.all_from_reference(state_dict)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            "revin.pth",
            TypeError,
            r"got the path 'revin\.pth'\. Pass torch\.load\(path, map_location",
        ),
        (Path("revin.pth"), TypeError, r"got the path 'revin\.pth'\. Pass torch\.load"),
        (RevIN(3), TypeError, r"got the module RevIN\. Pass its state_dict\(\)"),
        ([WEIGHT], TypeError, r"got a list\. Pass layer\.state_dict\(\), or the one in a file"),
        (None, TypeError, "got a NoneType"),
        ({0: WEIGHT}, TypeError, r"got the name 0\. Pass the state dict of a layer"),
        (
            {"model": RevIN(3)},
            ValueError,
            r"are modules\. Pass checkpoint\['model'\]\.state_dict\(\)",
        ),
        (
            {"optimizer": {"state": {}}, "net": {"revin.affine_weight": WEIGHT}},
            ValueError,
            r"'optimizer' and 'net' are dicts\. Pass checkpoint\['net'\]",
        ),
        (
            {"gamma": WEIGHT.numpy(), "beta": BIAS},
            TypeError,
            r"gamma must be a tensor but is a nda",
        ),
        ({"gamma": WEIGHT.to("meta"), "beta": BIAS}, ValueError, "gamma is on the meta device"),
        # The head of a network is not a RevIN layer, whatever its shape.
        (
            {"head.weight": WEIGHT, "head.bias": BIAS},
            ValueError,
            "holds no RevIN layer: .* prefix=",
        ),
    ],
)
@pytest.mark.usefixtures("plain_shapes")
def test_other_things_than_a_state_dict_are_named(wrong, error, message):
    for build in (RevIN.from_reference, RevIN.all_from_reference):
        with pytest.raises(error, match=message):
            build(wrong)


@given(
    weight=st.lists(st.floats(0.01, 5), min_size=3, max_size=3),
    signs=st.lists(st.sampled_from([-1, 1]), min_size=3, max_size=3),
)
def test_weights_from_the_bound_on_act_as_in_the_checkpoint(weight, signs):
    weight = torch.tensor(weight) * torch.tensor(signs)
    layer = RevIN.from_reference({"affine_weight": weight, "affine_bias": BIAS})
    effective, bias = layer.affine_parameters(torch.float32)
    torch.testing.assert_close(effective, weight, rtol=3e-7, atol=0)
    assert torch.equal(bias, BIAS)
    # The way to the original and back ends where it began.
    again = RevIN.from_reference(layer.to_reference())
    torch.testing.assert_close(
        again.affine_parameters(torch.float32)[0], effective, rtol=3e-7, atol=0
    )


def test_smaller_weights_warn_with_channel_weight_and_effect():
    weight = torch.tensor([0.015, 0.005, -1e-6])
    message = (
        r"weights smaller than 0\.01 are bounded: 0\.005 of channel 1 acts as 0\.0106, -1e-06 of "
        r"channel 2 acts as -0\.01\. Pass exact=True to keep them"
    )
    state_dict = {"affine_weight": weight, "affine_bias": BIAS}
    with pytest.warns(UserWarning, match=message):
        layer = RevIN.from_reference(state_dict)
    effective = layer.affine_parameters(torch.float32)[0].tolist()
    assert effective == pytest.approx([0.015, 0.010625, -0.01], rel=1e-6)
    with pytest.warns(UserWarning, match="0 of channel 4 acts as 0.01, and 4 more. Pass"):
        RevIN.all_from_reference({"gamma": torch.zeros(9), "beta": torch.zeros(9)})
    with pytest.warns(UserWarning, match=r"weights of b smaller than 0\.01 are bounded: 0 of ch"):
        RevIN.all_from_reference(
            {"a.gamma": WEIGHT, "a.beta": BIAS, "b.gamma": 0 * WEIGHT, "b.beta": BIAS}
        )


@pytest.mark.parametrize("smallest", [0.015, 0.005, 1e-4, -1e-6, 1e-9, 0.0, -2e-10])
@pytest.mark.parametrize("correction", [0, 1])
def test_exact_weights_are_the_authors_formula(smallest, correction):
    weight = torch.tensor([1.2, smallest, -0.7], dtype=torch.float64)
    state_dict = {"affine_weight": weight, "affine_bias": BIAS.double()}
    layer = RevIN.from_reference(state_dict, exact=True, correction=correction)
    assert torch.equal(layer.affine_weight, weight)
    assert_acts_like(layer, weight, BIAS, rtol=1e-12, correction=correction)
    again = RevIN.from_reference(layer.to_reference(), exact=True)
    assert torch.equal(again.affine_weight, layer.affine_weight)


def test_the_dtype_of_a_checkpoint_is_kept_but_not_below_float32():
    for dtype, expected in (
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.float16, torch.float32),
    ):
        state_dict = {"gamma": WEIGHT.to(dtype), "beta": BIAS.to(dtype)}
        layer = RevIN.from_reference(state_dict)
        assert layer.affine_weight.dtype == layer.affine_bias.dtype == expected
        assert layer.to_reference()["affine_weight"].dtype == expected
        assert layer.affine_weight.requires_grad


def test_to_reference_writes_the_names_and_shape_of_a_copy():
    layer = RevIN.from_reference(name_pair("affine_weight", "affine_bias"))
    written = layer.to_reference((1, 1, -1), ("gamma", "beta"), prefix="model.revin")
    assert list(written) == ["model.revin.gamma", "model.revin.beta"]
    assert torch.equal(written["model.revin.gamma"], WEIGHT.reshape(1, 1, 3))
    assert torch.equal(RevIN.from_reference(written).affine_bias, BIAS)
    assert RevIN(3, affine=False).to_reference() == {}
    for shape in [(3,), (-1, 3), (), (-1, -1)]:
        with pytest.raises(ValueError, match=r"shape must have one -1, for the channels, and else"):
            layer.to_reference(shape)
