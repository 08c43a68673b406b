from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from revin_forecast.shift.processes.base import Process, to_student_t


@dataclass(frozen=True)
class AR(Process):
    """x_t = phi x_{t-1} + sqrt(1 - phi^2) e_t, of unit variance, in correlated channels.

    Every channel but the first has correlation rho with the first: e_c = rho e_1 + sqrt(1 - rho^2)
    times innovations of its own. `noise` adds white noise of measurement, on top of the variance.
    """

    phi: float = 0.9
    channels: int = 4
    correlation: float = 0.0
    noise: float = 0.0
    """Deviation of what is measured from what is."""
    degrees_of_freedom: float = np.inf
    """Degrees of freedom of Student's t, whose law the innovations have; infinite: normal."""

    regime_phi: ClassVar[float] = 0.2
    """Where a change of regime leads."""

    @property
    def season(self) -> int:
        """None."""
        return 1

    @property
    def covariance(self) -> np.ndarray:
        """(channels, channels): of the channels at one time, without the noise."""
        with_first = np.full(self.channels, self.correlation)
        with_first[0] = 1
        covariance = np.outer(with_first, with_first)
        np.fill_diagonal(covariance, 1)
        return covariance

    def simulate(self) -> np.ndarray:
        """Return the process from its stationary law on, with the noise."""
        size = (self.rows, self.channels)
        drawn = to_student_t(
            self.random_generator("innovations").standard_normal(size), self.degrees_of_freedom
        )
        drawn[:, 1:] *= np.sqrt(1 - self.correlation**2)
        drawn[:, 1:] += self.correlation * drawn[:, :1]
        drawn[1:] *= np.sqrt(1 - self.phi**2)
        for row in range(1, self.rows):
            drawn[row] += self.phi * drawn[row - 1]
        return drawn + self.noise * self.random_generator("noise").standard_normal(size)

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return phi^h times the filtered state.

        Exact for normal innovations; for others the best linear forecast, which is the
        expectation too where nothing is missing and there is no noise.
        """
        power = self.phi ** np.arange(1, horizon + 1)
        return power[:, None] * self._filtered_state(past)[:, None]

    def _filtered_state(self, past: np.ndarray) -> np.ndarray:
        """Return (windows, channels): the expected last state given a look-back (Kalman, 1960)."""
        seen = np.isfinite(past)
        if (seen == seen[:1]).all():
            seen = seen[:1]  # the same gains for every window
        values, stationary = np.where(seen, past, 0), self.covariance
        mean = np.zeros((len(past), self.channels))
        spread = np.tile(stationary, (len(seen), 1, 1))
        for step in range(past.shape[1]):
            if step:
                mean *= self.phi
                spread = self.phi**2 * spread + (1 - self.phi**2) * stationary
            # One reading at a time, as their noise is independent: no matrix is inverted.
            for channel in range(self.channels):
                variance = spread[:, channel, channel] + self.noise**2
                news = seen[:, step, channel] & (variance > 1e-12)
                share = np.where(news, 1 / np.where(news, variance, 1), 0)
                gain = spread[:, :, channel] * share[:, None]
                mean += gain * (values[:, step, channel] - mean[:, channel])[:, None]
                spread = spread - gain[:, :, None] * spread[:, channel, None, :]
        return mean

    def make_variant(self, shift: str, knob: float) -> "AR | None":
        """Return more noise of measurement, another phi, another rho or heavier innovations.

        Noise: of one value's share of the change x_t - x_{t-1}, of variance 1 - phi + noise^2, the
        deviation becomes 1 + S times what it was, as `generators.Noise` does it to real data.
        """
        if shift == "noise":
            share = 1 - self.phi + self.noise**2
            return replace(self, noise=np.sqrt(self.noise**2 + ((1 + knob) ** 2 - 1) * share))
        if shift == "regime":
            return replace(self, phi=(1 - knob) * self.phi + knob * self.regime_phi)
        if shift == "concept":
            return replace(self, phi=(1 - 2 * knob) * self.phi)
        if shift == "channels":
            return replace(self, correlation=(1 - 2 * knob) * self.correlation)
        return replace(self, degrees_of_freedom=knob) if shift == "tails" else None
