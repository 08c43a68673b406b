"""How long a training step takes on each number of threads, beside the number that is chosen."""

import statistics
import time
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.accuracy.backbone_settings import SETTINGS
from benchmarks.evidence import EvidencePage, Options, measurement
from revin_forecast import backbones
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from revin_forecast.utils.memory import retain_freed_memory
from revin_forecast.utils.threads import choose_thread_count, count_flops

TEXT = """
# Threads of a training step

Milliseconds of a whole step (forward, mean squared error, backward, clipping, Adam) on 1 to {most}
threads, {lookback} -> {horizon} with RevIN, backbones as in `benchmarks/accuracy/backbone_settings.py`. `million
operations` are the products' of one forward pass. The numbers of threads take turns; each cell is
the least of {rounds} rounds' medians, as other work on the machine only ever adds time. `chosen`
is what `fit` and `evaluate` take for that many operations where torch has {most}
(`revin_forecast/utils/threads.py`), `loss` how much longer it takes than the best. Repeat with

    python -m benchmarks.speed.thread_count
"""


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


def step_seconds(model: nn.Module, past: Tensor, future: Tensor, seconds: float) -> float:
    """Return the median time of steps that are repeated for some seconds, three at least."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    times, begun = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        optimizer.zero_grad()
        (model(past) - future).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])  # the first one wakes the threads


def row(case: Case, sizes: tuple[int, int], most: int, rounds: int) -> dict[str, object]:
    """Time one case on every number of threads."""
    name, batch, channels = case
    lookback, horizon = sizes
    parameters = SETTINGS[name].parameters
    backbone = getattr(backbones, name)(lookback, horizon, channels, **parameters)
    model = Reversible(backbone, RevIN(channels))
    past, future = torch.randn(batch, lookback, channels), torch.randn(batch, horizon, channels)
    operations = count_flops(lambda: model.eval()(past))
    chosen, model = choose_thread_count(operations, most), model.train()
    times: dict[int, list[float]] = {count: [] for count in range(1, most + 1)}
    for _ in range(rounds):
        for count, found in times.items():
            torch.set_num_threads(count)
            found.append(step_seconds(model, past, future, 0.2 if rounds > 1 else 0))
    least = {count: 1e3 * min(found) for count, found in times.items()}
    cells: dict[str, object] = {
        "backbone": name,
        "windows": batch,
        "channels": channels,
        "million operations": operations / 1e6,
        **{f"ms on {count}": found for count, found in least.items()},
        "chosen": chosen,
        "loss": least[chosen] / min(least.values()) - 1,
    }
    return cells


@measurement(
    "thread_count",
    quick="one round of three small cases",
    options={
        "--most": {"type": int, "help": "threads; as many as torch has if not given"},
        "--rounds": {"type": int, "default": 5},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    most = options.most or torch.get_num_threads()
    retain_freed_memory()
    cases, sizes, rounds = CASES, (336, 96), options.rounds
    if options.quick:
        cases, sizes, rounds = [Case(one.backbone, 4, 2) for one in CASES[:3]], (24, 4), 1
    page.environment["threads"] = most
    page.text = TEXT.format(most=most, lookback=sizes[0], horizon=sizes[1], rounds=rounds)
    for case in cases:
        page.add(row(case, sizes, most, rounds))


if __name__ == "__main__":
    main()
