"""A sweep, chosen on blocks left out, beside a fit for each look-back and horizon."""

import torch

from benchmarks.race import Race
from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import SweepGrid, fit_ridge, sweep_ridge
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN

CHANNELS = 4
SEPARATE = 2.0  # 1


def test_sweep_beside_separate_fits(race: Race, quick: bool) -> None:
    sweep = SweepGrid((48, 96), (24, 48)) if quick else SweepGrid((96, 192, 336), (24, 48, 96, 192))
    values = torch.randn(3_000 if quick else 10_000, CHANNELS, dtype=torch.float64).cumsum(0)
    first = len(values) * 3 // 4

    def separate() -> None:
        for lookback in sweep.lookbacks:
            for horizon in sweep.horizons:
                model = Reversible(Ridge(lookback, horizon, CHANNELS), RevIN(CHANNELS))
                fit_ridge(model, values[:first], values[first - lookback :])

    ratio = race(lambda: sweep_ridge(values, sweep).solve(values), separate, rounds=5)
    race.judge(
        f"a sweep of {len(sweep.lookbacks)} x {len(sweep.horizons)} sizes, four blocks left out",
        "a fit for each size, one block held out",
        ratio,
        SEPARATE,
    )
