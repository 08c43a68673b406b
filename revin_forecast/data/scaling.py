from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.errors import InputError

MAX_DECIMALS = 300
"""Decimal places that float64 can be rounded to; beyond, its powers of ten overflow."""


@dataclass(frozen=True, eq=False)
class ChannelMoments:
    """Mean and deviation of each channel's observed values, of one part of a table or of several.

    In float64, scaled by the largest value, so that neither sums nor squares overflow.
    """

    count: np.ndarray
    """(channels,) observed values."""
    mean: np.ndarray
    """(channels,); 0 where nothing was observed."""
    deviation: np.ndarray
    """(channels,) of the population."""

    @classmethod
    def from_values(cls, values: np.ndarray) -> "ChannelMoments":
        """Take those of (time, channels); NaN is unobserved."""
        observed = np.isfinite(values)
        count = observed.sum(axis=0)
        unit = _guard_zero(np.max(np.abs(values), axis=0, where=observed, initial=0))
        small = np.where(observed, values / unit, 0)
        mean = small.sum(axis=0) / np.maximum(count, 1)
        variance = np.where(observed, small - mean, 0).__pow__(2).sum(axis=0)
        return cls(count, mean * unit, np.sqrt(variance / np.maximum(count, 1)) * unit)

    @classmethod
    def from_rows(cls, values: np.ndarray, channel: np.ndarray, channels: int) -> "ChannelMoments":
        """Take those of (rows,) values, each of the channel that `channel` says."""
        observed = np.isfinite(values)
        values, channel = values[observed], channel[observed]
        count = np.bincount(channel, minlength=channels)
        largest = np.zeros(channels)
        np.maximum.at(largest, channel, np.abs(values))
        unit = _guard_zero(largest)
        small = values / unit[channel]
        mean = np.bincount(channel, small, channels) / np.maximum(count, 1)
        variance = np.bincount(channel, (small - mean[channel]) ** 2, channels)
        return cls(count, mean * unit, np.sqrt(variance / np.maximum(count, 1)) * unit)

    def merge(self, other: "ChannelMoments") -> "ChannelMoments":
        """Return those of both parts (Chan, Golub and LeVeque, 1979)."""
        size = np.maximum(np.abs(self.mean), np.abs(other.mean))
        unit = _guard_zero(np.maximum(size, np.maximum(self.deviation, other.deviation)))
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        here, there = self.mean / unit, other.mean / unit
        spread = (1 - share) * (self.deviation / unit) ** 2 + share * (other.deviation / unit) ** 2
        variance = spread + share * (1 - share) * (there - here) ** 2
        mean = (here + share * (there - here)) * unit
        return ChannelMoments(count, mean, np.sqrt(variance) * unit)

    def pad(self, channels: int) -> "ChannelMoments":
        """Return those of more channels; nothing was observed of the new ones."""
        width = (0, channels - len(self.count))
        parts = (np.pad(part, width) for part in (self.count, self.mean, self.deviation))
        return ChannelMoments(*parts)

    def to_standardizer(self) -> "Standardizer":
        """Return the z-score by these."""
        return Standardizer(self.mean, np.where(self.deviation > 0, self.deviation, 1.0))


def _guard_zero(size: np.ndarray) -> np.ndarray:
    return np.where(size > 0, size, 1.0)


@dataclass(frozen=True, eq=False)
class Standardizer:
    """z-score by channel, with mean and deviation of the training rows only.

    In float64 until the result is standardized, so that float32 loses nothing of a large level.
    """

    mean: np.ndarray
    """(channels,) float64."""
    scale: np.ndarray
    """(channels,) float64, population deviation; 1 where it is 0 or nothing was observed."""

    @classmethod
    def fit(cls, values: np.ndarray) -> "Standardizer":
        """Take mean and deviation of the observed values of (time, channels); NaN is unobserved."""
        return ChannelMoments.from_values(values).to_standardizer()

    def select(self, channels: Sequence[int]) -> "Standardizer":
        """Return the part for some channels."""
        return Standardizer(self.mean[list(channels)], self.scale[list(channels)])

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return (values - mean) / scale."""
        return (values - self.mean) / self.scale

    def to_tensor(self, values: np.ndarray) -> Tensor:
        """Return standardized float32 values.

        Raises:
            InputError: one lies so far from the rows fitted on that float32 can't hold it.
        """
        try:
            with np.errstate(over="raise"):
                return torch.from_numpy(self.transform(values).astype(np.float32))
        except FloatingPointError:
            largest = values.flat[np.nanargmax(np.abs(values))]
            raise InputError(
                f"the value {largest:g} is more than 3e38 times as far from the rows fitted on as "
                "those lie from each other, which float32 can't hold. If it is no error, fit on a "
                "table that holds such values."
            ) from None

    def inverse_transform(self, values: np.ndarray) -> np.ndarray:
        """Return values in the data's units, float64."""
        return values.astype(np.float64) * self.scale + self.mean

    def round_to_float32(self, values: np.ndarray) -> np.ndarray:
        """Drop digits of (time, channels) that float32 can't hold.

        A 13 that was repeated would come back as 12.999999975. No value moves by more than a ten
        millionth of how far its channel lies from the mean, which is what float32 is off by; of
        eight deviations at most, so that a channel that has moved far keeps all it has.

        >>> Standardizer(np.array([10.0, 0.0]), np.array([4.0, 2e6])).rounded(
        ...     np.array([[12.999999975, 1234567.891]])
        ... ).tolist()
        [[13.0, 1234568.0]]
        """
        size = np.minimum(np.max(np.abs(values - self.mean), axis=0, initial=0), 8 * self.scale)
        places = 6 - np.floor(np.log10(size, where=size > 0, out=np.full_like(size, np.inf)))
        kept = values.copy()
        for place in np.unique(places[np.abs(places) < MAX_DECIMALS]):
            chosen = places == place
            given, most = values[:, chosen], size[chosen] * 1e-7
            for digits in (int(place) + 2, int(place) + 1, int(place)):  # the roundest that may be
                short = np.round(given, digits)
                kept[:, chosen] = np.where(np.abs(short - given) <= most, short, kept[:, chosen])
        return kept
