"""Every backbone passes the public contract, and the contract catches broken backbones."""

import importlib
import inspect

import numpy as np
import pytest
import torch
from torch import nn

from revin_forecast.backbones import Backbone, DLinear, Linear, Repeat, SeasonalNaive
from revin_forecast.checks import BACKBONE_CHECKS, CheckError, check_backbone
from tests.support.backbones import BACKBONES, PARAMETERS

SLOW = {"TimesNet", "Informer", "Informer known", "GRU deep", "Pretrained logs"}
CASES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in BACKBONES]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("plain_shapes")
def test_contract(name, capsys):
    check_backbone(BACKBONES[name], name)
    printed = capsys.readouterr().out
    assert printed.startswith(name)
    assert printed.count("\n") == 1 + len(BACKBONE_CHECKS)


class _Unchecked(Backbone):
    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon, channels)
        self.map = nn.Linear(lookback, horizon)
        self.unused = nn.Parameter(torch.ones(1))

    def forward(self, past):
        return self.map(past[:, -self.lookback :].mT).mT


class _BatchMean(Linear):
    def forward(self, past):
        return super().forward(past - past.mean(0, keepdim=True))


class _Dropping(Linear):
    def forward(self, past):
        return super().forward(torch.dropout(past, 0.5, True))


class _WrongLength(Linear):
    def forward(self, past):
        return super().forward(past)[:, :-1]


class _ForgetsState(Linear):
    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon, channels)
        self.offset = torch.randn(horizon, 1, dtype=torch.float64)

    def forward(self, past):
        return super().forward(past) + self.offset.to(past.dtype)


class _Leaking(Linear):
    def forward(self, past):
        return super().forward(past) + past.mean(-1, keepdim=True)[:, -1:]


class _OtherGenerator(Linear):
    numbers = np.random.default_rng(0)

    def forward(self, past):
        noise = self.numbers.normal() if self.training else 0.0
        return super().forward(past) + noise


class _Blind(Linear):
    def forward(self, past):
        return super().forward(torch.ones_like(past) + 0 * past)


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (_WrongLength, "shapes and dtypes"),
        (_Unchecked, "wrong shapes are refused"),
        (_Unchecked, "every parameter gets a gradient"),
        (_BatchMean, "windows are independent"),
        (_Leaking, "channels are independent"),
        (_OtherGenerator, "training and evaluation mode"),
        (_Blind, "learnt by heart"),
        (_Dropping, "deterministic"),
        (_ForgetsState, "state_dict"),
    ],
)
@pytest.mark.usefixtures("plain_shapes")
def test_contract_catches(broken, promise):
    check = next(check for name, check in BACKBONE_CHECKS.items() if promise in name)
    with pytest.raises(CheckError):
        check(broken)


def test_seasonal_naive_repeats_the_season():
    past = torch.arange(10.0).reshape(1, 10, 1)
    forecast = SeasonalNaive(10, 7, 1, season=3)(past).flatten()
    assert forecast.tolist() == [7, 8, 9, 7, 8, 9, 7]
    assert SeasonalNaive(10, 2, 1, season=11)(past).flatten().tolist() == [9, 9]
    assert SeasonalNaive(10, 2, 1)(past).flatten().tolist() == [0, 1]
    assert Repeat(10, 2, 1)(past).flatten().tolist() == [9, 9]


def test_dlinear_decomposes_as_in_the_paper():
    model, past = DLinear(12, 3, 1, kernel=5).double(), torch.randn(1, 12, 1).double()
    series = past.flatten()
    padded = torch.cat([series[:1].repeat(2), series, series[-1:].repeat(2)])
    trend = torch.stack([padded[i : i + 5].mean() for i in range(12)])
    expected = trend @ model.trend.weight.mT + (series - trend) @ model.rest.weight.mT
    torch.testing.assert_close(model(past).flatten(), expected + model.rest.bias)


@pytest.mark.parametrize("sizes", [(40, 13, 3), (53, 7, 1)])
@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_count_is_that_of_the_docstring(name, sizes):
    count = sum(parameter.numel() for parameter in BACKBONES[name](*sizes).parameters())
    assert count == PARAMETERS[name](*sizes)


def test_every_backbone_is_under_the_contract():
    home = importlib.import_module("revin_forecast.backbones")
    abstract = {"Backbone", "CovariateBackbone", "DestationaryBackbone"}
    adapters = {"ChannelFirstAdapter", "SingleSeriesAdapter", "TSLibAdapter"}
    assert set(PARAMETERS) == set(BACKBONES)
    assert {name.partition(" ")[0] for name in BACKBONES} == set(home.__all__) - abstract - adapters
    for name in set(home.__all__) - abstract:
        assert len(inspect.signature(getattr(home, name)).parameters) <= 7, name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(0, 1, 1), "Linear needs lookback >= 1 but got 0"),
        (lambda: Repeat(1, 1, -2), "Repeat needs channels >= 1 but got -2"),
        (lambda: DLinear(4, 1, 1, kernel=4), "DLinear needs an odd kernel >= 1 but got 4"),
        (lambda: SeasonalNaive(4, 1, 1, season=0), "SeasonalNaive needs season >= 1 but got 0"),
    ],
)
def test_invalid_sizes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_any_module_of_the_right_constructor_counts_as_a_backbone():
    class UserBackbone(nn.Module):
        def __init__(self, lookback, horizon, channels, width=4):
            super().__init__()

    assert issubclass(UserBackbone, Backbone)
    assert issubclass(Linear, Backbone)
    assert not issubclass(nn.Linear, Backbone)
    assert not issubclass(Repeat, Linear)
