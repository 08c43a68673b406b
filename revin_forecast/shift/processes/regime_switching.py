"""An autoregressive process about a level that switches between two values."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.processes.base import Process, find_last_observed


@dataclass(frozen=True)
class RegimeSwitching(Process):
    """An AR(1) about a level that switches between +level and -level, independently by channel.

    The level is a two-state Markov chain that stays in a state for `dwell` steps on average. The
    variance is 1: level^2 from the chain and 1 - level^2 from the AR(1).
    """

    channels: int = 4
    phi: float = 0.7
    level: float = 0.8
    dwell: int = 384

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of each parameter."""
        return {
            "phi": (-0.999, 0.999),
            "level": (-0.999, 0.999),
            "dwell": (1.0, np.inf),
        }

    @property
    def season(self) -> int:
        """1: the process has no season."""
        return 1

    @property
    def levels(self) -> np.ndarray:
        """(rows, channels): the level in each row."""
        uniform = self.random_generator("chain").random((self.rows, self.channels))
        jumps = uniform < 1 / self.dwell
        # The first row starts in either state with equal probability, as the stationary chain does.
        jumps[0] = uniform[0] < 0.5
        return self.level * (1 - 2 * (np.cumsum(jumps, axis=0) % 2))

    def simulate(self) -> np.ndarray:
        """Return the level plus the AR(1)."""
        values = self.random_generator("innovations").standard_normal((self.rows, self.channels))
        values[1:] *= np.sqrt(1 - self.phi**2)
        for row in range(1, self.rows):
            values[row] += self.phi * values[row - 1]
        return self.levels + np.sqrt(1 - self.level**2) * values

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return level (1 - 2 p)^h + phi^h (x - level), p = 1 / dwell, for known past states."""
        levels, channels = self.levels, np.arange(self.channels)
        step, value = find_last_observed(past)
        deviation = np.nan_to_num(value - levels[rows[:, None] + step, channels])
        deviation *= self.phi ** (past.shape[1] - 1 - step)
        last_level = levels[rows + past.shape[1] - 1]
        ahead = np.arange(1, horizon + 1)[:, None]
        persistence = (1 - 2 / self.dwell) ** ahead
        return persistence * last_level[:, None] + self.phi**ahead * deviation[:, None]
