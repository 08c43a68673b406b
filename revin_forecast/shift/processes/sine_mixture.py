"""A sum of sines with white noise."""

from dataclasses import dataclass, replace

import numpy as np

from revin_forecast.errors import InputError
from revin_forecast.shift.processes.base import Process, to_student_t


@dataclass(frozen=True)
class SineMixture(Process):
    """A sum of sines of known periods and phases with white noise: sum of sqrt(2 p) sin + noise e.

    Each channel has its own phases. The Bayes forecast is the noise-free signal.
    """

    channels: int = 4
    periods: tuple[float, ...] = (24.0, 12.0, 8.0)
    """Periods in steps; the first is the season."""
    powers: tuple[float, ...] = (0.6, 0.21, 0.1)
    """Variance of each sine; together with noise^2 they sum to 1."""
    noise: float = 0.3
    """Standard deviation of the noise."""
    degrees_of_freedom: float = np.inf
    """Degrees of freedom of the noise's Student's t distribution; infinite: normal."""

    def __post_init__(self) -> None:
        super().__post_init__()
        are_numbers = all(period >= 2 for period in self.periods) and all(
            power >= 0 for power in self.powers
        )
        if not self.periods or len(self.periods) != len(self.powers) or not are_numbers:
            raise InputError(
                "SineMixture needs as many powers of at least 0 as it has periods of at least 2 "
                f"steps, but got periods={list(self.periods)} and powers={list(self.powers)}. Give "
                "both."
            )

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of each parameter."""
        return {
            "noise": (0.0, np.inf),
            "degrees_of_freedom": (2.01, np.inf),
        }

    @property
    def season(self) -> int:
        """The first period, rounded."""
        return round(self.periods[0])

    def simulate(self) -> np.ndarray:
        """Return the signal with noise."""
        normals = self.random_generator("noise").standard_normal((self.rows, self.channels))
        return self.signal(np.arange(self.rows)) + self.noise * to_student_t(
            normals, self.degrees_of_freedom
        )

    def signal(self, rows: np.ndarray) -> np.ndarray:
        """Return the noise-free values (..., channels) of the rows."""
        phases = self.random_generator("phases").uniform(
            0, 2 * np.pi, (self.channels, len(self.periods))
        )
        values = np.zeros((*rows.shape, self.channels))
        for sine, (period, power) in enumerate(zip(self.periods, self.powers, strict=True)):
            angle = 2 * np.pi / period * rows[..., None] + phases[:, sine]
            values += np.sqrt(2 * power) * np.sin(angle)
        return values

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return the noise-free signal over the horizon."""
        return self.signal(rows[:, None] + past.shape[1] + np.arange(horizon))

    def make_variant(self, shift: str, knob: float) -> "SineMixture | None":
        """Return the process with more noise, other sines or heavier noise.

        At full strength the regime shift makes all periods half as long again and reverses the
        order of the powers.
        """
        if shift == "noise":
            return replace(self, noise=(1 + knob) * self.noise)
        if shift == "regime":
            periods = tuple((1 + knob / 2) * period for period in self.periods)
            pairs = zip(self.powers, reversed(self.powers), strict=True)
            powers = tuple((1 - knob) * power + knob * target for power, target in pairs)
            return replace(self, periods=periods, powers=powers)
        return replace(self, degrees_of_freedom=knob) if shift == "tails" else None
