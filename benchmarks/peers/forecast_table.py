"""The forecast table: from a small CSV to a CSV of forecasts, with the start of Python."""

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.evidence import Row
from benchmarks.peers.entries import PACKAGE, Entry
from benchmarks.peers.run_process import PROGRAMS, ProcessResult, run_process
from benchmarks.peers.training_table import Rounds

HORIZON, SEASON = 24, 24
TABLE, OUTPUT = "small.csv", "forecast.csv"
COMMAND = f"forecast {TABLE} --horizon {HORIZON} --out {OUTPUT}"
OPTIONS = ("", "--quiet", f"--backbone Ridge --lookback {4 * HORIZON}")
"""Options of the package's command. Ratios are relative to the first: the automatic selection."""
Command = list[str | Path]


def list_commands(peers: Sequence[Entry], options: Sequence[str]) -> dict[str, Command]:
    """Return the commands that make a forecast, by name."""
    ours = [sys.executable, "-m", "revin_forecast", *COMMAND.split()]
    commands: dict[str, Command] = {
        f"{PACKAGE} {option}".rstrip(): [*ours, *option.split()] for option in options
    }
    for peer in peers:
        program = PROGRAMS / f"forecast_{peer.name}.py"
        commands[peer.name] = [peer.python, program, TABLE, str(HORIZON), OUTPUT]
    return commands


def measure_commands(
    table: pd.DataFrame, commands: Mapping[str, Command], rounds: Rounds, scratch: Path
) -> list[Row]:
    """Let each program forecast the last steps of a table from the rows before, in alternation.

    Args:
        table: a table indexed by time; its last `HORIZON` rows are held out.
        commands: commands by name.
        rounds: rounds of all commands.
        scratch: an empty folder.
    """
    table.iloc[:-HORIZON].to_csv(scratch / TABLE, index_label="date")
    results: dict[str, list[ProcessResult]] = {name: [] for name in commands}
    errors: dict[str, float] = {}
    for _ in range(rounds.count):
        for name, command in commands.items():
            (scratch / OUTPUT).unlink(missing_ok=True)  # so that none is scored twice
            results[name].append(run_process(command, rounds.before, scratch))
            forecast = pd.read_csv(scratch / OUTPUT, index_col=0)
            errors[name] = mean_scaled_error(forecast, table)
            print(name, results[name][-1].core_seconds, errors[name], flush=True)
    first = next(iter(results.values()))
    return [_build_row(name, own, first, errors[name]) for name, own in results.items()]


def _build_row(
    name: str, own: list[ProcessResult], first: list[ProcessResult], error: float
) -> Row:
    pairs = list(zip(own, first, strict=True))
    median = statistics.median
    return {
        "program": name,
        "seconds": median(result.seconds for result in own),
        "core s": median(result.core_seconds for result in own),
        "core s x": median(result.core_seconds / ours.core_seconds for result, ours in pairs),
        "peak MiB": round(median(result.peak_mib for result in own)),
        "memory x": median(result.peak_mib / ours.peak_mib for result, ours in pairs),
        "printed bytes": own[0].printed,
        "MASE": error,
    }


def mean_scaled_error(forecast: pd.DataFrame, table: pd.DataFrame) -> float:
    """Return MASE: the mean over series of |error| / mean |change over a season|."""
    past, future = (part.to_numpy() for part in (table.iloc[:-HORIZON], table.iloc[-HORIZON:]))
    if list(forecast.index.astype(str)) != list(table.index[-HORIZON:].astype(str)):
        raise SystemExit(f"the forecast is of other steps: {list(forecast.index)[:3]} ...")
    errors = np.abs(forecast[list(table)].to_numpy() - future).mean(0)
    return float((errors / np.abs(past[SEASON:] - past[:-SEASON]).mean(0)).mean())
