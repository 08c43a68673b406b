"""Gathering a batch of windows beside torch's own index and a copy of as many bytes."""

import torch

from benchmarks.race import Call, Race, repeated
from revin_forecast.data.windows import Windows

LOOKBACK, HORIZON, CHANNELS, BATCH = 336, 96, 7, 32
BATCHES = 40
INDEX = 0.5  # .2
CLONE = 7.0  # 3: one batch is copied again and again, in the cache; windows lie apart


def random_windows(quick: bool) -> tuple[Windows, list[torch.Tensor]]:
    values = torch.randn(2_000 if quick else 20_000, CHANNELS)
    windows = Windows(values, LOOKBACK, HORIZON)
    return windows, list(torch.randint(len(windows), (BATCHES, BATCH)))


def gathering(windows: Windows, chosen: list[torch.Tensor]) -> Call:
    def run() -> None:
        for starts in chosen:
            _ = windows[starts]

    return run


def test_gathering_beside_an_index(race: Race, quick: bool) -> None:
    windows, chosen = random_windows(quick)
    steps = torch.arange(LOOKBACK + HORIZON)

    def index() -> None:
        for starts in chosen:
            rows = windows.values[starts.unsqueeze(1) + steps]
            _ = rows[:, :LOOKBACK], rows[:, LOOKBACK:]

    ratio = race(gathering(windows, chosen), index)
    race.judge("gathering windows", "an index of each row in torch", ratio, INDEX)


def test_gathering_beside_a_copy(race: Race, quick: bool) -> None:
    windows, chosen = random_windows(quick)
    block = torch.randn(BATCH, LOOKBACK + HORIZON, CHANNELS)
    ratio = race(gathering(windows, chosen), repeated(block.clone, BATCHES))
    race.judge("gathering windows", "a copy of as many bytes", ratio, CLONE)
