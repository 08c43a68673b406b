import dataclasses
import functools

import pytest
from torch import nn

from revin_forecast.backbones import DLinear, Siamese
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import SAN, RevIN


def test_described_and_built_again():
    made = ModuleSpec.from_class(functools.partial(functools.partial(DLinear, kernel=3), kernel=7))
    assert made.parameters == {"kernel": 7}
    assert made.name == "DLinear"
    assert ModuleSpec.from_class(made) is made
    built = ModuleSpec(**{"path": made.path, "parameters": {"kernel": 7}}).build(8, 4, 2)
    assert isinstance(built, DLinear)
    assert built.kernel == 7
    assert ModuleSpec.from_class(RevIN).build(3).channels == 3


@pytest.mark.parametrize(
    "factory", [nn.Linear(2, 2), max, functools.partial(DLinear, 8), "DLinear"]
)
@pytest.mark.usefixtures("plain_shapes")
def test_what_has_no_name_to_build_from(factory):
    with pytest.raises(InputError, match="is an nn.Module class, or functools.partial"):
        ModuleSpec.from_class(factory)


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
        ModuleSpec(path).build(1, 1, 1)


def test_constructor_errors_name_the_call():
    component = ModuleSpec.from_class(functools.partial(DLinear, kernel=4))
    with pytest.raises(InputError, match=r"DLinear\(8, 4, 2, kernel=4\) can't be built: .* odd"):
        component.build(8, 4, 2)
    nested = ModuleSpec.from_class(
        functools.partial(Siamese, backbone=functools.partial(DLinear, kernel=4))
    )
    with pytest.raises(InputError, match=r"Siamese\(8, 4, 2, backbone=DLinear\(kernel=4\)\) can't"):
        nested.build(8, 4, 2)


def test_sizes_are_offered_and_own_ones_kept():
    built = ModuleSpec.from_class(functools.partial(SAN, lookback=30)).build(
        2, lookback=48, horizon=12
    )
    assert (built.lookback, built.horizon) == (30, 12)
    assert ModuleSpec.from_class(RevIN).build(2, lookback=48).channels == 2
    unknown = ModuleSpec.from_class(functools.partial(RevIN, width=3))
    with pytest.raises(InputError, match=r"RevIN\(2, width=3\) can't be built"):
        unknown.build(2, lookback=48)


class Several(nn.Module):
    """Builds what it is given: backbones in a list, a dictionary, a tuple."""

    def __init__(self, lookback, horizon, channels, parts, named, sizes=()):
        super().__init__()
        made = [*parts, named["one"], named["more"][0]]
        self.parts = nn.ModuleList(make(lookback, horizon, channels) for make in made)
        self.sizes = sizes


def test_classes_within_lists_and_dictionaries():
    small = functools.partial(DLinear, kernel=3)
    made = ModuleSpec.from_class(
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
    assert made.parameters["parts"][1] == ModuleSpec.from_class(small)
    again = ModuleSpec.from_dict(**dataclasses.asdict(made))
    assert again == made
    for component in (made, again):
        built = component.build(8, 4, 2)
        assert [part.kernel for part in built.parts] == [25, 3, 3, 5]
        assert built.sizes == (1, 2)
    assert made.call_expression == (
        "Several(parts=[DLinear(), DLinear(kernel=3)], "
        "named={'one': DLinear(kernel=3), 'more': (DLinear(kernel=5),)}, sizes=(1, 2))"
    )
