"""What several processes gain: training in two of them, and a Ray cluster beside local workers."""

import argparse
import copy
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.evidence import ROOT, EvidencePage, Options, measurement
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.windows import Windows
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.runner import JobEngine, make_job_engine
from revin_forecast.shift.runner.engine import InlineJobEngine
from revin_forecast.shift.runner.job import ProgressEvent
from revin_forecast.shift.suite.suite import (
    DatasetConfig,
    ModelGrid,
    ShiftProtocol,
    Suite,
    WindowConfig,
)
from revin_forecast.shift.suite.suite_yaml import parse_shifts
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train

TEXT = """
# Several processes

Training: windows a second of `fit`'s loop with RevIN, 336 -> 96, 7 channels, in one process and in
two that share every batch (`--devices 2`, gloo), each with one thread. The seconds of an epoch are
those of a run of {more} epochs less those of a run of one; what the run of one takes beyond that is
`start-up s`: starting the processes, importing, meeting. Benchmark: cells a second of the shift
benchmark from two local workers and from a Ray cluster of two cores that is started for it, counted
from when two runs are at work to the last cell; `start-up s` is the time before that.

`ratio` is the second speed over the first, the median of {rounds} rounds in which they take turns.
`bound` is that ratio for two processes that share nothing: each trains on half batches of its own,
at the same time; `of bound` is what sharing leaves of it. Where a machine does other work as well,
or its cores slow each other down, the bound is below 2. Repeat with

    python -m benchmarks.speed.distributed_speed
"""
LOOKBACK, HORIZON, CHANNELS = 336, 96, 7
PROGRAM = "benchmarks.speed.distributed_speed"


class Speed(NamedTuple):
    """How fast something was done."""

    rate: float
    """A second."""
    startup: float
    """Seconds."""


class Training(NamedTuple):
    """What is trained."""

    backbone: str
    batch_size: int
    batches: int
    """In an epoch."""
    more: int
    """Epochs of the longer run."""


def training(job: Training, devices: int = 1) -> Speed:
    """Train noise in so many processes."""
    backbone, batch_size, batches, more = job
    generator = torch.Generator().manual_seed(0)
    steps = batches * batch_size + LOOKBACK + HORIZON - 1
    values = torch.randn((steps, CHANNELS), generator=generator)
    few = Windows(values[: LOOKBACK + HORIZON], LOOKBACK, HORIZON)
    data = ForecastDataModule(Windows(values, LOOKBACK, HORIZON), few, batch_size)
    component = ModuleSpec(f"revin_forecast.{backbone}", {})
    model = ModelConfig(component, ModuleSpec.from_class(RevIN), LOOKBACK, HORIZON).build(CHANNELS)

    def run(epochs: int) -> float:
        settings = TrainingSettings(
            max_epochs=epochs, batch_size=batch_size, patience=epochs, devices=devices
        )
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            train(copy.deepcopy(model), data, settings, Path(folder))
        return time.perf_counter() - start

    first, last = run(1), run(more)
    epoch = (last - first) / (more - 1)
    return Speed(batches * batch_size / epoch, first - epoch)


def apart(job: Training) -> Speed:
    """Train on half batches in two processes that share nothing."""
    half = job._replace(batch_size=job.batch_size // 2)
    command = [sys.executable, "-m", PROGRAM, "--alone", *(str(part) for part in half)]
    pair = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    rates = [float(process.communicate()[0]) for process in pair]
    return Speed(sum(rates), 0.0)


def suite(shifts: list[str], datasets: list[str], normalizers: list[str], stride: int) -> Suite:
    """Return what the engines are to measure."""
    kinds = tuple(ModuleSpec(f"revin_forecast.{name}", {}) for name in normalizers)
    ridge = ModuleSpec("revin_forecast.Ridge", {})
    return Suite(
        name="speed",
        datasets=tuple(DatasetConfig(name) for name in datasets),
        models=(ModelGrid((ridge,), kinds),),
        shifts=parse_shifts(shifts),
        windows=WindowConfig(96, 24, stride),
        protocol=ShiftProtocol(severities=(2, 5), ages=(0.0, 0.5), resamples=200),
    )


def benchmark(wanted: Suite, engine: JobEngine, together: int = 2) -> Speed:
    """Measure a suite with an engine of so many workers."""
    ends: list[float] = []
    seen: set[str] = set()
    ready: list[float] = []

    def tell(event: ProgressEvent) -> None:
        if event[0] == "end":
            seen.add(event[1])
            ends.append(time.perf_counter())
            if len(seen) == together and not ready:
                ready.append(ends[-1])

    with tempfile.TemporaryDirectory() as folder:
        jobs = make_jobs(wanted, ExecutionSettings(folder))
        start = time.perf_counter()
        engine.run(jobs, tell)
    done = sum(end > ready[0] for end in ends)
    return Speed(done / (ends[-1] - ready[0]), ready[0] - start)


Way = Callable[[], Speed]


def row(what: str, ways: Mapping[str, Way], bound: Way | None, target: float, rounds: int) -> Any:
    """Measure two ways, and what bounds the second, in turns."""
    turns = [[way() for way in ways.values()] + ([bound()] if bound else []) for _ in range(rounds)]
    median = statistics.median
    shown = [
        f"{name}: {median([turn[place].rate for turn in turns]):.4g}/s"
        for place, name in enumerate(ways)
    ]
    starts = [median([turn[place].startup for turn in turns]) for place in (0, 1)]
    cells = {
        "what": what,
        "first": shown[0],
        "second": shown[1],
        "ratio": median([turn[1].rate / turn[0].rate for turn in turns]),
        "target": target,
        "bound": median([turn[2].rate / turn[0].rate for turn in turns]) if bound else None,
        "of bound": median([turn[1].rate / turn[2].rate for turn in turns]) if bound else None,
        "start-up s": " and ".join(f"{start:.3g}" for start in starts),
    }
    return cells


def training_row(job: Training, rounds: int) -> Any:
    """Compare one process with two."""
    ways = {"one process": partial(training, job), "two": partial(training, job, devices=2)}
    what = f"training {job.backbone}, batches of {job.batch_size}"
    return row(what, ways, partial(apart, job), 1.6, rounds)


def benchmark_row(rounds: int) -> Any:
    """Compare local workers with Ray's."""
    kinds = ["Identity", "LastValue", "RevIN", "Robust"]
    wanted = suite(["all"], ["ar", "sine", "random_walk"], kinds, 1)
    ways: dict[str, Way] = {
        "local": lambda: benchmark(wanted, make_job_engine("local", 2, None)),
        "ray": lambda: benchmark(wanted, make_job_engine("ray", 2, None)),
    }
    return row("shift benchmark", ways, None, 0.9, rounds)


def quick_rows() -> list[dict[str, Any]]:
    """Measure a little in this process: the tests have the engines and several processes."""
    job = Training("Linear", 8, 2, 2)
    few = suite(["level"], ["ar"], ["RevIN"], 12)
    here = partial(benchmark, few, InlineJobEngine(), 1)
    return [
        row(
            "training", {"one": partial(training, job), "again": partial(training, job)}, None, 1, 1
        ),
        row("shift benchmark", {"inline": here, "again": here}, None, 1, 1),
    ]


@measurement(
    "distributed_speed",
    quick="one process, no Ray, little work",
    options={
        "--rounds": {"type": int, "default": 3},
        "--batches": {"type": int, "default": 40},
        "--alone": {"nargs": 4, "help": argparse.SUPPRESS},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    torch.set_num_threads(1)
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}  # of processes to come
    if options.alone:
        backbone, *sizes = options.alone
        print(training(Training(backbone, *(int(size) for size in sizes))).rate)
        return
    rounds, more = (1, 2) if options.quick else (options.rounds, 4)
    page.text = TEXT.format(rounds=rounds, more=more)
    if options.quick:
        page.rows += quick_rows()
        return
    for backbone, batch_size in (("PatchTST", 32), ("DLinear", 512)):
        page.add(training_row(Training(backbone, batch_size, options.batches, more), rounds))
    page.add(benchmark_row(rounds))


if __name__ == "__main__":
    main()
