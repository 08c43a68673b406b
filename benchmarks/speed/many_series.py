"""Time and memory of the `forecast` command on ten thousand series in one Parquet file."""

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

from benchmarks.evidence import EvidencePage, Options, Row, measurement

HORIZON = 24
SEASON = 7
SERIES_PER_GROUP = 1_000
POLL_SECONDS = 0.05
TEXT = """
# Many series: time and memory

Synthetic daily series, each the sum of a level, a trend, a week, a year and noise of its own, in
one Parquet file in long layout (unique_id, ds, y). The command

    revin-forecast forecast many.parquet --horizon 24 --out forecast.parquet [options]

runs in a process of its own with one model for all series. Its time includes starting Python,
reading, fitting, forecasting and writing. `core s` are the seconds of all cores together, which
other work on the machine changes less than `seconds`. `peak` is the largest resident memory of the
process and its workers together, read every 50 ms. `MASE` is that of the 24 days held out, scaled
by the seasonal naive error of the series (7 days); `naive` is that of the seasonal naive forecast.
Repeat with

    python -m benchmarks.speed.many_series
"""


@measurement("many_series", quick="20 series of 200 steps only")
def main(options: Options, page: EvidencePage) -> None:
    """Run the command for each number of series and set of options."""
    page.text = TEXT
    sizes = [(20, 200)] if options.quick else [(1_000, 1_000), (10_000, 1_000)]
    arguments = [(), ("--level", "80", "95"), ("--backbone", "Ridge")]
    with tempfile.TemporaryDirectory() as folder:
        for series, steps in sizes:
            for words in arguments[:1] if options.quick else arguments:
                page.add(measure_command(Path(folder), series, steps, words))


def measure_command(folder: Path, series: int, steps: int, words: tuple[str, ...]) -> Row:
    """Forecast a table of so many series and steps; return time, memory and error."""
    table, out = folder / "many.parquet", folder / "forecast.parquet"
    values = write_series(table, series, steps + HORIZON)
    command = [sys.executable, "-m", "revin_forecast", "forecast", str(table)]
    command += ["--horizon", str(HORIZON), "--out", str(out), *words]
    seconds, core_seconds, peak = time_command(command)
    mase, naive = score_forecast(pd.read_parquet(out), values)
    return {
        "series": series,
        "steps": steps,
        "options": " ".join(words) or "(none)",
        "file MiB": table.stat().st_size / 2**20,
        "seconds": seconds,
        "core s": core_seconds,
        "peak GiB": peak,
        "MASE": mase,
        "naive": naive,
    }


def write_series(path: Path, series: int, steps: int) -> np.ndarray:
    """Write synthetic series without their last steps; return all values (series, steps)."""
    days = pd.date_range("2021-01-01", periods=steps, freq="D").as_unit("ms")
    whole = np.empty((series, steps), np.float32)
    schema = pa.schema(
        [("unique_id", pa.string()), ("ds", pa.timestamp("ms")), ("y", pa.float32())]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, series, SERIES_PER_GROUP):
            last = min(first + SERIES_PER_GROUP, series)
            names = [f"series-{number:05d}" for number in range(first, last)]
            values = whole[first:last] = _synthesize(len(names), steps, seed=first)
            past = values[:, : steps - HORIZON]
            columns = [
                pa.array(np.repeat(np.array(names, dtype=object), past.shape[1])),
                pa.array(np.tile(days[: past.shape[1]].to_numpy(), len(names))),
                pa.array(past.ravel()),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return whole


def _synthesize(series: int, steps: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    step = np.arange(steps)

    def make_wave(period: int, size: float) -> np.ndarray:
        phase = random.uniform(0, 2 * np.pi, (series, 1))
        return size * random.exponential(1, (series, 1)) * np.sin(2 * np.pi * step / period + phase)

    level = random.lognormal(4, 1, (series, 1))
    trend = random.normal(0, 0.3, (series, 1)) * step / steps
    walk = random.normal(0, 0.02, (series, steps)).cumsum(axis=1)
    noise = random.normal(0, 0.1, (series, steps))
    return level * (1 + trend + make_wave(SEASON, 0.2) + make_wave(365, 0.2) + walk + noise)


def time_command(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return its seconds, those of all cores, and the peak memory in GiB."""
    start, core_start = time.perf_counter(), _read_child_core_seconds()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks, ended = [0], threading.Event()

    def poll_memory() -> None:
        while not ended.wait(POLL_SECONDS):
            peaks.append(_read_resident_bytes(process.pid))

    watcher = threading.Thread(target=poll_memory)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    core_seconds = _read_child_core_seconds() - core_start
    return time.perf_counter() - start, core_seconds, max(peaks) / 2**30


def _read_child_core_seconds() -> float:
    """Return the core seconds of child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _read_resident_bytes(root: int) -> int:
    """Return the resident bytes of a process and all its descendants."""
    parents, resident = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # the process has ended
            continue
        process = int(folder.name)
        parents[process], resident[process] = int(fields[1]), int(fields[21])
    family, size = {root}, 0
    while len(family) > size:  # until no further descendant is found
        size = len(family)
        family |= {process for process, parent in parents.items() if parent in family}
    pages = sum(resident.get(process, 0) for process in family)
    return pages * os.sysconf("SC_PAGE_SIZE")


def score_forecast(forecast: pd.DataFrame, values: np.ndarray) -> tuple[float, float]:
    """Return the MASE of a forecast and of the seasonal naive one, over all series."""
    past, future = values[:, :-HORIZON].astype(float), values[:, -HORIZON:].astype(float)
    scale = np.abs(past[:, SEASON:] - past[:, :-SEASON]).mean(axis=1, keepdims=True)
    wide = forecast.pivot(index="unique_id", columns="ds", values="y").sort_index()
    assert wide.shape == future.shape, f"the forecast has shape {wide.shape}, not {future.shape}"
    ours = wide.to_numpy(dtype=float)
    naive = np.tile(past[:, -SEASON:], HORIZON // SEASON + 1)[:, :HORIZON]
    mase, naive_mase = (np.abs(guess - future) / scale for guess in (ours, naive))
    return float(mase.mean()), float(naive_mase.mean())


if __name__ == "__main__":
    main()
