import functools

import pytest
from torch import nn

from revin_forecast.backbones import DLinear, Siamese
from revin_forecast.components import Component
from revin_forecast.errors import InputError
from revin_forecast.normalizers import SAN, RevIN


def test_described_and_built_again():
    made = Component.of(functools.partial(functools.partial(DLinear, kernel=3), kernel=7))
    assert made.parameters == {"kernel": 7}
    assert made.name == "DLinear"
    assert Component.of(made) is made
    built = Component(**{"path": made.path, "parameters": {"kernel": 7}}).build(8, 4, 2)
    assert isinstance(built, DLinear)
    assert built.kernel == 7
    assert Component.of(RevIN).build(3).channels == 3


@pytest.mark.parametrize(
    "factory", [nn.Linear(2, 2), max, functools.partial(DLinear, 8), "DLinear"]
)
@pytest.mark.usefixtures("plain_shapes")
def test_what_has_no_name_to_build_from(factory):
    with pytest.raises(InputError, match="is an nn.Module class, or functools.partial"):
        Component.of(factory)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.Net", "can't import nowhere.Net: No module named 'nowhere'"),
        ("torch.nn.Nothing", "can't import torch.nn.Nothing"),
        ("Net", "can't import Net"),
        ("os.system", "os.system is no nn.Module class"),
    ],
)
def test_paths_that_lead_to_no_module_class(path, message):
    with pytest.raises(InputError, match=message):
        Component(path).build(1, 1, 1)


def test_constructor_errors_name_the_call():
    component = Component.of(functools.partial(DLinear, kernel=4))
    with pytest.raises(InputError, match=r"DLinear\(8, 4, 2, kernel=4\) can't be built: .* odd"):
        component.build(8, 4, 2)
    nested = Component.of(functools.partial(Siamese, backbone=functools.partial(DLinear, kernel=4)))
    with pytest.raises(InputError, match=r"Siamese\(8, 4, 2, backbone=DLinear\(kernel=4\)\) can't"):
        nested.build(8, 4, 2)


def test_sizes_are_offered_and_own_ones_kept():
    built = Component.of(functools.partial(SAN, lookback=30)).build(2, lookback=48, horizon=12)
    assert (built.lookback, built.horizon) == (30, 12)
    assert Component.of(RevIN).build(2, lookback=48).channels == 2
    unknown = Component.of(functools.partial(RevIN, width=3))
    with pytest.raises(InputError, match=r"RevIN\(2, width=3\) can't be built"):
        unknown.build(2, lookback=48)
