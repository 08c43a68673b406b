"""The data set that shifts are applied to, with statistics of its training rows."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from revin_forecast.shift.processes.base import Process


def observed_mean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return the mean over finite values, NaN where there are none, without a warning."""
    finite = np.isfinite(values)
    if finite.all():
        return np.asarray(values.mean(axis=axis))
    count = finite.sum(axis=axis)
    total = np.where(finite, values, 0).sum(axis=axis)
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))


def horizon_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the finite steps of (windows, horizon, channels)."""
    # With few channels einsum takes a quarter of the time of mean(axis=1).
    total = np.einsum("nhc->nc", values)
    if np.isfinite(total).all():
        return total / values.shape[1]
    return observed_mean(values, axis=1)


def observed_deviation(values: np.ndarray) -> np.ndarray:
    """Return the population deviation of finite values over the first axis; NaN without any."""
    return np.sqrt(observed_mean((values - observed_mean(values, axis=0)) ** 2, axis=0))


def seasonal_trend(values: np.ndarray, season: int) -> np.ndarray:
    """Return the centred moving average over one season of (time, channels), in the same shape.

    An even season has no middle step: its average takes one step more, the first and the last with
    half their weight. The mean is over the observed steps. NaN in the half seasons at both ends.
    """
    observed = np.isfinite(values)
    sums = _moving_sum(np.where(observed, values, 0), season)
    counts = _moving_sum(observed.astype(float), season)
    trend = np.full(values.shape, np.nan)
    inside = trend[season // 2 : season // 2 + len(sums)]
    np.divide(sums, counts, out=inside, where=counts > 0)
    return trend


def _moving_sum(values: np.ndarray, season: int) -> np.ndarray:
    padded = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    sums = padded[season:] - padded[:-season]
    return sums if season % 2 else (sums[:-1] + sums[1:]) / 2


MIN_SCALE = 1e-8
"""Channels with a smaller naive training error, in standard deviations, have no MASE."""


@dataclass(frozen=True, eq=False)
class ShiftDataset:
    """A standardized data set and the statistics of its training rows that shifts use.

    No statistic uses validation or test rows.
    """

    name: str
    values: np.ndarray
    """(time, channels) float64, standardized by the training rows; NaN is unobserved."""
    train: int
    """Number of training rows, from the first row on."""
    start: int
    """First row of the first test look-back."""
    lookback: int
    horizon: int
    season: int
    """Steps of one season; 1 without a season."""
    process: Process | None = None
    """The process that generated synthetic values, in the units of `values`."""
    has_independent_parts: bool = False
    """Whether training, validation and test are separate blocks, not one series."""
    cache: dict[Any, np.ndarray] = field(default_factory=dict, repr=False)
    """Random draws and other arrays that are computed once; filled by `cached`."""

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.values.shape[1]

    @property
    def width(self) -> int:
        """Steps of one window: look-back and horizon."""
        return self.lookback + self.horizon

    @property
    def steps(self) -> int:
        """Rows from the first test look-back to the end."""
        return len(self.values) - self.start

    @property
    def validation_rows(self) -> tuple[int, int]:
        """First row of the first validation look-back, and the end of the validation rows."""
        if self.has_independent_parts:
            return self.train, self.start
        return max(0, self.train - self.lookback), self.start + self.lookback

    @property
    def train_values(self) -> np.ndarray:
        """(train, channels) training rows."""
        return self.values[: self.train]

    def random_generator(self, shift: str, seed: int) -> np.random.Generator:
        """Return a shift's random numbers, the same for every severity, model and model seed."""
        # Hashed, as Python's own hash() of a string differs from process to process.
        text = f"{self.name}\n{shift}\n{seed}".encode()
        entropy = int.from_bytes(hashlib.sha256(text).digest()[:16], "big")
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def get_or_compute(self, key: Any, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the array stored under a key; compute and store it the first time."""
        if key not in self.cache:
            self.cache[key] = make()
        return self.cache[key]

    @cached_property
    def seasonal_profile(self) -> np.ndarray:
        """(season, channels): mean of each phase of the season in training, without trend.

        The seasonal component of a classical decomposition (Persons, 1919), centred: the phase
        means of what `seasonal_trend` leaves. With the trend in them a late phase would be higher
        than an early one, and each new season would begin with a fall.
        """
        values = self.train_values
        # With less than two seasons, moving averages would leave phases without a value.
        if self.train >= 2 * self.season:
            values = values - seasonal_trend(values, self.season)
        # Padded with NaN to whole seasons, so that one reshape lines up equal phases.
        cycles = -(-self.train // self.season)
        padded = np.full((cycles * self.season, self.channels), np.nan)
        padded[: self.train] = values
        phases = padded.reshape(cycles, self.season, self.channels)
        profile = np.nan_to_num(observed_mean(phases, axis=0))
        return profile - profile.mean(axis=0)

    @cached_property
    def residual_deviation(self) -> np.ndarray:
        """(channels,): deviation of one value's share of the seasonal-naive training error."""
        # A seasonal difference holds the noise of two values: twice the variance of one.
        return np.nan_to_num(observed_deviation(self._seasonal_differences)) / np.sqrt(2)

    @cached_property
    def naive_scale(self) -> np.ndarray:
        """(channels,): mean `|x_t - x_{t-season}|` over the training rows, the unit of MASE*."""
        return observed_mean(np.abs(self._seasonal_differences), axis=0)

    @cached_property
    def has_scale(self) -> np.ndarray:
        """(channels,): whether the naive training error is large enough to divide by."""
        return np.isfinite(self.naive_scale) & (self.naive_scale > MIN_SCALE)

    def scale_errors(self, error: np.ndarray) -> np.ndarray:
        """Return mean `|error|` over the horizon in units of the naive training error.

        Args:
            error: (windows, horizon, channels); NaN is unobserved.

        Returns:
            (windows, channels that have a scale).
        """
        used = self.has_scale
        return horizon_mean(np.abs(error))[:, used] / self.naive_scale[used]

    @cached_property
    def naive_rmse(self) -> np.ndarray:
        """(channels,): root mean square of x_t - x_{t-season} in training, the unit of RMSSE*."""
        return np.sqrt(observed_mean(np.square(self._seasonal_differences), axis=0))

    @property
    def _seasonal_differences(self) -> np.ndarray:
        lag = min(self.season, self.train - 1)
        return self.train_values[lag:] - self.train_values[:-lag]
