"""Optimizers built before parameters are shared are found."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

from revin_forecast import inspect_optimizer, retie, share_parameters, shared_parameters


def build_pair():
    return nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])


def make_groups(module):
    return [
        {"params": [part for part in module.parameters() if part.ndim > 1], "weight_decay": 0.1},
        {"params": [part for part in module.parameters() if part.ndim == 1], "weight_decay": 0.0},
    ]


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
@pytest.mark.parametrize("choose", [nn.Module.parameters, make_groups])
def test_a_dropped_parameter_is_reported_and_a_new_optimizer_matches(kind, choose):
    pair = build_pair()
    optimizer = kind(choose(pair), lr=0.1)
    assert inspect_optimizer(pair, optimizer).is_matching
    for parameter in pair.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()  # with state from here on
    share_parameters(pair[0], pair[1], ["weight"])
    report = inspect_optimizer(pair, optimizer)
    place = "parameter 1 of group 0" if choose is make_groups else "parameter 2 of group 0"
    assert report.dropped == (f"{place}, shape (2, 4)",)
    assert report.missing == report.repeated == ()
    assert str(report).startswith("held by the optimizer, but not in the module: parameter")
    again = kind(choose(pair), lr=0.1)
    assert inspect_optimizer(pair, again).is_matching
    assert str(inspect_optimizer(pair, again)) == (
        "the optimizer trains each parameter of the module once"
    )


def test_missing_parameters_are_named_by_all_their_names():
    pair = build_pair()
    optimizer = Adam(pair[1].named_parameters())
    share_parameters(pair[0], pair[1], ["weight"])
    report = inspect_optimizer(pair, optimizer)
    assert report.dropped == ("weight (parameter 0 of group 0, shape (2, 4))",)
    assert report.missing == ("0.weight = 1.weight", "0.bias")
    assert not report.is_matching


def test_the_report_predicts_which_parameters_move():
    pair = build_pair()
    optimizer = SGD(pair[1].parameters(), lr=0.1)
    share_parameters(pair[0], pair[1], ["weight"])
    before = copy.deepcopy(pair.state_dict())
    pair[1](pair[0](torch.randn(3, 4))[:, [0, 1, 0, 1]]).sum().backward()
    optimizer.step()
    still = {name for name, part in pair.state_dict().items() if torch.equal(part, before[name])}
    missing = {
        name for text in inspect_optimizer(pair, optimizer).missing for name in text.split(" = ")
    }
    assert still == missing == {"0.weight", "1.weight", "0.bias"}


def test_retying_and_assigning_are_reported():
    pair = build_pair()
    share_parameters(pair[0], pair[1], "all")
    groups, optimizer = shared_parameters(pair), Adam(pair.parameters())
    state = {name: part.clone() for name, part in pair.state_dict().items()}
    pair.load_state_dict(state, assign=True)
    retie(pair, groups)
    report = inspect_optimizer(pair, optimizer)
    assert len(report.dropped) == 2
    assert report.missing == ("0.weight = 1.weight", "0.bias = 1.bias")


def test_frozen_parameters_may_be_absent():
    pair = build_pair()
    pair[0].requires_grad_(False)
    assert inspect_optimizer(pair, SGD(pair[1].parameters(), lr=0.1)).is_matching
    assert inspect_optimizer(pair, SGD(pair.parameters(), lr=0.1)).is_matching


def test_parameters_held_several_times_are_reported():
    pair = build_pair()
    share_parameters(pair[0], pair[1], ["weight"])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = SGD([*pair[0].parameters(), *pair[1].parameters()], lr=0.1)
    report = inspect_optimizer(pair, optimizer)
    assert report.repeated == ("0.weight = 1.weight",)
    assert str(report).splitlines()[0] == "held several times: 0.weight = 1.weight"
    assert not report.is_matching


def test_long_lists_are_cut_in_print_only():
    deep = nn.Sequential(*(nn.Linear(2, 2) for _ in range(10)))
    optimizer = torch.optim.SGD(deep.parameters(), lr=1.0)
    report = inspect_optimizer(copy.deepcopy(deep), optimizer)
    assert len(report.dropped) == len(report.missing) == 20
    lines = str(report).splitlines()
    assert lines[0].endswith("parameter 7 of group 0, shape (2,) and 12 more")
    assert lines[1].endswith("3.weight, 3.bias and 12 more")
