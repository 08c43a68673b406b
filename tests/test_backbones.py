"""Every backbone under the public contract, and the contract against broken ones."""

import functools

import pytest
import torch
from torch import nn

from revin_forecast.backbones import Backbone, DLinear, Linear, Repeat, Ridge, SeasonalNaive
from revin_forecast.checks import BACKBONE_CHECKS, CheckError, check_backbone

BACKBONES = {
    "Repeat": Repeat,
    "SeasonalNaive": functools.partial(SeasonalNaive, season=5),
    "Linear": Linear,
    "DLinear": DLinear,
    "Ridge": Ridge,
    "Ridge per channel": functools.partial(Ridge, per_channel=True),
}


@pytest.mark.parametrize("name", BACKBONES)
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


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (_WrongLength, "shapes and dtypes"),
        (_Unchecked, "wrong shapes are refused"),
        (_Unchecked, "every parameter gets a gradient"),
        (_BatchMean, "windows are independent"),
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


def test_dlinear_splits_the_paper_way():
    model, past = DLinear(12, 3, 1, kernel=5).double(), torch.randn(1, 12, 1).double()
    series = past.flatten()
    padded = torch.cat([series[:1].repeat(2), series, series[-1:].repeat(2)])
    trend = torch.stack([padded[i : i + 5].mean() for i in range(12)])
    wanted = trend @ model.trend.weight.mT + (series - trend) @ model.rest.weight.mT
    torch.testing.assert_close(model(past).flatten(), wanted + model.rest.bias)


@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (Linear, lambda lookback, horizon, _: lookback * horizon + horizon),
        (DLinear, lambda lookback, horizon, _: 2 * lookback * horizon + horizon),
        (Ridge, lambda lookback, horizon, _: (lookback + 1) * horizon),
        (
            functools.partial(Ridge, per_channel=True),
            lambda lookback, horizon, channels: (lookback + 1) * horizon * channels,
        ),
        (Repeat, lambda *_: 0),
    ],
)
def test_parameter_count_is_the_docstrings(make, formula):
    sizes = (11, 5, 3)
    assert sum(parameter.numel() for parameter in make(*sizes).parameters()) == formula(*sizes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(0, 1, 1), "Linear needs lookback >= 1 but got 0"),
        (lambda: Repeat(1, 1, -2), "Repeat needs channels >= 1 but got -2"),
        (lambda: DLinear(4, 1, 1, kernel=4), "DLinear needs an odd kernel >= 1 but got 4"),
        (lambda: SeasonalNaive(4, 1, 1, season=0), "SeasonalNaive needs season >= 1 but got 0"),
    ],
)
def test_unfit_sizes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_any_module_of_the_right_constructor_counts_as_a_backbone():
    class Own(nn.Module):
        def __init__(self, lookback, horizon, channels, width=4):
            super().__init__()

    assert issubclass(Own, Backbone)
    assert issubclass(Linear, Backbone)
    assert not issubclass(nn.Linear, Backbone)
    assert not issubclass(Repeat, Linear)
