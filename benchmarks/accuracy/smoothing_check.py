"""Exponential smoothing with statsmodels: states, errors, weights and averages compared."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.accuracy import statsforecast_runs
from benchmarks.evidence import ROOT, EvidencePage, Options, Row, measurement
from revin_forecast.backbones.ets import forecast_by_smoothing
from revin_forecast.backbones.smoothing_grid import (
    SmoothingGrid,
    estimate_start,
    find_begin,
    iterate_states,
    select_counted_rows,
)

TEXT = """
# Exponential smoothing, checked against statsmodels

Each combination of the grid smooths each series with `ETS` and with the `ETSModel` of statsmodels,
from the same first states. The series are the positive columns of the committed tables: quarterly
macroeconomic series with season 4 and the last 300 daily stock prices with season 5, and their
logarithms. The columns have the largest difference in standard deviations of the series:

* `level`, `slope`, `season`: of the states after the last row.
* `errors`: of the root mean squares of the one-step errors.
* `average`: of the averaged forecast of 12 steps. NumPy forms the other one from the errors and the
  states of statsmodels with the formulas of `docs/exponential_smoothing.md`.

The tests hold all of them below 1e-6. Repeat with

    python -m benchmarks.accuracy.smoothing_check --home FOLDER

where FOLDER holds the environment of statsmodels. It is made from the pinned versions in
`benchmarks/accuracy/statsforecast.txt` if it does not exist. With `--quick`, loops of the
textbook's recursions replace statsmodels.
"""
PROGRAM = Path(__file__).with_name("smooth_statsmodels.py")
HORIZON = 12


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Series smoothed by each combination: (combinations, series, ...)."""

    errors: np.ndarray
    """One-step errors (..., rows)."""
    states: np.ndarray
    """Last level and slope (..., 2)."""
    seasonal: np.ndarray
    """States of the next season (..., season)."""


Smoother = Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray]], Smoothed]


@measurement(
    "smoothing_check",
    quick="two short series, and loops instead of statsmodels",
    options={"--home": {"type": Path, "help": "folder of the environment of statsmodels"}},
)
def main(options: Options, page: EvidencePage) -> None:
    """Compare every combination, and the averages of all."""
    if options.quick:
        smoother: Smoother = smooth_with_loops
    elif options.home is None:
        raise SystemExit("statsmodels needs --home FOLDER for its environment.")
    else:
        python = statsforecast_runs.ensure_environment(options.home)
        smoother = partial(smooth_with_statsmodels, python)
    page.text = TEXT
    tables = read_tables()
    if options.quick:
        tables = {name: (values[:40, :2], season) for name, (values, season) in tables.items()}
    for name, (values, season) in tables.items():
        for row in compare_table(name, values, season, smoother):
            page.add(row)


def read_tables() -> dict[str, tuple[np.ndarray, int]]:
    """Return the positive series (rows, series) of two committed tables, with their seasons."""
    macro, stocks = (
        np.genfromtxt(ROOT / "datasets" / name, delimiter=",", skip_header=1)[:, 1:]
        for name in ("us_macro_quarterly.csv", "stocks_daily.csv")
    )
    macro = macro[:, (macro > 0).all(0)]
    return {"macro": (macro, 4), "stocks": (stocks[-300:, :10], 5)}


def compare_table(name: str, values: np.ndarray, season: int, smoother: Smoother) -> Iterator[Row]:
    """Yield the largest differences of each method, and of the averages."""
    grid = SmoothingGrid.for_season(season)
    reference: list[Smoothed] = []
    for label, series in ((name, values), (f"{name}, logarithms", np.log(values))):
        reference.append(smoother(series, np.array(grid.rows, float), find_start(series, season)))
        differences = compare_states(series, grid, reference[-1])
        methods = np.array([grid.name_method(index) for index in range(len(grid.rows))])
        for method in dict.fromkeys(methods.tolist()):
            chosen = methods == method
            cells: Row = {key: float(table[chosen].max()) for key, table in differences.items()}
            # ETS(error, trend, season): a method without a trend has no slope.
            cells |= {"slope": None} if ",N," in method else {}
            cells |= {"season": None} if method.endswith("N)") else {}
            sizes: Row = {"combinations": int(chosen.sum()), "series": values.shape[1]}
            yield {"data": label, "method": method} | sizes | cells | {"average": None}
    for count, label in ((1, name), (2, f"{name}, with logarithms")):
        zero = None if count == 1 else torch.zeros(values.shape[1]).double()
        tensor = torch.from_numpy(values)
        (ours,) = forecast_by_smoothing(tensor, None, season, HORIZON, [len(values)], zero)
        theirs = average_forecasts(values, grid, reference[:count])
        difference = np.abs(ours.values.numpy() - theirs) / values.std(0)
        sizes = {"combinations": count * len(grid.rows), "series": values.shape[1]}
        empty = dict.fromkeys(("level", "slope", "season", "errors"))
        yield {"data": label, "method": "all"} | sizes | empty | {"average": difference.max()}


def find_start(values: np.ndarray, season: int) -> dict[str, np.ndarray]:
    """Return the first states of each series as `ETS` estimates them."""
    tensor = torch.from_numpy(values)
    start = estimate_start(tensor, None, find_begin(tensor, None), season)
    return {name: getattr(start, name).numpy() for name in ("level", "slope", "seasonal")}


def compare_states(
    values: np.ndarray, grid: SmoothingGrid, reference: Smoothed
) -> dict[str, np.ndarray]:
    """Return the differences (combinations, series) of states and errors, in deviations."""
    tensor = torch.from_numpy(values)
    (ours,) = iterate_states(tensor, None, grid, [len(values)], grid.season)
    seasonal = torch.stack(ours.seasonal, dim=2).numpy()
    squares = (reference.errors**2 * count_errors(values, grid.season).T).sum(2)
    root, count = np.sqrt(squares / ours.count.numpy()), ours.count.numpy()
    differences = {
        "level": ours.level.numpy() - reference.states[..., 0],
        "slope": ours.slope.numpy() - reference.states[..., 1],
        "season": np.abs(seasonal - reference.seasonal).max(2),
        "errors": np.sqrt(ours.squares.numpy() / count) - root,
    }
    return {name: np.abs(table) / values.std(0) for name, table in differences.items()}


def count_errors(values: np.ndarray, season: int) -> np.ndarray:
    """Return 1 for each row (rows, series) whose error counts, else 0."""
    tensor = torch.from_numpy(values)
    return select_counted_rows(tensor, None, find_begin(tensor, None), season).numpy()


def average_forecasts(
    values: np.ndarray, grid: SmoothingGrid, smoothed: list[Smoothed]
) -> np.ndarray:
    """Return the averaged forecasts (horizon, series) by the documented formulas.

    Args:
        values: (rows, series).
        grid: the combinations.
        smoothed: the result on values, and possibly that on logarithms.
    """
    counted = count_errors(values, grid.season)
    count = counted.sum(0)
    scores, forecasts = [], []
    for on_logs, result in enumerate(smoothed):
        for index, (_, beta, phi, gamma, is_seasonal) in enumerate(grid.rows):
            square = (result.errors[index] ** 2 * counted.T).sum(1) / count
            parameters = 2 + 2 * (beta > 0) + (gamma > 0) + is_seasonal * grid.season / 2
            score = count * np.log(square) + 4 * parameters
            if on_logs:
                score += 2 * (counted * np.log(values)).sum(0) + 8 * (beta > 0 and phi == 1)
            scores.append(score)
            powers = np.cumsum(phi ** np.arange(1, HORIZON + 1))[:, None]
            level, slope = result.states[index].T
            season = result.seasonal[index].T[np.arange(HORIZON) % grid.season]
            forecasts.append(level + powers * slope + is_seasonal * season)
    weights = np.exp(-(np.array(scores) - np.min(scores, axis=0)) / 4)
    weights = np.where(weights / weights.sum(0) < 1e-4, 0, weights)
    weights /= weights.sum(0)
    weighted = weights[:, None] * np.array(forecasts)
    plain, on_logs = np.split(weighted, [len(grid.rows)])
    share = weights[len(grid.rows) :].sum(0)
    exponential = np.exp(on_logs.sum(0) / np.where(share > 0, share, 1))
    return plain.sum(0) + share * exponential


def smooth_with_statsmodels(
    python: Path, values: np.ndarray, parameters: np.ndarray, start: dict[str, np.ndarray]
) -> Smoothed:
    """Smooth with statsmodels, in its environment."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "task.npz", Path(folder) / "result.npz"
        arrays: dict[str, Any] = {"values": values, "parameters": parameters} | start
        np.savez_compressed(source, **arrays)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([python, PROGRAM, source, target], check=True, env=environment)
        results = np.load(target)
        return Smoothed(results["errors"], results["states"], results["seasonal"])


def smooth_with_loops(
    values: np.ndarray, parameters: np.ndarray, start: dict[str, np.ndarray]
) -> Smoothed:
    """Smooth by the recursions as the textbook writes them, one row after the other."""
    rows, series = values.shape
    season = len(start["seasonal"])
    alpha, beta, phi, gamma, is_seasonal = (column[:, None] for column in parameters.T)
    level = np.tile(start["level"], (len(parameters), 1))
    slope = (beta > 0) * start["slope"]
    past = [is_seasonal * state for state in start["seasonal"]]
    errors = np.empty((len(parameters), series, rows))
    for row in range(rows):
        error = values[row] - level - phi * slope - past[row]
        level, slope = level + phi * slope + alpha * error, phi * slope + beta * error
        past.append(past[row] + gamma * error)
        errors[..., row] = error
    return Smoothed(errors, np.stack([level, slope], axis=2), np.stack(past[-season:], axis=2))


if __name__ == "__main__":
    main()
