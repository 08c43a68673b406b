"""How long a sweep takes and how much memory, beside block products and a PatchTST's epoch."""

import multiprocessing
import resource
import time

import torch

from benchmarks.accuracy.backbone_settings import component_of
from benchmarks.evidence import EvidencePage, Options, measurement
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
"""Rows of training and validation, and channels, of random walks."""
TEXT = """
# A sweep of closed-form maps: time and memory

Random walks of the sets' sizes. `choose`: look-backs 96, 336, 512, 720, seven penalties, four
groups of steps (horizons 96, 192, 336, 720), four blocks left out in turn; `solve`: the chosen
maps, exactly, on all windows of each horizon. `sums`: what least squares needs of all windows of
720 + 720 steps; `blocks`: the same by products of gathered windows, on a part of them, scaled up.
`peak`: what the process took beyond its imports, the table included; `tables`: that in tables.
`PatchTST epoch`: the plain training step over the windows of 336 -> 96 in seven tenths of the rows,
from a few steps of 32 windows, scaled up. Repeat with

    python -m benchmarks.speed.sweep_speed
"""
WIDTHS = 720, 720


def block_seconds(values: torch.Tensor, windows: int) -> float:
    """Time the products of gathered windows, scaled up to all of them."""
    width = sum(WIDTHS)
    rows = values[: width + windows - 1, :1]
    start = time.perf_counter()
    block = rows.unfold(0, width, 1).flatten(0, 1).contiguous()
    torch.mm(block[:, : WIDTHS[0]].mT, block)
    seconds = time.perf_counter() - start
    return seconds * (len(values) - width + 1) * values.shape[1] / windows


def epoch_seconds(rows: int, channels: int, steps: int) -> float:
    """Time steps of a PatchTST, scaled up to an epoch."""
    sizes = (336, 96)
    recipe = ModelConfig(component_of("PatchTST"), ModuleSpec.from_class(RevIN), *sizes)
    model = recipe.build(channels).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    past, future = torch.randn(32, sizes[0], channels), torch.randn(32, sizes[1], channels)
    ticks = []
    for _ in range(steps + 1):
        optimizer.zero_grad()
        (model(past) - future).square().mean().backward()
        optimizer.step()
        ticks.append(time.perf_counter())
    return (ticks[-1] - ticks[0]) / steps * (rows * 7 // 10 - sum(sizes)) / 32


def measure(rows: int, channels: int, quick: bool) -> dict[str, object]:
    """Time one size, in a process of its own."""
    sweep = SweepGrid((24, 48), (6, 12)) if quick else SweepGrid()
    # What eigendecompositions load is no part of the sweep's own memory.
    torch.linalg.eigh(torch.eye(8, dtype=torch.float64))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum_(0)
    values.sub_(values.mean(0)).div_(values.std(0))
    start = time.perf_counter()
    swept = sweep_ridge(values, sweep)
    chosen = time.perf_counter()
    swept.solve(values)
    solved = time.perf_counter()
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    table = values.nbytes / 2**20
    longest = sweep.lookbacks[-1], sweep.horizons[-1]
    window_equations(values, *longest)
    summed = time.perf_counter()
    return {
        "rows": rows,
        "channels": channels,
        "choose s": chosen - start,
        "solve s": solved - chosen,
        "both s": solved - start,
        "sums s": summed - solved,
        "blocks s": block_seconds(values, 200 if quick else 4000) if rows > 1500 else None,
        "peak MiB": peak,
        "tables": peak / table,
        "PatchTST epoch s": None
        if channels > 7
        else epoch_seconds(rows, channels, 1 if quick else 5),
    }


@measurement("sweep_speed", quick="a small size only")
def main(options: Options, page: EvidencePage) -> None:
    page.text = TEXT
    sizes = {"small": (1600, 2)} if options.quick else SIZES
    for name, size in sizes.items():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            page.add({"size of": name} | pool.apply(measure, (*size, options.quick)))


if __name__ == "__main__":
    main()
