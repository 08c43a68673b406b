"""The sums of all windows in closed form beside the product of gathered windows."""

import torch

from benchmarks.race import Race
from revin_forecast.closed_form import window_equations

LOOKBACK, HORIZON = 336, 96
BLOCKS = 0.12  # .035, and twice that with --quick


def test_sums_beside_products_of_blocks(race: Race, quick: bool) -> None:
    values = torch.randn(4_000 if quick else 8_000, 2, dtype=torch.float64).cumsum(0)
    windows = values.unfold(0, LOOKBACK + HORIZON, 1).flatten(0, 1)

    def products() -> None:
        for block in windows.split(4_000):
            gathered = block.contiguous()
            torch.mm(gathered[:, :LOOKBACK].mT, gathered)

    ratio = race(lambda: window_equations(values, LOOKBACK, HORIZON), products, rounds=9)
    race.judge("sums for least squares", "products of gathered windows", ratio, BLOCKS)
