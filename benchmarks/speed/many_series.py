"""Ten thousand series in one long Parquet file: how long the command takes and how much memory."""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.evidence import EvidencePage, Options, measurement

HORIZON = 24
SEASON = 7
AT_ONCE = 1_000
POLL = 0.05
TEXT = """
# Many series: time and memory

Daily series made up of a level, a trend, a week, a year and noise, each with its own of all; one
Parquet file in long layout (unique_id, ds, y). The command

    revin-forecast forecast many.parquet --horizon 24 --out forecast.parquet [options]

runs as a process of its own with one model for all series: reading, fitting, forecasting and
writing count, and so does starting Python. `core s` are the seconds of all cores together, which
other work on the machine changes less than `seconds`. `peak` is the largest resident memory of the
process and its workers together, looked at every 50 ms. `MASE` is that of the 24 days held back,
scaled by the seasonal naive error of the series (7 days); `naive` is that of the seasonal naive
forecast. Repeat with

    python -m benchmarks.speed.many_series
"""


def write_series(path: Path, series: int, steps: int) -> np.ndarray:
    """Write all but the last steps of made-up series; return them whole, (series, steps)."""
    days = pd.date_range("2021-01-01", periods=steps, freq="D").as_unit("ms")
    whole = np.empty((series, steps), np.float32)
    schema = pa.schema(
        [("unique_id", pa.string()), ("ds", pa.timestamp("ms")), ("y", pa.float32())]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, series, AT_ONCE):
            names = [
                f"series-{number:05d}" for number in range(first, min(first + AT_ONCE, series))
            ]
            values = whole[first : first + AT_ONCE] = _values(len(names), steps, seed=first)
            kept = values[:, : steps - HORIZON]
            columns = [
                pa.array(np.repeat(np.array(names, dtype=object), kept.shape[1])),
                pa.array(np.tile(days[: kept.shape[1]].to_numpy(), len(names))),
                pa.array(kept.ravel()),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return whole


def _values(series: int, steps: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    step = np.arange(steps)

    def wave(period: int, size: float) -> np.ndarray:
        phase = random.uniform(0, 2 * np.pi, (series, 1))
        return size * random.exponential(1, (series, 1)) * np.sin(2 * np.pi * step / period + phase)

    level = random.lognormal(4, 1, (series, 1))
    trend = random.normal(0, 0.3, (series, 1)) * step / steps
    walk = random.normal(0, 0.02, (series, steps)).cumsum(axis=1)
    noise = random.normal(0, 0.1, (series, steps))
    return level * (1 + trend + wave(SEASON, 0.2) + wave(365, 0.2) + walk + noise)


def timed(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return its seconds, those of all cores, and the peak memory in GiB."""
    start, before = time.perf_counter(), _core_seconds()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(POLL):
            peaks.append(_resident(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return time.perf_counter() - start, _core_seconds() - before, max(peaks) / 2**30


def _core_seconds() -> float:
    """Return the core seconds of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident(root: int) -> int:
    """Return the resident bytes of a process and all that came from it."""
    parents, resident = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        number = int(folder.name)
        parents[number], resident[number] = int(fields[1]), int(fields[21])
    family, size = {root}, 0
    while len(family) > size:
        size = len(family)
        family |= {number for number, parent in parents.items() if parent in family}
    return sum(resident.get(number, 0) for number in family) * os.sysconf("SC_PAGE_SIZE")


def scores(forecast: pd.DataFrame, whole: np.ndarray) -> tuple[float, float]:
    """Return the MASE of a forecast and of the seasonal naive one, over all series."""
    past, future = whole[:, :-HORIZON].astype(float), whole[:, -HORIZON:].astype(float)
    unit = np.abs(past[:, SEASON:] - past[:, :-SEASON]).mean(axis=1, keepdims=True)
    wide = forecast.pivot(index="unique_id", columns="ds", values="y").sort_index()
    assert wide.shape == future.shape, f"the forecast has shape {wide.shape}, not {future.shape}"
    naive = np.tile(past[:, -SEASON:], HORIZON // SEASON + 1)[:, :HORIZON]
    mine, theirs = (np.abs(guess - future) / unit for guess in (wide.to_numpy(dtype=float), naive))
    return float(mine.mean()), float(theirs.mean())


def measure(folder: Path, series: int, steps: int, options: tuple[str, ...]) -> dict[str, object]:
    table, out = folder / "many.parquet", folder / "forecast.parquet"
    whole = write_series(table, series, steps + HORIZON)
    command = [sys.executable, "-m", "revin_forecast", "forecast", str(table)]
    words = ["--horizon", str(HORIZON), "--out", str(out), *options]
    seconds, cores, peak = timed(command + words)
    mase, naive = scores(pd.read_parquet(out), whole)
    cells: dict[str, object] = {
        "series": series,
        "steps": steps,
        "options": " ".join(options) or "(none)",
        "file MiB": table.stat().st_size / 2**20,
        "seconds": seconds,
        "core s": cores,
        "peak GiB": peak,
        "MASE": mase,
        "naive": naive,
    }
    return cells


@measurement("many_series", quick="20 series of 200 steps only")
def main(options: Options, page: EvidencePage) -> None:
    page.text = TEXT
    sizes = [(20, 200)] if options.quick else [(1_000, 1_000), (10_000, 1_000)]
    every = [(), ("--level", "80", "95"), ("--backbone", "Ridge")][: 1 if options.quick else None]
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            for words in every:
                page.add(measure(Path(folder), *size, words))


if __name__ == "__main__":
    main()
