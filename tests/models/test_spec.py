"""Specifications of modules: from classes, to dictionaries, and built."""

import dataclasses
import functools

import pytest
from torch import nn

from revin_forecast.backbones import DLinear, Siamese
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import SAN, RevIN


def test_from_class_and_build():
    spec = ModuleSpec.from_class(functools.partial(functools.partial(DLinear, kernel=3), kernel=7))
    assert spec.parameters == {"kernel": 7}
    assert spec.name == "DLinear"
    assert ModuleSpec.from_class(spec) is spec
    built = ModuleSpec(**{"path": spec.path, "parameters": {"kernel": 7}}).build(8, 4, 2)
    assert isinstance(built, DLinear)
    assert built.kernel == 7
    assert ModuleSpec.from_class(RevIN).build(3).channels == 3


@pytest.mark.parametrize(
    "factory", [nn.Linear(2, 2), max, functools.partial(DLinear, 8), "DLinear"]
)
@pytest.mark.usefixtures("plain_shapes")
def test_factories_without_a_class_are_refused(factory):
    with pytest.raises(InputError, match="is an nn.Module class, or functools.partial"):
        ModuleSpec.from_class(factory)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.Net", "can't import nowhere.Net: No module named 'nowhere'"),
        ("torch.nn.Nothing", "can't import torch.nn.Nothing"),
        ("Net", "can't import Net"),
        ("os.system", "os.system is not an nn.Module class"),
    ],
)
def test_paths_without_a_module_class_are_refused(path, message):
    with pytest.raises(InputError, match=message):
        ModuleSpec(path).build(1, 1, 1)


def test_constructor_errors_name_the_call():
    spec = ModuleSpec.from_class(functools.partial(DLinear, kernel=4))
    with pytest.raises(InputError, match=r"DLinear\(8, 4, 2, kernel=4\) can't be built: .* odd"):
        spec.build(8, 4, 2)
    nested = ModuleSpec.from_class(
        functools.partial(Siamese, backbone=functools.partial(DLinear, kernel=4))
    )
    with pytest.raises(InputError, match=r"Siamese\(8, 4, 2, backbone=DLinear\(kernel=4\)\) can't"):
        nested.build(8, 4, 2)


def test_optional_sizes_are_passed_unless_set():
    built = ModuleSpec.from_class(functools.partial(SAN, lookback=30)).build(
        2, lookback=48, horizon=12
    )
    assert (built.lookback, built.horizon) == (30, 12)
    assert ModuleSpec.from_class(RevIN).build(2, lookback=48).channels == 2
    unknown = ModuleSpec.from_class(functools.partial(RevIN, width=3))
    with pytest.raises(InputError, match=r"RevIN\(2, width=3\) can't be built"):
        unknown.build(2, lookback=48)


class Several(nn.Module):
    """Builds backbones from classes in a list, a dictionary and a tuple."""

    def __init__(self, lookback, horizon, channels, parts, named, sizes=()):
        super().__init__()
        factories = [*parts, named["one"], named["more"][0]]
        self.parts = nn.ModuleList(factory(lookback, horizon, channels) for factory in factories)
        self.sizes = sizes


def test_classes_within_lists_and_dictionaries():
    small = functools.partial(DLinear, kernel=3)
    spec = ModuleSpec.from_class(
        functools.partial(
            Several,
            parts=[DLinear, small],
            named={
                "one": ModuleSpec.from_class(small),
                "more": (functools.partial(small, kernel=5),),
            },
            sizes=(1, 2),
        )
    )
    assert spec.parameters["parts"][1] == ModuleSpec.from_class(small)
    restored = ModuleSpec.from_dict(**dataclasses.asdict(spec))
    assert restored == spec
    for equal_spec in (spec, restored):
        built = equal_spec.build(8, 4, 2)
        assert [part.kernel for part in built.parts] == [25, 3, 3, 5]
        assert built.sizes == (1, 2)
    assert spec.call_expression == (
        "Several(parts=[DLinear(), DLinear(kernel=3)], "
        "named={'one': DLinear(kernel=3), 'more': (DLinear(kernel=5),)}, sizes=(1, 2))"
    )
