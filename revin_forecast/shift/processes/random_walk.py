"""A random walk."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.processes.base import Process, find_last_observed


@dataclass(frozen=True)
class RandomWalk(Process):
    """A sum of independent normal steps, started at 0, in independent channels.

    The steps have variance 6 / rows, so that the expected variance of the walk about its mean is 1.
    """

    channels: int = 4

    @property
    def season(self) -> int:
        """1: the process has no season."""
        return 1

    @property
    def step_deviation(self) -> float:
        """Standard deviation of one step."""
        return float(np.sqrt(6 / self.rows))

    def simulate(self) -> np.ndarray:
        """Return the cumulative sum of the steps."""
        steps = self.random_generator("steps").standard_normal((self.rows, self.channels))
        return self.step_deviation * np.cumsum(steps, axis=0)

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return the last observed value; 0 where there is none."""
        _, value = find_last_observed(past)
        return np.repeat(np.nan_to_num(value)[:, None], horizon, axis=1)
