"""Measurements that every entry's process makes alike: steps, forecasts, errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time

import numpy as np
import torch
from protocol import Job, Result, time_block
from torch.optim.optimizer import register_optimizer_step_post_hook

WINDOWS_PER_BATCH = 256


@contextmanager
def record_steps() -> Iterator[list[float]]:
    """Yield a list that gets the time at the end of each step of any optimizer."""
    times: list[float] = []
    hook = register_optimizer_step_post_hook(lambda *_: times.append(process_time()))
    yield times
    hook.remove()


def mean_step_seconds(job: Job, times: list[float]) -> float:
    """Return the mean processor seconds from one step to the next.

    The time between epochs is left out, and so is the last batch of each, which may be short.

    Raises:
        SystemExit: the number of steps is not that of the job.
    """
    expected = job.steps * job.work.epochs
    if len(times) != expected:
        raise SystemExit(f"{len(times)} steps were taken where the job has {expected}.")
    gaps = np.diff(np.reshape(times, (job.work.epochs, job.steps)), axis=1)
    return float(gaps[:, : max(1, gaps.shape[1] - 1)].mean())


def measure_job(
    job: Job,
    import_s: float,
    count_parameters: Callable[[], int],
    fit: Callable[[], object],
    predict: Callable[[], np.ndarray],
) -> Result:
    """Do a job and measure it.

    Args:
        job: the job.
        import_s: seconds of the imports.
        count_parameters: counts the trained parameters; called after training.
        fit: trains as the job says.
        predict: returns the forecast of every test window (windows, horizon, channels).
    """
    torch.set_num_threads(1)
    with record_steps() as times, time_block() as fit_s:
        fit()
    predict()  # the first call allocates memory and is not timed
    with time_block() as predict_s:
        forecast = predict()
    return Result(
        import_s=import_s,
        step_s=mean_step_seconds(job, times),
        fit_s=fit_s[0],
        predict_s=predict_s[0],
        windows=len(forecast),
        mse=mean_squared_error(job, forecast),
        parameters=count_parameters(),
    )


def load_part(job: Job, name: str) -> np.ndarray:
    """Load the rows of "training", "validation" or "test", the last two with their look-back."""
    values, rows, lookback = np.load(job.rows.path), job.rows, job.work.lookback
    return {
        "training": values[: rows.train],
        "validation": values[rows.train - lookback : rows.validation],
        "test": values[rows.validation - lookback : rows.test],
    }[name]


def mean_squared_error(job: Job, forecast: np.ndarray) -> float:
    """Return the mean squared error over all test windows.

    Raises:
        SystemExit: a window is missing, or a forecast is not finite.
    """
    values = load_part(job, "test")[job.work.lookback :]
    targets = np.lib.stride_tricks.sliding_window_view(values, job.work.horizon, axis=0)
    targets = targets.swapaxes(1, 2)
    if forecast.shape != targets.shape:
        raise SystemExit(f"forecasts of shape {forecast.shape} where {targets.shape} is expected.")
    total = 0.0
    for first in range(0, len(targets), WINDOWS_PER_BATCH):
        batch = slice(first, first + WINDOWS_PER_BATCH)
        total += float(np.square(forecast[batch] - targets[batch], dtype=np.float64).sum())
    if not np.isfinite(total):
        raise SystemExit("a forecast is not finite.")
    return total / forecast.size
