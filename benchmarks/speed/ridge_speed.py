"""Time and memory of a closed-form fit, compared with the sum over blocks of windows."""

import resource
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge, window_moments
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN

SIZES = [
    (8640, 2880, 7, 512, 96),
    (8640, 2880, 7, 512, 720),
    (18412, 2632, 321, 512, 96),
    (12280, 1756, 862, 720, 720),
]
"""Rows of training and of validation, channels, look-back, horizon."""
QUICK_SIZES = [(600, 200, 3, 48, 12)]
BLOCK_VALUES = 2**23
"""Values of the windows that the reference gathers at a time."""
TEXT = """
# Ridge in closed form: time and memory

Random walks with the sizes of the benchmark sets. `fit`: Gram matrices of training and validation
windows, one eigendecomposition, seven penalties, selection. `moments`: the Gram matrix of the
training windows alone. `blocks`: the same matrix as a sum of products of window blocks, on at most
a tenth of the channels, scaled up, in the same run. `difference`: relative difference of the two.
`peak` is that of the process, with imports (about .2 GiB) and values. Repeat with

    python -m benchmarks.speed.ridge_speed
"""
Result = TypeVar("Result")


@measurement("ridge_speed", quick="a small size only")
def main(options: Options, page: EvidencePage) -> None:
    """Time each size."""
    page.text = TEXT
    for sizes in QUICK_SIZES if options.quick else SIZES:
        page.add(measure_fit(*sizes))


def measure_fit(rows: int, held_out: int, channels: int, lookback: int, horizon: int) -> Row:
    """Time a fit, its Gram matrix and the reference on random walks of one size."""
    width = lookback + horizon
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(rows + held_out, channels, generator=generator, dtype=torch.float64)
    values = noise.cumsum(0)
    values = (values - values[:rows].mean(0)) / values[:rows].std(0)
    training, validation = values[:rows], values[rows - lookback :]
    model = Reversible(Ridge(lookback, horizon, channels), RevIN(channels))
    _, fit_seconds = time_fastest(lambda: fit_ridge(model, training, validation))
    _, moments_seconds = time_fastest(lambda: window_moments(training, width))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # The reference would take hours on all channels of the largest sets.
    part = training[:, : max(1, min(channels, max(7, channels // 10)))].contiguous()
    expected, seconds = time_fastest(lambda: sum_gram_by_blocks(part, width), runs=1)
    gram = window_moments(part, width).gram
    blocks_seconds = seconds * channels / part.shape[1]
    return {
        "rows": rows,
        "channels": channels,
        "look-back": lookback,
        "horizon": horizon,
        "fit s": fit_seconds,
        "moments s": moments_seconds,
        "blocks s": blocks_seconds,
        "blocks / moments": blocks_seconds / moments_seconds,
        "difference": ((gram - expected).abs().max() / expected.abs().max()).item(),
        "peak GiB": peak,
    }


def sum_gram_by_blocks(values: torch.Tensor, width: int) -> torch.Tensor:
    """Return the Gram matrix as it is usually computed: gather windows, multiply, add."""
    gram = torch.zeros(width, width, dtype=torch.float64)
    windows = values.unfold(0, width, 1).flatten(0, 1)
    for block in windows.split(max(1, BLOCK_VALUES // width)):
        gram += block.mT @ block
    return gram


def time_fastest(call: Callable[[], Result], runs: int = 3) -> tuple[Result, float]:
    """Return the result of a call and the least seconds of some runs."""
    times, results = [], []
    for _ in range(runs):
        start = time.perf_counter()
        results = [call()]
        times.append(time.perf_counter() - start)
    return results[0], min(times)


if __name__ == "__main__":
    main()
