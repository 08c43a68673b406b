"""How long a suite will take here: a step and a cell of each kind, timed before the rest."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge
from revin_forecast.reversible import Reversible
from revin_forecast.shift.datasets import Prepared, prepare
from revin_forecast.shift.plan import Run, cells, excluded
from revin_forecast.shift.suite import Suite
from revin_forecast.shift.windows import clean_windows, forecasts

STEP_OVERHEAD, CELL_OVERHEAD = 2e-4, 4e-3
"""Seconds around each training step and each cell; rough, from profiles."""
SECONDS_PER_VALUE = 2.5e-8
"""Of moving, pulling back and scoring one forecast value in one cell; rough, from profiles."""
RIDGE_ROWS = 4000


@dataclass(frozen=True)
class RunCost:
    """Seconds that a run takes at most, if training does not stop early."""

    training: float = 0.0
    cell: float = 0.0
    cells: int = 0

    @property
    def total(self) -> float:
        """Of training and all cells."""
        return self.training + self.cell * self.cells


def run_costs(suite: Suite, planned: Sequence[Run], data_dir: str | None) -> dict[str, RunCost]:
    """Return what each run costs, by label.

    Runs that differ in seed alone cost the same, so one of them is timed. Those whose data can't be
    read cost nothing.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as each worker has
    known: dict[Any, RunCost] = {}
    try:
        for run in planned:
            if (kind := _kind(run)) not in known:
                known[kind] = _cost(suite, run, data_dir)
    finally:
        torch.set_num_threads(threads)
    return {run.label: known[_kind(run)] for run in planned}


def _kind(run: Run) -> tuple[Any, ...]:
    return run.source, run.names, run.role


def _cost(suite: Suite, run: Run, data_dir: str | None) -> RunCost:
    try:
        data = prepare(run.source, suite.windows, data_dir)
        model = run.recipe(suite).build(data.split.values.shape[1])
        windows = clean_windows(data.world, suite.windows.stride)
        forward = _fastest(lambda: forecasts(model.eval(), windows.past), 1)
        kept = [one for one in cells(suite, run.source) if excluded(one, data.world) is None]
        each = forward + windows.truth.size * SECONDS_PER_VALUE + CELL_OVERHEAD
        return RunCost(_training(suite, model, data), each, len(kept))
    except Exception:  # the run itself will put it on record
        return RunCost()


def _training(suite: Suite, model: Reversible, data: Prepared) -> float:
    rows = data.split.train
    if isinstance(model.backbone, Ridge):
        part = torch.from_numpy(data.world.values[: min(rows, RIDGE_ROWS)])
        return _fastest(lambda: fit_ridge(model, part, part), 1) * max(1.0, rows / RIDGE_ROWS)
    if not any(True for _ in model.backbone.parameters()):
        return 0.0
    count = rows - suite.windows.lookback - suite.windows.horizon + 1
    batch = min(suite.training.batch_size, count)
    sizes = suite.windows.lookback, data.split.values.shape[1]
    past = torch.zeros(batch, *sizes).normal_()

    def step() -> None:
        model.train()(past).square().mean().backward()

    seconds = _fastest(step, 3) + STEP_OVERHEAD
    # A validation pass takes about as long as a third of the training windows without gradients.
    return suite.training.max_epochs * (count / batch) * seconds * 1.2


def _fastest(work: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
