"""Closed-form sums over all windows, compared with products of gathered windows."""

import torch

from benchmarks.ratio_timer import RatioTimer
from revin_forecast.closed_form import window_equations

LOOKBACK, HORIZON = 336, 96
BLOCKS_BOUND = 0.12  # .035, and twice that with --quick


def test_sums_against_products_of_blocks(timer: RatioTimer, quick: bool) -> None:
    values = torch.randn(4_000 if quick else 8_000, 2, dtype=torch.float64).cumsum(0)
    windows = values.unfold(0, LOOKBACK + HORIZON, 1).flatten(0, 1)

    def multiply_blocks() -> None:
        for block in windows.split(4_000):
            gathered = block.contiguous()
            torch.mm(gathered[:, :LOOKBACK].mT, gathered)

    ratio = timer.measure(
        lambda: window_equations(values, LOOKBACK, HORIZON), multiply_blocks, rounds=9
    )
    timer.check("sums for least squares", "products of gathered windows", ratio, BLOCKS_BOUND)
