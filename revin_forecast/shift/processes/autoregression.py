"""A first-order autoregressive process in correlated channels."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from revin_forecast.shift.processes.base import Process, to_student_t


@dataclass(frozen=True)
class AR(Process):
    """x_t = phi x_{t-1} + sqrt(1 - phi^2) e_t, of unit variance, in correlated channels.

    Every channel but the first has correlation rho with the first: e_c = rho e_1 + sqrt(1 - rho^2)
    times its own innovations. `noise` adds white measurement noise, which increases the variance.
    """

    phi: float = 0.9
    channels: int = 4
    correlation: float = 0.0
    noise: float = 0.0
    """Standard deviation of the measurement noise."""
    degrees_of_freedom: float = np.inf
    """Degrees of freedom of the innovations' Student's t distribution; infinite: normal."""

    regime_phi: ClassVar[float] = 0.2
    """phi at the end of a full change of regime."""

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of each parameter."""
        return {
            "phi": (-0.999, 0.999),
            "correlation": (-1.0, 1.0),
            "noise": (0.0, np.inf),
            "degrees_of_freedom": (2.01, np.inf),
        }

    @property
    def season(self) -> int:
        """1: the process has no season."""
        return 1

    @property
    def covariance(self) -> np.ndarray:
        """(channels, channels) stationary covariance of the channels, without the noise."""
        with_first = np.full(self.channels, self.correlation)
        with_first[0] = 1
        covariance = np.outer(with_first, with_first)
        np.fill_diagonal(covariance, 1)
        return covariance

    def simulate(self) -> np.ndarray:
        """Return the process, started in its stationary distribution, with the noise."""
        size = (self.rows, self.channels)
        values = to_student_t(
            self.random_generator("innovations").standard_normal(size), self.degrees_of_freedom
        )
        values[:, 1:] *= np.sqrt(1 - self.correlation**2)
        values[:, 1:] += self.correlation * values[:, :1]
        # Row 0 keeps variance 1: it is the stationary distribution.
        values[1:] *= np.sqrt(1 - self.phi**2)
        for row in range(1, self.rows):
            values[row] += self.phi * values[row - 1]
        return values + self.noise * self.random_generator("noise").standard_normal(size)

    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return phi^h times the filtered state.

        Exact for normal innovations. For others it is the best linear forecast, which equals the
        conditional expectation if nothing is missing and there is no noise.
        """
        power = self.phi ** np.arange(1, horizon + 1)
        return power[:, None] * self._filtered_state(past)[:, None]

    def _filtered_state(self, past: np.ndarray) -> np.ndarray:
        """Return (windows, channels): the expected last state given a look-back (Kalman, 1960)."""
        observed = np.isfinite(past)
        if (observed == observed[:1]).all():
            observed = observed[:1]  # all windows have the same gains: compute them once
        values, stationary = np.where(observed, past, 0), self.covariance
        mean = np.zeros((len(past), self.channels))
        spread = np.tile(stationary, (len(observed), 1, 1))
        for step in range(past.shape[1]):
            if step:
                mean *= self.phi
                spread = self.phi**2 * spread + (1 - self.phi**2) * stationary
            # Readings enter one at a time, as their noise is independent: no matrix is inverted.
            for channel in range(self.channels):
                variance = spread[:, channel, channel] + self.noise**2
                # A reading without variance is known already, and would divide by 0.
                informative = observed[:, step, channel] & (variance > 1e-12)
                share = np.where(informative, 1 / np.where(informative, variance, 1), 0)
                gain = spread[:, :, channel] * share[:, None]
                mean += gain * (values[:, step, channel] - mean[:, channel])[:, None]
                spread = spread - gain[:, :, None] * spread[:, channel, None, :]
        return mean

    def make_variant(self, shift: str, knob: float) -> "AR | None":
        """Return the process with more noise, another phi, another rho or heavier innovations.

        The noise shift acts as `generators.Noise` does on real data: one value's share of the
        change x_t - x_{t-1} has variance 1 - phi + noise^2. Its deviation is multiplied by 1 + S.
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
