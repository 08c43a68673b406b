"""Estimate the time of a suite from one timed training step and one timed cell of each kind."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge
from revin_forecast.models.reversible import Reversible
from revin_forecast.shift.measuring.windows import clean_windows, forecast_windows
from revin_forecast.shift.runner.planning import PlanningWorker
from revin_forecast.shift.runner.store import StoredRun
from revin_forecast.shift.suite.datasets import PreparedDataset
from revin_forecast.shift.suite.fingerprint import has_own_code, is_user_class
from revin_forecast.shift.suite.plan import exclusion_reason
from revin_forecast.shift.suite.suite import Suite
from revin_forecast.utils.parallel import count_usable_cores
from revin_forecast.utils.parallel.engine import WorkerLostError
from revin_forecast.utils.parallel.pool_task import PoolUnusableError
from revin_forecast.utils.threads import torch_threads

STEP_OVERHEAD_SECONDS, CELL_OVERHEAD_SECONDS = 2e-4, 4e-3
"""Seconds around each training step and each cell; rough, from profiles."""
SECONDS_PER_VALUE = 2.5e-8
"""Seconds to shift, pull back and score one forecast value in one cell; rough, from profiles."""
SECONDS_PER_WORKER = 4.0
"""Seconds of estimated work that merit a worker: its start takes about two seconds of a core."""
MAX_RIDGE_ROWS = 4000
"""Rows of a timed Ridge fit; the time of more rows is extrapolated."""
MAX_WINDOWS = 256
"""Windows of a timed forecast; the time of more windows is extrapolated."""
MAX_TIMED_SECONDS = 30.0
"""Longest time for all models with a user's own code together; the cost of the rest is unknown."""


@dataclass(frozen=True)
class RunCost:
    """Upper bound on the seconds of a run, which early stopping may shorten."""

    training_seconds: float = 0.0
    cell_seconds: float = 0.0
    cell_count: int = 0
    is_known: bool = True
    """False if the model took too long to be timed, or ended the process that timed it."""

    @property
    def total_seconds(self) -> float:
        """Seconds of the training and of all cells."""
        return self.training_seconds + self.cell_seconds * self.cell_count


def estimate_costs(
    runs: Sequence[StoredRun], worker: PlanningWorker | None = None
) -> dict[str, RunCost]:
    """Return the estimated cost of each run, by label.

    Runs that differ in the seed only cost the same, so one of them is timed. A run whose data can't
    be read has cost 0.

    Args:
        runs: planned runs.
        worker: times the models with a user's own code, which never runs in this process. Without
            a worker their cost is unknown. If it is lost with a model, so is the cost of all
            models with the same class of the user.
    """
    costs: dict[Any, RunCost] = {}
    untimed: set[str] = set()
    deadline = time.perf_counter() + MAX_TIMED_SECONDS
    with torch_threads(1):  # workers have one thread each
        for run in runs:
            if (group := _cost_group(run)) in costs:
                continue
            suspect = _suspect(run)
            if run.error:
                costs[group] = RunCost()
            elif suspect is None:
                costs[group] = estimate_run(run)
            elif worker is None or suspect in untimed or time.perf_counter() > deadline:
                costs[group] = _unknown_cost(run)
            else:
                try:
                    seconds = deadline - time.perf_counter()
                    costs[group] = worker.call(estimate_run, run, at_most=seconds)
                except (WorkerLostError, PoolUnusableError, TimeoutError):
                    untimed.add(suspect)
                    costs[group] = _unknown_cost(run)
    return {run.label: costs[_cost_group(run)] for run in runs}


def choose_worker_count(costs: Iterable[RunCost], remaining_seconds: float) -> int:
    """Return the number of worker processes for some runs: one per usable core, fewer if they idle.

    Args:
        costs: estimated cost of each run.
        remaining_seconds: estimated seconds of their missing units with one worker.
    """
    # The time of a run without an estimate may be long: nothing is saved there.
    if any(cost.cell_count == 0 or not cost.is_known for cost in costs):
        return count_usable_cores()
    return max(1, min(count_usable_cores(), round(remaining_seconds / SECONDS_PER_WORKER)))


def _cost_group(run: StoredRun) -> tuple[Any, ...]:
    return run.planned.dataset_config, run.planned.display_names, run.planned.role


def _suspect(run: StoredRun) -> str | None:
    """Return the user's class that may stop the planning; None if all classes are ours."""
    for component in (run.planned.backbone, run.planned.normalizer):
        if has_own_code(component):
            return component.path
    return None


def _unknown_cost(run: StoredRun) -> RunCost:
    return RunCost(cell_count=len(run.cells), is_known=False)


def estimate_run(run: StoredRun) -> RunCost:
    """Return the cost of one run, whose model is built, and makes some forecasts and steps."""
    try:
        suite, data = run.store.suite, run.dataset
        suite = replace(suite, training=run.planned.make_training(suite))
        model = run.planned.make_model_config(suite).build(data.split.values.shape[1])
        windows = clean_windows(data.shift_dataset, suite.windows.stride)
        part = windows.past[:MAX_WINDOWS]
        forward = _time_fastest(lambda: forecast_windows(model.eval(), part), 1)
        forward *= len(windows.past) / len(part)
        # A user's own shift is not asked whether it applies: that is code, too.
        cells = [
            cell
            for _, cell in run.cells
            if (cell.shift is not None and is_user_class(type(cell.shift)))
            or exclusion_reason(run.planned, cell, data.shift_dataset) is None
        ]
        cell_seconds = forward + windows.targets.size * SECONDS_PER_VALUE + CELL_OVERHEAD_SECONDS
        training_seconds = _estimate_training_seconds(suite, model, data)
        return RunCost(training_seconds, cell_seconds, len(cells))
    except Exception:  # the run itself records the error
        return RunCost()


def _estimate_training_seconds(suite: Suite, model: Reversible, data: PreparedDataset) -> float:
    rows = data.split.train
    if isinstance(model.backbone, Ridge):
        part = torch.from_numpy(data.shift_dataset.values[: min(rows, MAX_RIDGE_ROWS)])
        return _time_fastest(lambda: fit_ridge(model, part, part), 1) * max(
            1.0, rows / MAX_RIDGE_ROWS
        )
    # Nothing to train: a naive forecast, or a network that is trained already.
    if not any(parameter.requires_grad for parameter in model.backbone.parameters()):
        return 0.0
    dataset = data.shift_dataset
    count = rows - dataset.width + 1
    batch = min(suite.training.batch_size, count)
    sizes = dataset.lookback, dataset.channels
    past = torch.zeros(batch, *sizes).normal_()

    def step() -> None:
        model.train()(past).square().mean().backward()

    seconds = _time_fastest(step, 3) + STEP_OVERHEAD_SECONDS
    # A validation pass costs about as much as a third of the training windows without gradients.
    return suite.training.max_epochs * (count / batch) * seconds * 1.2


def _time_fastest(work: Callable[[], object], times: int) -> float:
    # The fastest run has the least interference from other processes.
    fastest = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest
