"""Rows of the forecast table: from a small CSV to a forecast, starting Python included."""

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers.entries import PACKAGE, Contender
from benchmarks.peers.run_process import PROGRAMS, Ran, run
from benchmarks.peers.training_table import Rounds

HORIZON, SEASON = 24, 24
TABLE, MADE = "small.csv", "forecast.csv"
COMMAND = f"forecast {TABLE} --horizon {HORIZON} --out {MADE}"
OPTIONS = ("", "--quiet", f"--backbone Ridge --lookback {4 * HORIZON}")
"""Of the package's command: the automatic choice first, which the ratios are relative to."""
Row = dict[str, Any]


def programs(peers: Sequence[Contender], options: Sequence[str]) -> dict[str, list[str | Path]]:
    """Return the commands that make a forecast, by name."""
    python = [sys.executable, "-m", "revin_forecast", *COMMAND.split()]
    found: dict[str, list[str | Path]] = {
        f"{PACKAGE} {option}".rstrip(): [*python, *option.split()] for option in options
    }
    for peer in peers:
        program = PROGRAMS / f"forecast_{peer.name}.py"
        found[peer.name] = [peer.python, program, TABLE, str(HORIZON), MADE]
    return found


def forecast_rows(
    table: pd.DataFrame,
    commands: Mapping[str, list[str | Path]],
    rounds: Rounds,
    scratch: Path,
) -> list[Row]:
    """Let each program forecast the last steps of a table from the rows before, in turns.

    Args:
        table: indexed by time; its last `HORIZON` rows are held back.
        commands: by name.
        rounds: of all commands.
        scratch: an empty folder.
    """
    table.iloc[:-HORIZON].to_csv(scratch / TABLE, index_label="date")
    turns: dict[str, list[Ran]] = {name: [] for name in commands}
    errors: dict[str, float] = {}
    for _ in range(rounds.count):
        for name, command in commands.items():
            (scratch / MADE).unlink(missing_ok=True)
            turns[name].append(run(command, rounds.before, scratch))
            errors[name] = mase(pd.read_csv(scratch / MADE, index_col=0), table)
            print(name, turns[name][-1].core_seconds, errors[name], flush=True)
    first = next(iter(turns.values()))
    return [_row(name, own, first, errors[name]) for name, own in turns.items()]


def _row(name: str, own: list[Ran], first: list[Ran], error: float) -> Row:
    pairs = list(zip(own, first, strict=True))
    return {
        "program": name,
        "seconds": statistics.median(one.seconds for one in own),
        "core s": statistics.median(one.core_seconds for one in own),
        "core s x": statistics.median(one.core_seconds / ours.core_seconds for one, ours in pairs),
        "peak MiB": round(statistics.median(one.peak_mib for one in own)),
        "memory x": statistics.median(one.peak_mib / ours.peak_mib for one, ours in pairs),
        "printed bytes": own[0].printed,
        "MASE": error,
    }


def mase(forecast: pd.DataFrame, table: pd.DataFrame) -> float:
    """Return the mean over series of |error| / mean |change from a season to the next|."""
    past, future = (part.to_numpy() for part in (table.iloc[:-HORIZON], table.iloc[-HORIZON:]))
    if list(forecast.index.astype(str)) != list(table.index[-HORIZON:].astype(str)):
        raise SystemExit(f"the forecast is of other steps: {list(forecast.index)[:3]} ...")
    errors = np.abs(forecast[list(table)].to_numpy() - future).mean(0)
    return float((errors / np.abs(past[SEASON:] - past[:-SEASON]).mean(0)).mean())
