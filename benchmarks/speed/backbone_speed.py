"""Time of forward and backward passes of six backbones, compared with plain implementations."""

import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from benchmarks.speed.plain_models import build_plain_twin
from revin_forecast import backbones
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from revin_forecast.utils.memory import retain_freed_memory

TEXT = """
# Speed of the backbones' arithmetic

Processor seconds of forward pass, mean squared error and backward pass for a batch of {batch}
windows, {lookback} -> {horizon} with {channels} channels, on one thread, in training mode with
dropout. `plain` is the same function with the same weights and the same RevIN around it, as
research code writes it (`benchmarks/speed/plain_models.py`; a test compares the two): one product
each for queries, keys and values, attention weights written out, batch norms over a transposed
axis, pointwise and grouped convolutions, moving averages pooled wherever a formula has one, torch's
dropout. The two alternate; `ratio` is the median over {rounds} rounds of plain / package. Repeat
with

    python -m benchmarks.speed.backbone_speed
"""
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "PatchTST, width 64": ("PatchTST", {}),
    "PatchTST, width 128": ("PatchTST", {"width": 128, "layers": 3}),
    "InvertedTransformer, width 128": ("InvertedTransformer", {}),
    "InvertedTransformer, width 512": ("InvertedTransformer", {"width": 512}),
    "TSMixer": ("TSMixer", {}),
    "TimeMixer": ("TimeMixer", {}),
    "XPatch": ("XPatch", {}),
    "ModernTCN, width 16": ("ModernTCN", {}),
    "ModernTCN, width 64": ("ModernTCN", {"width": 64}),
}
"""Backbone and parameters of each row."""
WARM_UP_ROUNDS = 2


@measurement(
    "backbone_speed",
    quick="one round of small windows",
    options={
        "--cases": {"nargs": "+", "default": list(CASES), "choices": CASES},
        "--rounds": {"type": int, "default": 25},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Time each backbone."""
    torch.set_num_threads(1)
    retain_freed_memory()  # for both implementations, as the package's training does
    sizes, batch, rounds = (336, 96, 7), 32, options.rounds
    if options.quick:
        sizes, batch, rounds = (48, 8, 3), 4, 1
    lookback, horizon, channels = sizes
    page.text = TEXT.format(
        batch=batch, lookback=lookback, horizon=horizon, channels=channels, rounds=rounds
    )
    for case in options.cases:
        page.add(compare_with_plain(case, sizes, batch, rounds))


def compare_with_plain(case: str, sizes: tuple[int, int, int], batch: int, rounds: int) -> Row:
    """Time one backbone and its plain implementation in alternation."""
    name, parameters = CASES[case]
    lookback, horizon, channels = sizes
    backbone = getattr(backbones, name)(*sizes, **parameters)
    package = Reversible(backbone, RevIN(channels)).train()
    plain = Reversible(build_plain_twin(backbone), RevIN(channels)).train()
    past, future = torch.randn(batch, lookback, channels), torch.randn(batch, horizon, channels)
    times = [
        (measure_seconds(package, past, future), measure_seconds(plain, past, future))
        for _ in range(WARM_UP_ROUNDS + rounds)
    ][WARM_UP_ROUNDS:]  # the first rounds allocate memory
    return {
        "backbone": case,
        "package ms": 1e3 * statistics.median(ours for ours, _ in times),
        "plain ms": 1e3 * statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(theirs / ours for ours, theirs in times),
    }


def measure_seconds(model: nn.Module, past: Tensor, future: Tensor) -> float:
    """Return the processor seconds of one forward and backward pass."""
    for parameter in model.parameters():
        parameter.grad = None
    start = time.process_time()
    (model(past) - future).square().mean().backward()
    return time.process_time() - start


if __name__ == "__main__":
    main()
