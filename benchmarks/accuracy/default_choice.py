import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.accuracy import statsforecast_runs as peers
from benchmarks.accuracy.held_out_tables import TASKS, Problem, Task, load
from benchmarks.accuracy.planned_row import Cell, Row
from revin_forecast import Forecaster
from revin_forecast.data.catalog import catalog
from revin_forecast.metrics import mase, seasonal_scale

NAMES = ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")
TEXT = f"""
# The default forecaster and statistical models

MASE and processor seconds of `Forecaster(horizon)` as it stands, and of four models of
statsforecast {peers.version()}. Each table's last fifth is held out, and forecasts of one season (a
day, a week, a year) are made from origins evenly spaced over it, for every channel; of `los_speed`
for each 16th sensor, because AutoETS takes ten seconds a fit where a season has 288 steps. The M4
subsets keep their official split, horizon and season. MASE's scale is the seasonal naive error of
the first four fifths (M4: of all rows before the forecast); only observed targets count, and a
channel without a scale, since it never changes, is left out.

The default is fitted once, on the first four fifths, finds its seasons itself, takes gaps as they
are, and forecasts from each origin by the rows in its look-back. The statistical models are told
the season and are fitted anew at each origin, on its last 1,000 rows (eight seasons if that is
more), gaps interpolated. 3,000 rows help none of them for sure: on ecl_mean AutoETS came to 1.01
instead of 1.11 but AutoTheta to 2.29 instead of 1.34, on etth1 DynamicOptimizedTheta to 1.06
instead of 1.05. Told of 52 weeks, it came to 2.44 on the weekly subset, SeasonalNaive to 9.58.
Seconds are of a processor core, of one thread: the default's for choosing, fitting and
forecasting, the others' for all their fits, of which there are origins x series; the last row has
those of one origin. Nothing is chosen on what is held out. What the statistical models gave is
kept, seconds too, as long as their task and versions stay the same: `peers` says when it was
measured. "relative" is the geometric mean of MASE over SeasonalNaive's. Weather's -9999 are taken
for unobserved. Repeat with

    python -m benchmarks.accuracy.run --grid product --threads 1 --data-dir DATA

which makes an environment of their own for the statistical models, in the folder --peers.
"""
QUICK = {
    "national_illness": replace(TASKS["national_illness"], origins=2, every=4),
    "covid_daily": replace(TASKS["covid_daily"], origins=2, every=20),
}


def cells(
    names: list[str], data_dir: str | None, quick: bool, seeds: int, folder: Path | None = None
) -> Iterator[Cell]:
    """Plan a row a table; nothing is drawn by chance, so one seed is all."""
    if seeds != 1:
        raise SystemExit("--grid product draws nothing by chance; leave --seeds out.")
    tasks = QUICK if quick else TASKS
    home = catalog.data_folder(data_dir)
    where = folder or Path.home() / ".cache" / "revin_forecast" / "peers"
    for name in names or tasks:
        task = tasks[name]
        key: Row = {"data": name, "season": task.season, "horizon": task.horizon}
        yield Cell(key, partial(row, task, home, None if quick else where))


def row(task: Task, home: Path, folder: Path | None) -> Row:
    """Score the default and the statistical models, in a quick run (no folder) without them."""
    problem = load(task, home)
    scores = Row(dict.fromkeys(("default", *NAMES)))
    seconds: Row = {f"{name} s": None for name in scores}
    start, date = time.process_time(), "left out"
    scores["default"] = score(ours(problem, task.horizon), problem, task)
    seconds["default s"] = time.process_time() - start
    if folder is not None:
        given = peers.histories(problem.series.values, problem.origins, task.season)
        made = peers.forecasts(given, task.season, task.horizon, folder)
        date = made.date
        shape = (len(problem.origins), -1, task.horizon)
        for place, name in enumerate(NAMES):
            ahead = made.values[:, place].reshape(shape).swapaxes(1, 2)
            scores[name] = score(ahead, problem, task)
            seconds[f"{name} s"] = float(made.seconds[:, place].sum())
    sizes: Row = {"origins": len(problem.origins), "series": len(problem.series.names)}
    return sizes | scores | seconds | {"peers": date}


def ours(problem: Problem, horizon: int) -> np.ndarray:
    """Return (origins, horizon, channels) of the default, fitted once."""
    series = problem.series
    forecaster = Forecaster(horizon).fit(series.slice_rows(0, problem.train))
    tables = [forecaster.predict(series.slice_rows(0, origin)) for origin in problem.origins]
    return np.stack([table[list(series.names)].to_numpy() for table in tables])


def score(ahead: np.ndarray, problem: Problem, task: Task) -> float:
    """Return the mean absolute scaled error of (origins, horizon, channels)."""
    values = torch.from_numpy(problem.series.values)
    scale = seasonal_scale(values[: problem.train], task.season)
    truth = torch.stack([values[start : start + task.horizon] for start in problem.origins])
    kept = scale > 0
    forecast = torch.from_numpy(ahead)[..., kept]
    return float(mase(forecast, truth[..., kept], scale[kept]))


def closing(rows: list[Row]) -> list[Row]:
    """Add rows over all tables: MASE's mean, also relative to SeasonalNaive's, and seconds."""
    tables = [row for row in rows if row["data"] in TASKS]
    total, single = Row(dict.fromkeys(tables[0])), Row(dict.fromkeys(tables[0]))
    total["data"], single["data"] = "mean; sum of s", "relative; s of one origin"
    naive = _column(tables, "SeasonalNaive")
    for name in ("default", *NAMES):
        scores, seconds = _column(tables, name), _column(tables, f"{name} s")
        # A table's default is fitted once, whatever the origins, and forecasts in no time.
        once = 1 if name == "default" else _column(tables, "origins")
        single[name] = _known(np.exp(np.log(scores / naive).mean()))
        single[f"{name} s"] = _known((seconds / once).sum())
        total[name], total[f"{name} s"] = _known(scores.mean()), _known(seconds.sum())
    return [*tables, total, single]


def _column(rows: list[Row], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=float)  # None becomes NaN


def _known(number: np.floating) -> float | None:
    return float(number) if np.isfinite(number) else None
