"""Scores of every window: from sums, in the package's loop and in a plain loop."""

import torch

from benchmarks.ratio_timer import RatioTimer
from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge, ridge_mse
from revin_forecast.data.windows import Windows
from revin_forecast.evaluation.holdout import score
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN

LOOKBACK, HORIZON, CHANNELS = 336, 96, 7
SUMS_BOUND = 0.2  # .06
LOOP_BOUND = 2.0  # 1.1


def fit_walks(quick: bool) -> tuple[Reversible, torch.Tensor]:
    """Return a Ridge fitted on random walks, and the walks."""
    values = torch.randn(2_500 if quick else 4_000, CHANNELS, dtype=torch.float64).cumsum(0)
    model = Reversible(Ridge(LOOKBACK, HORIZON, CHANNELS), RevIN(CHANNELS))
    fit_ridge(model, values, values[-LOOKBACK - HORIZON :])
    return model.eval(), values


def test_sums_against_windows(timer: RatioTimer, quick: bool) -> None:
    model, values = fit_walks(quick)
    windows = Windows(values.float(), LOOKBACK, HORIZON)
    ratio = timer.measure(lambda: ridge_mse(model, values), lambda: score(model, windows), rounds=9)
    timer.check("test error of Ridge from sums", "scoring every window", ratio, SUMS_BOUND)


def test_score_against_plain_loop(timer: RatioTimer, quick: bool) -> None:
    model, values = fit_walks(quick)
    windows = Windows(values.float(), LOOKBACK, HORIZON)

    @torch.inference_mode()
    def run_plain_loop() -> float:
        total = 0.0
        for past, future, _ in windows.iter_batches(256):
            total += float((model(past) - future).square().sum())
        return total

    ratio = timer.measure(lambda: score(model, windows), run_plain_loop, rounds=9)
    timer.check("scoring every window", "a plain loop, squared errors only", ratio, LOOP_BOUND)
