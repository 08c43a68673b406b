"""Gain of several processes: training in two, and a Ray cluster compared with local workers."""

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
from typing import NamedTuple

import torch

from benchmarks.evidence import ROOT, EvidencePage, Options, Row, measurement
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.windows import Windows
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.runner.job import ProgressEvent
from revin_forecast.shift.runner.run_jobs import run_jobs
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
from revin_forecast.utils.parallel import Engine, make_engine
from revin_forecast.utils.parallel.inline import InlineEngine

TEXT = """
# Several processes

Training: windows a second of the training loop of `fit` with RevIN, 336 -> 96, 7 channels, in one
process and in two that share every batch (`--devices 2`, gloo), one thread each. The seconds of an
epoch are those of a run of {more} epochs minus those of a run of one. The rest of the shorter run
is `start-up s`: starting the processes, importing, connecting. Benchmark: cells a second of the
shift benchmark with two local workers and with a Ray cluster of two cores that is started for it,
from the moment two runs are in progress to the last cell; `start-up s` is the time before.

`ratio` is the second speed over the first, as the median over {rounds} rounds in which they
alternate. `bound` is that ratio for two processes that share nothing: each trains on half batches
of its own, at the same time. `of bound` is the share of it that remains with sharing. The bound is
below 2 on a machine that does other work, or whose cores slow each other down. Repeat with

    python -m benchmarks.speed.distributed_speed
"""
LOOKBACK, HORIZON, CHANNELS = 336, 96, 7
PROGRAM = "benchmarks.speed.distributed_speed"


class Speed(NamedTuple):
    """Speed of a run."""

    rate: float
    """Windows or cells a second."""
    startup: float
    """Seconds before the measured part."""


class TrainingRun(NamedTuple):
    """A training to time."""

    backbone: str
    batch_size: int
    batches: int
    """Batches in an epoch."""
    epochs: int
    """Epochs of the longer of the two runs."""


@measurement(
    "distributed_speed",
    quick="one process, no Ray, little work",
    options={
        "--rounds": {"type": int, "default": 3},
        "--batches": {"type": int, "default": 40},
        # Internal, for the processes that `train_unshared` starts.
        "--alone": {"nargs": 4, "help": argparse.SUPPRESS},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Compare training in one and two processes, then the engines of the shift benchmark."""
    torch.set_num_threads(1)
    # For the processes to come.
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    if options.alone:
        backbone, *sizes = options.alone
        print(measure_training(TrainingRun(backbone, *(int(size) for size in sizes))).rate)
        return
    rounds, epochs = (1, 2) if options.quick else (options.rounds, 4)
    page.text = TEXT.format(rounds=rounds, more=epochs)
    if options.quick:
        add_quick_rows(page)
        return
    for backbone, batch_size in (("PatchTST", 32), ("DLinear", 512)):
        run = TrainingRun(backbone, batch_size, options.batches, epochs)
        page.add(compare_processes(run, rounds))
    page.add(compare_engines(rounds))


def measure_training(run: TrainingRun, devices: int = 1) -> Speed:
    """Train on noise in so many processes."""
    backbone, batch_size, batches, longer = run
    generator = torch.Generator().manual_seed(0)
    steps = batches * batch_size + LOOKBACK + HORIZON - 1
    values = torch.randn((steps, CHANNELS), generator=generator)
    one_window = Windows(values[: LOOKBACK + HORIZON], LOOKBACK, HORIZON)
    data = ForecastDataModule(Windows(values, LOOKBACK, HORIZON), one_window, batch_size)
    spec = ModuleSpec(f"revin_forecast.{backbone}", {})
    config = ModelConfig(spec, ModuleSpec.from_class(RevIN), LOOKBACK, HORIZON)
    model = config.build(CHANNELS)

    def measure_seconds(epochs: int) -> float:
        settings = TrainingSettings(
            max_epochs=epochs, batch_size=batch_size, patience=epochs, devices=devices
        )
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            train(copy.deepcopy(model), data, settings, Path(folder))
        return time.perf_counter() - start

    # The difference of two runs leaves out the start, which is as long for any number of epochs.
    short_seconds, long_seconds = measure_seconds(1), measure_seconds(longer)
    epoch_seconds = (long_seconds - short_seconds) / (longer - 1)
    return Speed(batches * batch_size / epoch_seconds, short_seconds - epoch_seconds)


def train_unshared(run: TrainingRun) -> Speed:
    """Train on half batches in two processes that share nothing."""
    half = run._replace(batch_size=run.batch_size // 2)
    command = [sys.executable, "-m", PROGRAM, "--alone", *(str(part) for part in half)]
    pair = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    rates = [float(process.communicate()[0]) for process in pair]
    return Speed(sum(rates), 0.0)


def make_suite(
    shifts: list[str], datasets: list[str], normalizers: list[str], stride: int
) -> Suite:
    """Return a suite of Ridge with the normalizers, for the engines to measure."""
    specs = tuple(ModuleSpec(f"revin_forecast.{name}", {}) for name in normalizers)
    ridge = ModuleSpec("revin_forecast.Ridge", {})
    return Suite(
        name="speed",
        datasets=tuple(DatasetConfig(name) for name in datasets),
        models=(ModelGrid((ridge,), specs),),
        shifts=parse_shifts(shifts),
        windows=WindowConfig(96, 24, stride),
        protocol=ShiftProtocol(severities=(2, 5), ages=(0.0, 0.5), resamples=200),
    )


def measure_engine(suite: Suite, engine: Engine, workers: int = 2) -> Speed:
    """Measure a suite with an engine of so many workers."""
    ends: list[float] = []
    busy_runs: set[str] = set()
    ready: list[float] = []

    def record_event(event: ProgressEvent) -> None:
        if event[0] == "end":
            busy_runs.add(event[1])
            ends.append(time.perf_counter())
            # All workers are busy once so many runs have finished a cell.
            if len(busy_runs) == workers and not ready:
                ready.append(ends[-1])

    with tempfile.TemporaryDirectory() as folder:
        jobs = make_jobs(suite, ExecutionSettings(folder))
        start = time.perf_counter()
        run_jobs(jobs, engine, record_event)
    count = sum(end > ready[0] for end in ends)
    return Speed(count / (ends[-1] - ready[0]), ready[0] - start)


Method = Callable[[], Speed]


def compare(
    label: str, methods: Mapping[str, Method], bound: Method | None, target: float, rounds: int
) -> Row:
    """Measure two methods, and the bound of the second, in alternation."""
    measured = [
        [method() for method in methods.values()] + ([bound()] if bound else [])
        for _ in range(rounds)
    ]
    median = statistics.median
    speeds = [
        f"{name}: {median([speeds[index].rate for speeds in measured]):.4g}/s"
        for index, name in enumerate(methods)
    ]
    startups = [median([speeds[index].startup for speeds in measured]) for index in (0, 1)]

    def ratio(index: int, base: int) -> float:
        return median([speeds[index].rate / speeds[base].rate for speeds in measured])

    return {
        "what": label,
        "first": speeds[0],
        "second": speeds[1],
        "ratio": ratio(1, 0),
        "target": target,
        "bound": ratio(2, 0) if bound else None,
        "of bound": ratio(1, 2) if bound else None,
        "start-up s": " and ".join(f"{seconds:.3g}" for seconds in startups),
    }


def compare_processes(run: TrainingRun, rounds: int) -> Row:
    """Compare training in one process and in two."""
    methods = {
        "one process": partial(measure_training, run),
        "two": partial(measure_training, run, devices=2),
    }
    label = f"training {run.backbone}, batches of {run.batch_size}"
    return compare(label, methods, partial(train_unshared, run), 1.6, rounds)


def compare_engines(rounds: int) -> Row:
    """Compare local workers and those of Ray."""
    normalizers = ["Identity", "LastValue", "RevIN", "Robust"]
    suite = make_suite(["all"], ["ar", "sine", "random_walk"], normalizers, 1)
    methods: dict[str, Method] = {
        "local": lambda: measure_engine(suite, make_engine("local", 2, None)),
        "ray": lambda: measure_engine(suite, make_engine("ray", 2, None)),
    }
    return compare("shift benchmark", methods, None, 0.9, rounds)


def add_quick_rows(page: EvidencePage) -> None:
    """Measure a little in this process: other tests run the engines and several processes."""
    run = TrainingRun("Linear", 8, 2, 2)
    suite = make_suite(["level"], ["ar"], ["RevIN"], 12)
    train_here = partial(measure_training, run)
    measure_here = partial(measure_engine, suite, InlineEngine(), 1)
    page.add(compare("training", {"one": train_here, "again": train_here}, None, 1, 1))
    methods = {"inline": measure_here, "again": measure_here}
    page.add(compare("shift benchmark", methods, None, 1, 1))


if __name__ == "__main__":
    main()
