from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.processes.base import Process, find_last_observed


@dataclass(frozen=True)
class RegimeSwitching(Process):
    """An AR(1) about a level that jumps between +level and -level, each channel when it likes.

    The level is a Markov chain of two states that stays in each for `dwell` steps in the mean.
    Variance 1: level^2 of the chain and the rest of the AR.
    """

    channels: int = 4
    phi: float = 0.7
    level: float = 0.8
    dwell: int = 384

    @property
    def season(self) -> int:
        """None."""
        return 1

    @property
    def levels(self) -> np.ndarray:
        """(rows, channels): the level at each row."""
        number = self.random_generator("chain").random((self.rows, self.channels))
        jumps = number < 1 / self.dwell
        jumps[0] = number[0] < 0.5
        return self.level * (1 - 2 * (np.cumsum(jumps, axis=0) % 2))

    def simulate(self) -> np.ndarray:
        """Return level and AR."""
        values = self.random_generator("innovations").standard_normal((self.rows, self.channels))
        values[1:] *= np.sqrt(1 - self.phi**2)
        for row in range(1, self.rows):
            values[row] += self.phi * values[row - 1]
        return self.levels + np.sqrt(1 - self.level**2) * values

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return level (1 - 2 p)^h + phi^h (x - level), p = 1 / dwell, the states so far known."""
        levels, channels = self.levels, np.arange(self.channels)
        step, value = find_last_observed(past)
        above = np.nan_to_num(value - levels[rows[:, None] + step, channels])
        above *= self.phi ** (past.shape[1] - 1 - step)
        now = levels[rows + past.shape[1] - 1]
        ahead = np.arange(1, horizon + 1)[:, None]
        stays = (1 - 2 / self.dwell) ** ahead
        return stays * now[:, None] + self.phi**ahead * above[:, None]
