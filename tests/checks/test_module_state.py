"""Snapshots show every change of a module, and copies work after a call."""

import copy
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from revin_forecast.checks.module_state import copy_module, find_changes, format_names, snapshot


class Holder(nn.Module):
    limits: ClassVar = [1, 2]

    def __init__(self):
        super().__init__()
        self.inner = nn.BatchNorm1d(2)
        self.register_buffer("kept", None)
        self.array = np.zeros(2)
        self.options = SimpleNamespace(history={"levels": [torch.zeros(2)]})
        self.other = nn.ModuleList([nn.Linear(2, 2)])
        self.number = float("nan")


def change_class(module):
    Holder.limits.append(3)


CHANGES = {
    "inner.running_mean": lambda module: module.inner.running_mean.add_(1),
    "kept": lambda module: setattr(module, "kept", torch.ones(1)),
    "array": lambda module: module.array.__setitem__(0, 1.0),
    "options": lambda module: module.options.history["levels"][0].add_(1),
    "other.0.weight": lambda module: module.other[0].weight.data.mul_(2),
    "new": lambda module: setattr(module, "new", 1),
    "inner.new": lambda module: setattr(module.inner, "new", object()),
    "number": lambda module: delattr(module, "number"),
    "Holder.limits": change_class,
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_found_under_its_name(name, monkeypatch):
    monkeypatch.setattr(Holder, "limits", [1, 2])
    module = Holder()
    before = snapshot(module)
    assert not find_changes(before, snapshot(module))
    CHANGES[name](module)
    assert find_changes(before, snapshot(module)) == [name]


def test_a_module_with_results_of_a_call_can_be_copied():
    module = Holder()
    module.last = [module.inner(torch.randn(4, 2))]
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(module)
    twin = copy_module(module)
    assert torch.equal(twin.last[0], module.last[0])
    assert twin.inner.weight is not module.inner.weight


def test_long_lists_of_names_are_cut():
    assert format_names(["a", "b"]) == "a, b"
    assert format_names(list("abcdef")) == "a, b, c, d and 2 more"
