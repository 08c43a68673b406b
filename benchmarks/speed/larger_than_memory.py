"""Training from a memory map beside training in memory: peak memory and windows a second."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from benchmarks.evidence import ROOT, EvidencePage, Options, measurement
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
of {group:,} rows) is made ready in two ways, each in a process of its own with one thread: `map`
reads it a few rows at a time into a memory-mapped file of standardized float32 (`map_table`,
`fit --memory-map always`), `memory` reads it as a whole (`read_series`). `ready s` is reading,
standardizing and, for the map, writing. Then both train on {batches} batches of 32 windows,
336 -> 96, which the package's loader draws over all training rows: forward, backward, Adam. The
two take turns, the median of {rounds} rounds counts; `of memory` is the map's share of the speed in
memory, the median of the rounds' own. `first` is a first round of the map for which the file was
put out of the system's cache, so that every page comes from the disk.

`peak GiB` is the most that the whole process ever held, imports, training and all (`ru_maxrss`). It
counts the pages of the map that were touched, of which the system takes back what it needs;
`own GiB` is the most that was held beside pages of files (`RssAnon`, looked at after each round).
Repeat with

    python -m benchmarks.speed.larger_than_memory
"""
LOOKBACK, HORIZON, BATCH = 336, 96, 32
BACKBONES = ("Linear", "DLinear")
WAYS = ("map", "memory")
PROGRAM = "benchmarks.speed.larger_than_memory"


def write_table(path: Path, rows: int, channels: int, group: int) -> None:
    """Write random walks, a row group at a time."""
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


def made_ready(way: str, path: Path, folder: Path) -> ChronologicalSplit | MemoryMappedSplit:
    """Read a table as `fit` does."""
    if way == "map":
        series = memory_map_table(path, folder, keep=LOOKBACK)
        return MemoryMappedSplit(series, int(0.8 * len(series)))
    series = read_series(path)
    rows = len(series)
    return ChronologicalSplit(series.values, int(0.8 * rows), rows, rows, scaling_rows=rows)


def put_out_of_cache(path: Path) -> None:
    """Let the system forget the pages of a file that nothing has touched yet."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def rate(name: str, windows: Windows, batches: int) -> float:
    """Return windows a second of training on some batches."""
    from revin_forecast.data.lightning_module import (
        ForecastDataModule,  # two seconds that the parent needs not
    )

    one = Windows(windows.values[: LOOKBACK + HORIZON], LOOKBACK, HORIZON)
    data = ForecastDataModule(windows, one, BATCH)
    backbone = ModuleSpec(f"revin_forecast.{name}", {})
    recipe = ModelConfig(backbone, ModuleSpec.from_class(RevIN), LOOKBACK, HORIZON)
    model = recipe.build(windows.values.shape[1]).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = (batch for stretch in data.train_dataloader() for batch in stretch)
    done, start = 0, time.perf_counter()
    for batch in islice(loader, batches):
        loss = nn.functional.mse_loss(model(batch.past), batch.future)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        done += len(batch.past)
    return done / (time.perf_counter() - start)


def own_gib() -> float:
    """Return what this process holds beside pages of files."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("RssAnon"))) / 2**20


def work(way: str, path: Path, batches: int) -> None:
    """Make a table ready, then train a backbone whenever one is named on standard input."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        start = time.perf_counter()
        split = made_ready(way, path, Path(scratch))
        training = split.make_windows("training", LOOKBACK, HORIZON)
        ready = time.perf_counter() - start
        own = own_gib()
        if way == "map":
            put_out_of_cache(Path(scratch) / "values.f32")
        for name in sys.stdin:
            speed = rate(name.strip(), training, batches)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            own = max(own, own_gib())
            told = {"ready": ready, "rate": speed, "peak": peak, "own": own}
            print(json.dumps(told), flush=True)


class Worker:
    """One way in a process of its own."""

    def __init__(self, way: str, path: Path, batches: int):
        command = [sys.executable, "-m", PROGRAM, "--work", way, str(path)]
        self.process = subprocess.Popen(
            [*command, "--batches", str(batches)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def train(self, name: str) -> dict[str, float]:
        """Train a backbone there; return what it took."""
        assert self.process.stdin
        assert self.process.stdout
        print(name, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended with {self.process.wait()}")
        return json.loads(line)

    def end(self) -> None:
        """Let the process end."""
        self.process.communicate()


def measure(path: Path, batches: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each backbone and way."""
    workers, first = {}, {}
    for way in WAYS:  # a worker has read the table when it has trained once
        workers[way] = Worker(way, path, batches)
        first[way] = workers[way].train(BACKBONES[0])["rate"]
    found = {
        name: [{way: worker.train(name) for way, worker in workers.items()} for _ in range(rounds)]
        for name in BACKBONES
    }
    for worker in workers.values():
        worker.end()
    last = found[BACKBONES[-1]][-1]
    rows = []
    for name, turns in found.items():
        share = np.median([turn["map"]["rate"] / turn["memory"]["rate"] for turn in turns])
        for way in WAYS:
            cells = {
                "backbone": name,
                "way": way,
                "ready s": last[way]["ready"],
                "windows/s": round(float(np.median([turn[way]["rate"] for turn in turns]))),
                "of memory": float(share) if way == "map" else None,
                "first": round(first[way]) if (way, name) == ("map", BACKBONES[0]) else None,
                "peak GiB": last[way]["peak"],
                "own GiB": last[way]["own"],
            }
            rows.append(cells)
    return rows


@measurement(
    "larger_than_memory",
    quick="a small table, one round",
    options={
        "--rows": {"type": int, "default": 500_000},
        "--channels": {"type": int, "default": 100},
        "--batches": {"type": int, "default": 60},
        "--rounds": {"type": int, "default": 5},
        "--work": {"nargs": 2, "help": argparse.SUPPRESS},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    if options.work:
        way, path = options.work
        work(way, Path(path), options.batches)
        return
    if options.quick:
        options.rows, options.channels, options.batches, options.rounds = 2_000, 3, 2, 1
    torch.set_num_threads(1)
    group = min(20_000, max(1, options.rows // 4))
    sizes = {name: getattr(options, name) for name in ("rows", "channels", "batches", "rounds")}
    page.text = TEXT.format(**sizes, values=options.rows * options.channels, group=group)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        write_table(path, options.rows, options.channels, group)
        for row in measure(path, options.batches, options.rounds):
            page.add(row)


if __name__ == "__main__":
    main()
