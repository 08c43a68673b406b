"""Time of a training step for each number of threads, and the number that the package selects."""

import statistics
import time
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.accuracy.backbone_settings import SETTINGS
from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast import backbones
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from revin_forecast.utils.memory import retain_freed_memory
from revin_forecast.utils.threads import choose_thread_count, count_flops

TEXT = """
# Threads of a training step

Milliseconds of a whole step (forward pass, mean squared error, backward pass, clipping, Adam) on 1
to {most} threads, {lookback} -> {horizon} with RevIN, with the backbones of
`benchmarks/accuracy/backbone_settings.py`. `million operations` are those of the products in one
forward pass. The numbers of threads alternate; each cell is the least of the medians of {rounds}
rounds, because other work on the machine only ever adds time. `chosen` is the number of threads
that `fit` and `evaluate` use for so many operations where torch has {most}
(`revin_forecast/utils/threads.py`), and `loss` is its extra time relative to the best number.
Repeat with

    python -m benchmarks.speed.thread_count
"""
MIN_STEPS = 3
"""Steps of a round, however long they take."""


class Case(NamedTuple):
    """A backbone, the windows in a batch and the channels of a window."""

    backbone: str
    batch: int
    channels: int


CASES = [
    Case("Linear", 32, 7),
    Case("Linear", 512, 7),
    Case("DLinear", 32, 7),
    Case("InvertedTransformer", 32, 7),
    Case("InvertedTransformer", 32, 321),
    Case("TSMixer", 32, 7),
    Case("NBEATS", 32, 7),
    Case("GRU", 32, 7),
    Case("PatchTST", 32, 7),
    Case("PatchTST", 128, 7),
]


@measurement(
    "thread_count",
    quick="one round of three small cases",
    options={
        "--most": {"type": int, "help": "largest number of threads; torch's own by default"},
        "--rounds": {"type": int, "default": 5},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Time each case."""
    max_threads = options.most or torch.get_num_threads()
    retain_freed_memory()
    cases, sizes, rounds = CASES, (336, 96), options.rounds
    if options.quick:
        cases, sizes, rounds = [Case(case.backbone, 4, 2) for case in CASES[:3]], (24, 4), 1
    page.environment["threads"] = max_threads
    page.text = TEXT.format(most=max_threads, lookback=sizes[0], horizon=sizes[1], rounds=rounds)
    for case in cases:
        page.add(compare_thread_counts(case, sizes, max_threads, rounds))


def compare_thread_counts(case: Case, sizes: tuple[int, int], max_threads: int, rounds: int) -> Row:
    """Time one case with every number of threads."""
    name, batch, channels = case
    lookback, horizon = sizes
    parameters = SETTINGS[name].parameters
    backbone = getattr(backbones, name)(lookback, horizon, channels, **parameters)
    model = Reversible(backbone, RevIN(channels))
    past, future = torch.randn(batch, lookback, channels), torch.randn(batch, horizon, channels)
    flops = count_flops(lambda: model.eval()(past))
    chosen, model = choose_thread_count(flops, max_threads), model.train()
    times: dict[int, list[float]] = {count: [] for count in range(1, max_threads + 1)}
    for _ in range(rounds):
        for count, seconds in times.items():
            torch.set_num_threads(count)
            round_seconds = 0.2 if rounds > 1 else 0
            seconds.append(measure_step_seconds(model, past, future, round_seconds))
    least = {count: 1e3 * min(seconds) for count, seconds in times.items()}
    return {
        "backbone": name,
        "windows": batch,
        "channels": channels,
        "million operations": flops / 1e6,
        **{f"ms on {count}": milliseconds for count, milliseconds in least.items()},
        "chosen": chosen,
        "loss": least[chosen] / min(least.values()) - 1,
    }


def measure_step_seconds(
    model: nn.Module, past: Tensor, future: Tensor, round_seconds: float
) -> float:
    """Return the median time of the steps in a round of so many seconds, at least three steps."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    times, round_start = [], time.perf_counter()
    while len(times) < MIN_STEPS or time.perf_counter() - round_start < round_seconds:
        start = time.perf_counter()
        optimizer.zero_grad()
        (model(past) - future).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first step wakes the threads


if __name__ == "__main__":
    main()
