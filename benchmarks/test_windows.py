"""Gathering a batch of windows, compared with torch's own index and a copy of as many bytes."""

import torch

from benchmarks.ratio_timer import Call, RatioTimer, repeat_call
from revin_forecast.data.windows import Windows

LOOKBACK, HORIZON, CHANNELS, BATCH = 336, 96, 7, 32
BATCHES = 40
INDEX_BOUND = 0.5  # .2
COPY_BOUND = 7.0  # 3: one batch is copied repeatedly, in the cache; windows are scattered


def make_windows(quick: bool) -> tuple[Windows, list[torch.Tensor]]:
    """Return windows of noise, and the starts of random batches."""
    values = torch.randn(2_000 if quick else 20_000, CHANNELS)
    windows = Windows(values, LOOKBACK, HORIZON)
    return windows, list(torch.randint(len(windows), (BATCHES, BATCH)))


def make_gathering(windows: Windows, batches: list[torch.Tensor]) -> Call:
    """Return a call that gathers all batches."""

    def gather() -> None:
        for starts in batches:
            _ = windows[starts]

    return gather


def test_gathering_against_index(timer: RatioTimer, quick: bool) -> None:
    windows, batches = make_windows(quick)
    steps = torch.arange(LOOKBACK + HORIZON)

    def index() -> None:
        for starts in batches:
            rows = windows.values[starts.unsqueeze(1) + steps]
            _ = rows[:, :LOOKBACK], rows[:, LOOKBACK:]

    ratio = timer.measure(make_gathering(windows, batches), index)
    timer.check("gathering windows", "an index of each row in torch", ratio, INDEX_BOUND)


def test_gathering_against_copy(timer: RatioTimer, quick: bool) -> None:
    windows, batches = make_windows(quick)
    block = torch.randn(BATCH, LOOKBACK + HORIZON, CHANNELS)
    copies = repeat_call(block.clone, BATCHES)
    ratio = timer.measure(make_gathering(windows, batches), copies)
    timer.check("gathering windows", "a copy of as many bytes", ratio, COPY_BOUND)
