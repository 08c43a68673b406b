"""Time and memory of a sweep, compared with block products and an epoch of PatchTST."""

import multiprocessing
import resource
import time

import torch

from benchmarks.accuracy.backbone_settings import build_backbone_spec
from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.closed_form.sweep import sweep_ridge
from revin_forecast.closed_form.sweep_result import SweepGrid
from revin_forecast.closed_form.window_sums import window_equations
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig

SIZES = {
    "ETTh1": (11_520, 7),
    "ETTm1": (46_080, 7),
    "electricity": (26_304, 321),
    "traffic": (17_544, 862),
}
"""Rows of training and validation, and channels, of the random walks."""
QUICK_SIZES = {"small": (1600, 2)}
TEXT = """
# A sweep of closed-form maps: time and memory

Random walks with the sizes of the data sets. `choose`: look-backs 96, 336, 512, 720, seven
penalties, four groups of steps (horizons 96, 192, 336, 720), four blocks left out in turn. `solve`:
the selected maps, exactly, on all windows of each horizon. `sums`: the statistics that least
squares needs, over all windows of 720 + 720 steps. `blocks`: the same by products of gathered
windows, on a part of them, scaled up. `peak`: memory of the process beyond its imports, with the
table; `tables`: the same in units of the table. `PatchTST epoch`: the plain training step over the
windows of 336 -> 96 in seven tenths of the rows, from a few steps of 32 windows, scaled up. Repeat
with

    python -m benchmarks.speed.sweep_speed
"""
WIDTHS = 720, 720


@measurement("sweep_speed", quick="a small size only")
def main(options: Options, page: EvidencePage) -> None:
    """Time each size in a process of its own, so that peaks of memory are apart."""
    page.text = TEXT
    for name, size in (QUICK_SIZES if options.quick else SIZES).items():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            page.add({"size of": name} | pool.apply(measure_sweep, (*size, options.quick)))


def measure_sweep(rows: int, channels: int, quick: bool) -> Row:
    """Time one size."""
    grid = SweepGrid((24, 48), (6, 12)) if quick else SweepGrid()
    # The first eigendecomposition loads libraries, which are not part of the sweep's memory.
    torch.linalg.eigh(torch.eye(8, dtype=torch.float64))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum_(0)
    values.sub_(values.mean(0)).div_(values.std(0))
    start = time.perf_counter()
    result = sweep_ridge(values, grid)
    chosen = time.perf_counter()
    result.solve(values)
    solved = time.perf_counter()
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    table = values.nbytes / 2**20
    longest = grid.lookbacks[-1], grid.horizons[-1]
    window_equations(values, *longest)
    summed = time.perf_counter()
    blocks = estimate_block_seconds(values, 200 if quick else 4000) if rows > 1500 else None
    epoch = estimate_epoch_seconds(rows, channels, 1 if quick else 5) if channels <= 7 else None
    return {
        "rows": rows,
        "channels": channels,
        "choose s": chosen - start,
        "solve s": solved - chosen,
        "both s": solved - start,
        "sums s": summed - solved,
        "blocks s": blocks,
        "peak MiB": peak,
        "tables": peak / table,
        "PatchTST epoch s": epoch,
    }


def estimate_block_seconds(values: torch.Tensor, windows: int) -> float:
    """Time the products of some gathered windows; return the time scaled up to all of them."""
    width = sum(WIDTHS)
    rows = values[: width + windows - 1, :1]
    start = time.perf_counter()
    block = rows.unfold(0, width, 1).flatten(0, 1).contiguous()
    torch.mm(block[:, : WIDTHS[0]].mT, block)
    seconds = time.perf_counter() - start
    return seconds * (len(values) - width + 1) * values.shape[1] / windows


def estimate_epoch_seconds(rows: int, channels: int, steps: int) -> float:
    """Time some training steps of a PatchTST; return the time scaled up to an epoch."""
    sizes = (336, 96)
    config = ModelConfig(build_backbone_spec("PatchTST"), ModuleSpec.from_class(RevIN), *sizes)
    model = config.build(channels).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    past, future = torch.randn(32, sizes[0], channels), torch.randn(32, sizes[1], channels)
    ticks = []
    for _ in range(steps + 1):
        optimizer.zero_grad()
        (model(past) - future).square().mean().backward()
        optimizer.step()
        ticks.append(time.perf_counter())
    return (ticks[-1] - ticks[0]) / steps * (rows * 7 // 10 - sum(sizes)) / 32


if __name__ == "__main__":
    main()
