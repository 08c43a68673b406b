"""Forward and backward of three backbones beside the same functions in plain code."""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from grids.plain_models import plain_of
from torch import Tensor, nn

from revin_forecast import backbones
from revin_forecast.evidence import circumstances, write_evidence
from revin_forecast.heap import keep_freed_memory
from revin_forecast.normalizers import RevIN
from revin_forecast.reversible import Reversible

TEXT = """
# Speed of the backbones' arithmetic

Processor seconds of forward, mean squared error and backward over a batch of {batch} windows,
{lookback} -> {horizon} with {channels} channels, one thread, in training with dropout. `plain` is
the same function with the same weights and the same RevIN around it, as research code writes it
(`scripts/grids/plain_models.py`; a test holds the two to each other): a product each for queries,
keys and values, the attention's weights written out, batch norms over a transposed axis, pointwise
convolutions, torch's dropout. The two take turns; `ratio` is the median of {rounds} rounds' own
plain / package. Repeat with

    python scripts/backbone_speed.py
"""
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "PatchTST, width 64": ("PatchTST", {}),
    "PatchTST, width 128": ("PatchTST", {"width": 128, "layers": 3}),
    "InvertedTransformer, width 128": ("InvertedTransformer", {}),
    "InvertedTransformer, width 512": ("InvertedTransformer", {"width": 512}),
    "TSMixer": ("TSMixer", {}),
}


def seconds(model: nn.Module, past: Tensor, future: Tensor) -> float:
    """Return the processor time of one forward and backward pass."""
    for parameter in model.parameters():
        parameter.grad = None
    start = time.process_time()
    (model(past) - future).square().mean().backward()
    return time.process_time() - start


def row(case: str, sizes: tuple[int, int, int], batch: int, rounds: int) -> dict[str, object]:
    """Time one backbone in turns with its plain version."""
    name, parameters = CASES[case]
    lookback, horizon, channels = sizes
    backbone = getattr(backbones, name)(*sizes, **parameters)
    ours = Reversible(backbone, RevIN(channels)).train()
    plain = Reversible(plain_of(backbone), RevIN(channels)).train()
    past, future = torch.randn(batch, lookback, channels), torch.randn(batch, horizon, channels)
    times = [
        (seconds(ours, past, future), seconds(plain, past, future)) for _ in range(rounds + 2)
    ][2:]  # the first ones get memory
    cells: dict[str, object] = {
        "backbone": case,
        "package ms": 1e3 * statistics.median(own for own, _ in times),
        "plain ms": 1e3 * statistics.median(other for _, other in times),
        "ratio": statistics.median(other / own for own, other in times),
    }
    print(*cells.values(), flush=True)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--quick", action="store_true", help="one round of small windows")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # for both alike, as the package's training does
    sizes, batch, rounds = (336, 96, 7), 32, chosen.rounds
    if chosen.quick:
        sizes, batch, rounds = (48, 8, 3), 4, 1
    lookback, horizon, channels = sizes
    text = TEXT.format(
        batch=batch, lookback=lookback, horizon=horizon, channels=channels, rounds=rounds
    )
    rows = [row(case, sizes, batch, rounds) for case in chosen.cases]
    write_evidence(
        chosen.out, "backbone_speed", text, rows, circumstances() | {"quick": chosen.quick}
    )


if __name__ == "__main__":
    main()
