"""Scores of every window: from their sums, in the package's loop, in a plain loop."""

import torch

from benchmarks.race import Race
from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge, ridge_mse
from revin_forecast.data.windows import Windows
from revin_forecast.evaluation.holdout import score
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN

LOOKBACK, HORIZON, CHANNELS = 336, 96, 7
SUMS = 0.2  # .06
LOOP = 2.0  # 1.1


def fitted(quick: bool) -> tuple[Reversible, torch.Tensor]:
    values = torch.randn(2_500 if quick else 4_000, CHANNELS, dtype=torch.float64).cumsum(0)
    model = Reversible(Ridge(LOOKBACK, HORIZON, CHANNELS), RevIN(CHANNELS))
    fit_ridge(model, values, values[-LOOKBACK - HORIZON :])
    return model.eval(), values


def test_sums_beside_windows(race: Race, quick: bool) -> None:
    model, values = fitted(quick)
    windows = Windows(values.float(), LOOKBACK, HORIZON)
    ratio = race(lambda: ridge_mse(model, values), lambda: score(model, windows), rounds=9)
    race.judge("test error of Ridge from sums", "scoring every window", ratio, SUMS)


def test_score_beside_a_plain_loop(race: Race, quick: bool) -> None:
    model, values = fitted(quick)
    windows = Windows(values.float(), LOOKBACK, HORIZON)

    @torch.inference_mode()
    def plain() -> float:
        total = 0.0
        for past, future, _ in windows.iter_batches(256):
            total += float((model(past) - future).square().sum())
        return total

    ratio = race(lambda: score(model, windows), plain, rounds=9)
    race.judge("scoring every window", "a plain loop, squared errors only", ratio, LOOP)
