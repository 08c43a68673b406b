"""Every trained backbone beats SeasonalNaive on a noisy signal with two seasons, in seconds."""

import math

import pytest
import torch

from revin_forecast.backbones import SeasonalNaive
from revin_forecast.checks.backbone_harness import BackboneHarness
from tests.support.backbones import BACKBONES

LOOKBACK, HORIZON, CHANNELS, BATCH = 48, 24, 2, 32
STEPS, ROUNDS = 20, 10
SCORED = torch.arange(1500, 1900, 3)


def sample_signal():
    time = torch.arange(2000.0).unsqueeze(1) + torch.tensor([0.0, 5.0])
    seasons = torch.sin(2 * math.pi * time / 24) + 0.5 * torch.sin(2 * math.pi * time / 10)
    noise = torch.randn(time.shape, generator=torch.Generator().manual_seed(0))
    return seasons + 0.4 * noise


def cut_batch(values, first):
    rows = first.unsqueeze(1) + torch.arange(LOOKBACK + HORIZON)
    window = values[rows]
    return window[:, :LOOKBACK], window[:, LOOKBACK:]


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_beats_the_seasonal_naive_forecast(name):
    backbone = BACKBONES[name](LOOKBACK, HORIZON, CHANNELS)
    if not any(weights.requires_grad for weights in backbone.parameters()):
        return
    values, model = sample_signal(), BackboneHarness(backbone)
    past, future = cut_batch(values, SCORED)
    naive = SeasonalNaive(LOOKBACK, HORIZON, CHANNELS, season=24)(past)
    bound, error = 0.8 * (naive - future).square().mean(), math.inf
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(ROUNDS):
        train_round(model.train(), optimizer, values)
        with torch.no_grad():
            error = (model.eval()(past, SCORED) - future).square().mean()
        if error < bound:
            return
    assert error < bound


def train_round(model, optimizer, values):
    for _ in range(STEPS):
        first = torch.randint(0, 1400, (BATCH,))
        past, future = cut_batch(values, first)
        optimizer.zero_grad()
        (model(past, first) - future).square().mean().backward()
        optimizer.step()
