"""Peak memory and speed of training from a memory-mapped file, compared with memory."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from benchmarks.evidence import ROOT, EvidencePage, Options, Row, measurement
from revin_forecast.data.memory_mapped.series import memory_map_table
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.split import ChronologicalSplit, MemoryMappedSplit
from revin_forecast.data.windows import Windows
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig

TEXT = """
# Training data larger than memory

A wide Parquet file of {rows:,} rows and {channels} channels ({values:,} values, float32, row groups
of {group:,} rows) is prepared in two ways, each in a process of its own with one thread. `map`
reads it a few rows at a time into a memory-mapped file of standardized float32 (`fit --memory-map
always`). `memory` reads it as a whole. `ready s` is the time for reading, standardizing and, with
the map, writing. Then both train on {batches} batches of 32 windows, 336 -> 96, which the package's
loader draws over all training rows: forward pass, backward pass, Adam. The two alternate for
{rounds} rounds, of which the median is shown; `of memory` is the speed with the map over that in
memory, as the median over the rounds. `first` is a first round of the map with the file evicted
from the system's cache, so that every page comes from the disk.

`peak GiB` is the largest resident memory of the whole process, with imports and training
(`ru_maxrss`). It includes the touched pages of the map, which the system takes back when it needs
memory. `own GiB` is the largest memory without pages of files (`RssAnon`, read after each round).
Repeat with

    python -m benchmarks.speed.larger_than_memory
"""
LOOKBACK, HORIZON, BATCH = 336, 96, 32
BACKBONES = ("Linear", "DLinear")
METHODS = ("map", "memory")
PROGRAM = "benchmarks.speed.larger_than_memory"


@measurement(
    "larger_than_memory",
    quick="a small table, one round",
    options={
        "--rows": {"type": int, "default": 500_000},
        "--channels": {"type": int, "default": 100},
        "--batches": {"type": int, "default": 60},
        "--rounds": {"type": int, "default": 5},
        # Internal, for the processes that `Worker` starts.
        "--work": {"nargs": 2, "help": argparse.SUPPRESS},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Write a large table and train from it in both ways."""
    if options.work:
        method, path = options.work
        serve_training(method, Path(path), options.batches)
        return
    if options.quick:
        options.rows, options.channels, options.batches, options.rounds = 2_000, 3, 2, 1
    torch.set_num_threads(1)
    group = min(20_000, max(1, options.rows // 4))
    sizes = {name: getattr(options, name) for name in ("rows", "channels", "batches", "rounds")}
    page.text = TEXT.format(**sizes, values=options.rows * options.channels, group=group)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        write_random_walks(path, options.rows, options.channels, group)
        for row in compare_methods(path, options.batches, options.rounds):
            page.add(row)


def write_random_walks(path: Path, rows: int, channels: int, group: int) -> None:
    """Write a table of random walks, one row group at a time."""
    names = [f"series_{number:03d}" for number in range(channels)]
    random = np.random.default_rng(0)
    fields = [("date", pa.timestamp("ms")), *((name, pa.float32()) for name in names)]
    schema, level = pa.schema(fields), np.zeros(channels, np.float32)
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, group):
            steps = min(group, rows - start)
            noise = random.standard_normal((steps, channels), np.float32)
            walk = level + noise.cumsum(axis=0)
            level = walk[-1]
            first = pd.Timestamp("2000-01-01") + pd.Timedelta(minutes=start)
            stamps = pd.date_range(first, periods=steps, freq="min", unit="ms")
            columns = [pa.array(stamps), *(pa.array(column) for column in walk.T)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def compare_methods(path: Path, batches: int, rounds: int) -> Iterator[Row]:
    """Yield a row for each backbone and method."""
    workers, first_rates = {}, {}
    for method in METHODS:  # after its first training a worker has read the table
        workers[method] = Worker(method, path, batches)
        first_rates[method] = workers[method].train(BACKBONES[0])["rate"]
    results = {
        name: [
            {method: worker.train(name) for method, worker in workers.items()}
            for _ in range(rounds)
        ]
        for name in BACKBONES
    }
    for worker in workers.values():
        worker.end()
    # Peaks only grow, so the last training reports those of the whole process.
    last = results[BACKBONES[-1]][-1]
    for name, turns in results.items():
        share = np.median([turn["map"]["rate"] / turn["memory"]["rate"] for turn in turns])
        for method in METHODS:
            is_first = (method, name) == ("map", BACKBONES[0])
            yield {
                "backbone": name,
                "way": method,
                "ready s": last[method]["ready"],
                "windows/s": round(float(np.median([turn[method]["rate"] for turn in turns]))),
                "of memory": float(share) if method == "map" else None,
                "first": round(first_rates[method]) if is_first else None,
                "peak GiB": last[method]["peak"],
                "own GiB": last[method]["own"],
            }


class Worker:
    """A process that has a table ready and trains on it."""

    def __init__(self, method: str, path: Path, batches: int):
        command = [sys.executable, "-m", PROGRAM, "--work", method, str(path)]
        self.process = subprocess.Popen(
            [*command, "--batches", str(batches)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def train(self, name: str) -> dict[str, float]:
        """Train a backbone in the process; return its speed and memory."""
        assert self.process.stdin
        assert self.process.stdout
        print(name, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended with {self.process.wait()}")
        return json.loads(line)

    def end(self) -> None:
        """Close the input of the process and wait for its end."""
        self.process.communicate()


def serve_training(method: str, path: Path, batches: int) -> None:
    """Prepare a table, then train each backbone whose name arrives on standard input."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        start = time.perf_counter()
        split = prepare_table(method, path, Path(scratch))
        training = split.make_windows("training", LOOKBACK, HORIZON)
        ready = time.perf_counter() - start
        own = read_own_gib()
        if method == "map":
            evict_from_cache(Path(scratch) / "values.f32")
        for name in sys.stdin:
            rate = measure_rate(name.strip(), training, batches)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            own = max(own, read_own_gib())
            result = {"ready": ready, "rate": rate, "peak": peak, "own": own}
            print(json.dumps(result), flush=True)


def prepare_table(method: str, path: Path, folder: Path) -> ChronologicalSplit | MemoryMappedSplit:
    """Read a table as `fit` does."""
    if method == "map":
        series = memory_map_table(path, folder, keep=LOOKBACK)
        return MemoryMappedSplit(series, int(0.8 * len(series)))
    series = read_series(path)
    rows = len(series)
    return ChronologicalSplit(series.values, int(0.8 * rows), rows, rows, scaling_rows=rows)


def evict_from_cache(path: Path) -> None:
    """Drop the pages of a file from the system's cache; no process may have touched them yet."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_rate(name: str, windows: Windows, batches: int) -> float:
    """Return the windows a second of training on some batches."""
    # Here, because the parent process does not need it and it takes two seconds.
    from revin_forecast.data.lightning_module import ForecastDataModule

    one_window = Windows(windows.values[: LOOKBACK + HORIZON], LOOKBACK, HORIZON)
    data = ForecastDataModule(windows, one_window, BATCH)
    backbone = ModuleSpec(f"revin_forecast.{name}", {})
    config = ModelConfig(backbone, ModuleSpec.from_class(RevIN), LOOKBACK, HORIZON)
    model = config.build(windows.values.shape[1]).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = (batch for chunk in data.train_dataloader() for batch in chunk)
    count, start = 0, time.perf_counter()
    for batch in islice(loader, batches):
        loss = nn.functional.mse_loss(model(batch.past), batch.future)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        count += len(batch.past)
    return count / (time.perf_counter() - start)


def read_own_gib() -> float:
    """Return the memory of this process without pages of files."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("RssAnon"))) / 2**20


if __name__ == "__main__":
    main()
