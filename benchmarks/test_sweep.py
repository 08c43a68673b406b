"""A sweep selected on left-out blocks, compared with a fit for each look-back and horizon."""

import torch

from benchmarks.ratio_timer import RatioTimer
from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import SweepGrid, fit_ridge, sweep_ridge
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN

CHANNELS = 4
SEPARATE_BOUND = 2.0  # 1


def test_sweep_against_separate_fits(timer: RatioTimer, quick: bool) -> None:
    grid = SweepGrid((48, 96), (24, 48)) if quick else SweepGrid((96, 192, 336), (24, 48, 96, 192))
    values = torch.randn(3_000 if quick else 10_000, CHANNELS, dtype=torch.float64).cumsum(0)
    border = len(values) * 3 // 4

    def fit_separately() -> None:
        for lookback in grid.lookbacks:
            for horizon in grid.horizons:
                model = Reversible(Ridge(lookback, horizon, CHANNELS), RevIN(CHANNELS))
                fit_ridge(model, values[:border], values[border - lookback :])

    ratio = timer.measure(lambda: sweep_ridge(values, grid).solve(values), fit_separately, rounds=5)
    sizes = f"{len(grid.lookbacks)} x {len(grid.horizons)} sizes"
    timer.check(
        f"a sweep of {sizes}, four blocks left out",
        "a fit for each size, one block held out",
        ratio,
        SEPARATE_BOUND,
    )
