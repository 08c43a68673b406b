"""A process whose future depends on the level of its past."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from revin_forecast.shift.processes.base import Process


@dataclass(frozen=True)
class LevelDependent(Process):
    """A process with value m in the look-back and m + d sign(m) in the horizon, m = -1 or 1.

    It has three independent blocks of one window each, for training, validation and test; the
    channels are replicates. The sign of m is in the level only: a model that removes the level has
    an error of d^2.
    """

    rows: int = field(default=0, init=False)
    """Rows of the three windows."""
    strength: float = 0.0
    """Strength d of the dependence on the level."""
    lookback: int = 96
    horizon: int = 96
    channels: int = 500
    noise: float = 0.1
    """Standard deviation of the noise of each value."""

    strengths: ClassVar[tuple[float, ...]] = (0.0, 0.25, 0.5, 1.0, 2.0)
    """Strength d by severity."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", 3 * (self.lookback + self.horizon))
        super().__post_init__()

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of each parameter."""
        return {"noise": (0.001, np.inf), "strength": (0.0, np.inf)}

    def with_windows(self, lookback: int, horizon: int, severity: int) -> "LevelDependent":
        """Return the process for other window lengths, with the d of a severity."""
        sizes = {"lookback": lookback, "horizon": horizon}
        return replace(self, strength=self.strengths[severity], **sizes)

    @property
    def season(self) -> int:
        """1: the process has no season."""
        return 1

    def simulate(self) -> np.ndarray:
        """Return the three blocks, one after another."""
        signs = self.random_generator("signs").choice((-1.0, 1.0), size=(3, 1, self.channels))
        steps = self.strength * (np.arange(self.lookback + self.horizon) >= self.lookback)
        blocks = signs * (1 + steps[:, None])
        noise = self.random_generator("noise").standard_normal((self.rows, self.channels))
        return blocks.reshape(self.rows, self.channels) + self.noise * noise

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return (1 + d) E[sign | past] of windows that are one block each."""
        # The odds of + to - are exp(2 sum x / noise^2), so the expected sign is its tanh.
        total = np.nan_to_num(past).sum(axis=1)
        sign = np.tanh(total / self.noise**2)
        return np.repeat((1 + self.strength) * sign[:, None], horizon, axis=1)
