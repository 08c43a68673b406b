"""How long a closed-form fit takes and how much memory, beside the sum over blocks of windows."""

import resource
import time

import torch

from benchmarks.evidence import EvidencePage, Options, measurement
from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge, window_moments
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN

# rows of training and of validation, channels, look-back, horizon
SIZES = [
    (8640, 2880, 7, 512, 96),
    (8640, 2880, 7, 512, 720),
    (18412, 2632, 321, 512, 96),
    (12280, 1756, 862, 720, 720),
]
BLOCK_CELLS = 2**23
TEXT = """
# Ridge in closed form: time and memory

Random walks of the benchmark sets' sizes. `fit`: Gram matrices of training and validation
windows, one eigendecomposition, seven penalties, selection. `moments`: the Gram matrix of the
training windows alone; `blocks`: the same matrix as a sum of products of window blocks (on at
most a tenth of the channels, scaled up), in the same run; `difference`: relative, between the
two. `peak` is the process's, imports (about .2 GiB) and values included. Repeat with

    python -m benchmarks.speed.ridge_speed
"""


def blockwise(values: torch.Tensor, width: int) -> torch.Tensor:
    """The Gram matrix as people make it: gather windows, multiply, add."""
    gram = torch.zeros(width, width, dtype=torch.float64)
    windows = values.unfold(0, width, 1).flatten(0, 1)
    for block in windows.split(max(1, BLOCK_CELLS // width)):
        gram += block.mT @ block
    return gram


def timed(call, runs: int = 3):
    """Result and fastest time of some runs."""
    times, results = [], []
    for _ in range(runs):
        start = time.perf_counter()
        results = [call()]
        times.append(time.perf_counter() - start)
    return results[0], min(times)


def measure(rows: int, held: int, channels: int, lookback: int, horizon: int) -> dict[str, object]:
    width = lookback + horizon
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(rows + held, channels, generator=generator, dtype=torch.float64)
    values = noise.cumsum(0)
    values = (values - values[:rows].mean(0)) / values[:rows].std(0)
    training, validation = values[:rows], values[rows - lookback :]
    model = Reversible(Ridge(lookback, horizon, channels), RevIN(channels))
    _, fit = timed(lambda: fit_ridge(model, training, validation))
    _, moments = timed(lambda: window_moments(training, width))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    part = training[:, : max(1, min(channels, max(7, channels // 10)))].contiguous()
    wanted, seconds = timed(lambda: blockwise(part, width), runs=1)
    got = window_moments(part, width).gram
    blocks = seconds * channels / part.shape[1]
    cells: dict[str, object] = {
        "rows": rows,
        "channels": channels,
        "look-back": lookback,
        "horizon": horizon,
        "fit s": fit,
        "moments s": moments,
        "blocks s": blocks,
        "blocks / moments": blocks / moments,
        "difference": ((got - wanted).abs().max() / wanted.abs().max()).item(),
        "peak GiB": peak,
    }
    return cells


@measurement("ridge_speed", quick="a small size only")
def main(options: Options, page: EvidencePage) -> None:
    page.text = TEXT
    for size in [(600, 200, 3, 48, 12)] if options.quick else SIZES:
        page.add(measure(*size))


if __name__ == "__main__":
    main()
