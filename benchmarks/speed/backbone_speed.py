"""Forward and backward of three backbones beside the same functions in plain code."""

import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.speed.plain_models import plain_of
from revin_forecast import backbones
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from revin_forecast.utils.memory import retain_freed_memory

TEXT = """
# Speed of the backbones' arithmetic

Processor seconds of forward, mean squared error and backward over a batch of {batch} windows,
{lookback} -> {horizon} with {channels} channels, one thread, in training with dropout. `plain` is
the same function with the same weights and the same RevIN around it, as research code writes it
(`benchmarks/speed/plain_models.py`; a test holds the two to each other): a product each for queries,
keys and values, the attention's weights written out, batch norms over a transposed axis, pointwise
convolutions, torch's dropout. The two take turns; `ratio` is the median of {rounds} rounds' own
plain / package. Repeat with

    python -m benchmarks.speed.backbone_speed
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
    return cells


@measurement(
    "backbone_speed",
    quick="one round of small windows",
    options={
        "--cases": {"nargs": "+", "default": list(CASES), "choices": CASES},
        "--rounds": {"type": int, "default": 25},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    torch.set_num_threads(1)
    retain_freed_memory()  # for both alike, as the package's training does
    sizes, batch, rounds = (336, 96, 7), 32, options.rounds
    if options.quick:
        sizes, batch, rounds = (48, 8, 3), 4, 1
    lookback, horizon, channels = sizes
    page.text = TEXT.format(
        batch=batch, lookback=lookback, horizon=horizon, channels=channels, rounds=rounds
    )
    for case in options.cases:
        page.add(row(case, sizes, batch, rounds))


if __name__ == "__main__":
    main()
