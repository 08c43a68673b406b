from dataclasses import dataclass, replace

import numpy as np

from revin_forecast.shift.processes.base import Process, to_student_t


@dataclass(frozen=True)
class SineMixture(Process):
    """Sines of known periods and phases with white noise: x = sum of sqrt(2 p) sin + noise e.

    Each channel has its own phases. The Bayes forecast is the signal itself.
    """

    channels: int = 4
    periods: tuple[float, ...] = (24.0, 12.0, 8.0)
    """The first is the season."""
    powers: tuple[float, ...] = (0.6, 0.21, 0.1)
    """Variance of each sine; with noise^2 they make 1."""
    noise: float = 0.3
    """Deviation."""
    degrees_of_freedom: float = np.inf
    """Degrees of freedom of Student's t, whose law the noise has; infinite: normal."""

    @property
    def season(self) -> int:
        """The first period, rounded."""
        return round(self.periods[0])

    def simulate(self) -> np.ndarray:
        """Return signal and noise."""
        normals = self.random_generator("noise").standard_normal((self.rows, self.channels))
        return self.signal(np.arange(self.rows)) + self.noise * to_student_t(
            normals, self.degrees_of_freedom
        )

    def signal(self, rows: np.ndarray) -> np.ndarray:
        """Return the noise-free values (..., channels) at some rows."""
        phases = self.random_generator("phases").uniform(
            0, 2 * np.pi, (self.channels, len(self.periods))
        )
        values = np.zeros((*rows.shape, self.channels))
        for sine, (period, power) in enumerate(zip(self.periods, self.powers, strict=True)):
            angle = 2 * np.pi / period * rows[..., None] + phases[:, sine]
            values += np.sqrt(2 * power) * np.sin(angle)
        return values

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return the signal."""
        return self.signal(rows[:, None] + past.shape[1] + np.arange(horizon))

    def make_variant(self, shift: str, knob: float) -> "SineMixture | None":
        """Return more noise, other sines, or heavier noise.

        Other sines have periods half as long again and the powers in reverse order; the regime
        goes a share of the way there.
        """
        if shift == "noise":
            return replace(self, noise=(1 + knob) * self.noise)
        if shift == "regime":
            periods = tuple((1 + knob / 2) * period for period in self.periods)
            pairs = zip(self.powers, reversed(self.powers), strict=True)
            powers = tuple((1 - knob) * own + knob * other for own, other in pairs)
            return replace(self, periods=periods, powers=powers)
        return replace(self, degrees_of_freedom=knob) if shift == "tails" else None
