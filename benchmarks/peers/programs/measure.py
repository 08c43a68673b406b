"""What is measured in every contender's process alike: steps, forecasts, errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time

import numpy as np
import torch
from protocol import Job, Result, stopwatch
from torch.optim.optimizer import register_optimizer_step_post_hook

WINDOWS_AT_ONCE = 256


@contextmanager
def ticks() -> Iterator[list[float]]:
    """Note when each step of any optimizer is done, in the list that it yields."""
    noted: list[float] = []
    hook = register_optimizer_step_post_hook(lambda *_: noted.append(process_time()))
    yield noted
    hook.remove()


def step_seconds(job: Job, noted: list[float]) -> float:
    """Return the mean processor seconds from one step to the next.

    What lies between epochs is left out, and so is the last batch of each, which may be short.

    Raises:
        SystemExit: another number of steps was taken than the job asks for.
    """
    wanted = job.steps * job.work.epochs
    if len(noted) != wanted:
        raise SystemExit(f"{len(noted)} steps were taken where the job has {wanted}.")
    gaps = np.diff(np.reshape(noted, (job.work.epochs, job.steps)), axis=1)
    return float(gaps[:, : max(1, gaps.shape[1] - 1)].mean())


def measure(
    job: Job,
    import_s: float,
    parameters: Callable[[], int],
    fit: Callable[[], object],
    predict: Callable[[], np.ndarray],
) -> Result:
    """Do a job and measure it.

    Args:
        job: what is done.
        import_s: what the imports took.
        parameters: count the trained numbers, after training.
        fit: train as the job says.
        predict: return the forecast of every test window, (windows, horizon, channels).
    """
    torch.set_num_threads(1)
    with ticks() as noted, stopwatch() as fit_s:
        fit()
    predict()
    with stopwatch() as predict_s:
        forecast = predict()
    return Result(
        import_s=import_s,
        step_s=step_seconds(job, noted),
        fit_s=fit_s[0],
        predict_s=predict_s[0],
        windows=len(forecast),
        mse=error(job, forecast),
        parameters=parameters(),
    )


def part(job: Job, name: str) -> np.ndarray:
    """Return the rows of "training", "validation" or "test", the latter with their look-back."""
    values, rows, back = np.load(job.rows.path), job.rows, job.work.lookback
    return {
        "training": values[: rows.train],
        "validation": values[rows.train - back : rows.validation],
        "test": values[rows.validation - back : rows.test],
    }[name]


def error(job: Job, forecast: np.ndarray) -> float:
    """Return the mean squared error over all test windows.

    Raises:
        SystemExit: a window is missing, or a forecast is not finite.
    """
    truth = part(job, "test")[job.work.lookback :]
    every = np.lib.stride_tricks.sliding_window_view(truth, job.work.horizon, axis=0)
    every = every.swapaxes(1, 2)
    if forecast.shape != every.shape:
        raise SystemExit(f"forecasts of shape {forecast.shape} where {every.shape} is wanted.")
    total = 0.0
    for first in range(0, len(every), WINDOWS_AT_ONCE):
        chosen = slice(first, first + WINDOWS_AT_ONCE)
        total += float(np.square(forecast[chosen] - every[chosen], dtype=np.float64).sum())
    if not np.isfinite(total):
        raise SystemExit("a forecast is not finite.")
    return total / forecast.size
