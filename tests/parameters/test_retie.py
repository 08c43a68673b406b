"""Sharing is restored after operations that build new parameter objects."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from revin_forecast import (
    load_parameters,
    parameter_summary,
    retie,
    save_parameters,
    share_parameters,
    shared_parameters,
)


def build_pair():
    pair = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    share_parameters(pair[0], pair[1])
    return pair


def empty_on_cpu(_):
    with torch.device("meta"):
        return build_pair().to_empty(device="cpu")


def assign_state(pair):
    state = copy.deepcopy(pair.state_dict(keep_vars=False))
    pair.load_state_dict({name: part.clone() for name, part in state.items()}, assign=True)
    return pair


def copy_parts(pair):
    return nn.ModuleList([copy.deepcopy(layer) for layer in pair])


@pytest.mark.parametrize("change", [empty_on_cpu, assign_state, copy_parts])
def test_groups_are_restored(change):
    pair = build_pair()
    groups = shared_parameters(pair)
    changed = change(pair)
    assert shared_parameters(changed) == []
    first = changed[0].weight
    retie(changed, groups)
    assert shared_parameters(changed) == groups
    assert changed[1].weight is first


def test_lookalikes_become_shared():
    pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    pair[1].weight = nn.Parameter(pair[0].weight)
    retie(pair, shared_parameters(pair, by="memory"))
    assert shared_parameters(pair) == [("0.weight", "1.weight")]


def test_names_outside_the_groups_follow():
    trio = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    share_parameters(trio[1], trio[2], "all")
    retie(trio, [("0.weight", "1.weight")])
    assert trio[2].weight is trio[0].weight


def test_overlapping_groups_are_one():
    trio = nn.ModuleList(nn.Linear(2, 2, bias=False) for _ in range(3))
    retie(trio, [("0.weight", "1.weight"), ("1.weight", "2.weight")])
    assert len(list(trio.parameters())) == 1


@pytest.mark.parametrize("normed", [[0], [1], [0, 1]])
@pytest.mark.parametrize("norm", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_a_parametrization_of_one_layer_is_followed_by_the_other(normed, norm, tmp_path):
    pair = build_pair()
    groups = shared_parameters(pair)
    for place in normed:
        norm(pair[place])
    retie(pair, groups)
    count = len(list(pair[normed[0]].parametrizations.weight.parameters()))
    assert len(shared_parameters(pair)) == count + 1  # and the bias
    assert len(list(pair.parameters())) == count + 1

    values, before = torch.randn(8, 4), pair[0].weight.detach().clone()
    optimizer = torch.optim.SGD(pair.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (pair[0](values) + pair[1](values) * 2).square().sum().backward()
        optimizer.step()
    pair.eval()
    torch.testing.assert_close(pair[0].weight, pair[1].weight)
    assert not torch.allclose(pair[0].weight, before)

    save_parameters(pair, tmp_path / "file")
    loaded = build_pair()
    for layer in loaded:
        norm(layer)
    load_parameters(loaded, tmp_path / "file")
    loaded.eval()
    assert shared_parameters(loaded) == shared_parameters(pair)
    torch.testing.assert_close(loaded[1].weight, pair[0].weight)
    assert parameter_summary(copy.deepcopy(pair)) == parameter_summary(pair)


class Doubled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def build_differences():
    wide = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 3)])
    halves = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2).half()])
    frozen = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2).requires_grad_(False)])
    views = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    views[1].weight = nn.Parameter(views[0].weight.mT)
    mixed = build_pair()
    parametrizations.weight_norm(mixed[0])
    parametrize.register_parametrization(mixed[1], "weight", Doubled())
    hooked = build_pair()
    nn.utils.spectral_norm(hooked[0])
    absent = nn.ModuleDict({"0": nn.Linear(4, 2)})
    return {
        "shape": (wide, r"0.weight has shape \(2, 4\) but 1.weight has \(3, 4\)"),
        "dtype": (halves, "0.weight has dtype torch.float32 but 1.weight has torch.float16"),
        "frozen": (frozen, "has requires_grad True but 1.weight has False; only parameters of"),
        "view": (views, "1.weight is a transposed view of 0.weight, .* Use TransposedLinear"),
        "mixed": (mixed, "0.weight and 1.weight are parametrized in different ways"),
        "hook": (hooked, "no parameter '0.weight'; .* It is computed by a hook; use torch.nn"),
        "absent": (absent, "no parameter '1.weight'; .* Take the groups from shared_parameters"),
    }


DIFFERENCES = ["shape", "dtype", "frozen", "view", "mixed", "hook", "absent"]


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_parameters_that_cannot_be_one_are_refused(difference):
    module, message = build_differences()[difference]
    before = dict(module.named_parameters(remove_duplicate=False))
    with pytest.raises(ValueError, match=message):
        retie(module, [("0.bias",), ("0.weight", "1.weight")])
    after = dict(module.named_parameters(remove_duplicate=False))
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)


def test_an_absent_bias_is_refused():
    pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2, bias=False)])
    with pytest.raises(ValueError, match=r"1.bias is absent from the module \(None\)"):
        retie(pair, [("0.bias", "1.bias")])


def test_groups_may_be_empty_but_not_names():
    pair = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    with pytest.raises(ValueError, match=r"the name '0.weight' in place of a group of names. Pass"):
        retie(pair, ("0.weight", "1.weight"))  # pyright: ignore[reportArgumentType]
    retie(pair, [(), ("0.weight",)])
    assert shared_parameters(pair) == []
    retie(pair, [("0.weight", "1.weight")])
    assert shared_parameters(pair) == [("0.weight", "1.weight")]


def test_buffers_are_refused_as_buffers():
    pair = nn.ModuleList([nn.BatchNorm1d(4), nn.BatchNorm1d(4)])
    with pytest.raises(
        ValueError, match=r"no parameter '0.running_mean'; .* It is a buffer, which"
    ):
        retie(pair, [("0.running_mean", "1.running_mean")])


def test_spectral_norm_is_shared_and_equal_in_evaluation():
    pair = build_pair()
    groups = shared_parameters(pair)
    parametrizations.spectral_norm(pair[0])
    retie(pair, groups)
    pair.eval()
    assert torch.equal(pair[0].weight, pair[1].weight)
