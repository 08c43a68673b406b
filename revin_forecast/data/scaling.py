"""Standardization of channels in float64."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.errors import InputError

RECENT_ROWS = 32
"""Rows whose deviation a forecast must resolve."""
MIN_FLOAT32_SHARE = 0.01
"""Deviation of the recent rows, in their largest distance from the mean, below which float32 has
too few digits: its error is 6e-8 of that distance."""
MAX_DECIMALS = 300
"""Most decimal places that float64 can be rounded to; larger powers of ten overflow."""


@dataclass(frozen=True, eq=False)
class ChannelMoments:
    """Mean and standard deviation of each channel's observed values, in one or more parts.

    Computed in float64, relative to the largest value, so that sums and squares don't overflow.
    """

    count: np.ndarray
    """(channels,) number of observed values."""
    mean: np.ndarray
    """(channels,) 0 if nothing was observed."""
    deviation: np.ndarray
    """(channels,) population standard deviation."""

    @classmethod
    def from_values(cls, values: np.ndarray) -> "ChannelMoments":
        """Return the moments of (time, channels) values; NaN is unobserved."""
        observed = np.isfinite(values)
        count = observed.sum(axis=0)
        unit = _guard_zero(np.max(np.abs(values), axis=0, where=observed, initial=0))
        small = np.where(observed, values / unit, 0)
        # Two passes, mean before deviation: the one-pass formula cancels at a large level.
        mean = small.sum(axis=0) / np.maximum(count, 1)
        variance = np.where(observed, small - mean, 0).__pow__(2).sum(axis=0)
        return cls(count, mean * unit, np.sqrt(variance / np.maximum(count, 1)) * unit)

    @classmethod
    def from_rows(cls, values: np.ndarray, channel: np.ndarray, channels: int) -> "ChannelMoments":
        """Return the moments of (rows,) values, each of which belongs to a channel (rows,)."""
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
        """Return the moments of both parts together (Chan, Golub and LeVeque, 1979)."""
        size = np.maximum(np.abs(self.mean), np.abs(other.mean))
        unit = _guard_zero(np.maximum(size, np.maximum(self.deviation, other.deviation)))
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        here, there = self.mean / unit, other.mean / unit
        spread = (1 - share) * (self.deviation / unit) ** 2 + share * (other.deviation / unit) ** 2
        variance = spread + share * (1 - share) * (there - here) ** 2
        # Relative to one part's mean, so that equal means merge without rounding.
        mean = (here + share * (there - here)) * unit
        return ChannelMoments(count, mean, np.sqrt(variance) * unit)

    def pad(self, channels: int) -> "ChannelMoments":
        """Return the moments for more channels; the new ones have no observed values."""
        width = (0, channels - len(self.count))
        parts = (np.pad(part, width) for part in (self.count, self.mean, self.deviation))
        return ChannelMoments(*parts)

    def to_standardizer(self) -> "Standardizer":
        """Return the z-score with these moments."""
        # A constant channel is divided by 1, which maps it to 0.
        return Standardizer(self.mean, np.where(self.deviation > 0, self.deviation, 1.0))


def _guard_zero(size: np.ndarray) -> np.ndarray:
    return np.where(size > 0, size, 1.0)


@dataclass(frozen=True, eq=False)
class Standardizer:
    """z-score by channel, with mean and standard deviation of the rows that it was fitted on.

    All arithmetic is in float64, and only standardized values become float32: at a large level,
    float32 would lose digits.
    """

    mean: np.ndarray
    """(channels,) float64."""
    scale: np.ndarray
    """(channels,) float64 population standard deviation; 1 if it is 0 or nothing was observed."""

    @classmethod
    def fit(cls, values: np.ndarray) -> "Standardizer":
        """Fit mean and standard deviation to (time, channels) values; NaN is unobserved."""
        return ChannelMoments.from_values(values).to_standardizer()

    def select(self, channels: Sequence[int]) -> "Standardizer":
        """Return the z-score of some channels."""
        return Standardizer(self.mean[list(channels)], self.scale[list(channels)])

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return (values - mean) / scale."""
        return (values - self.mean) / self.scale

    def to_tensor(self, values: np.ndarray, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return standardized values of a type.

        Raises:
            InputError: a standardized value exceeds the range of float32.
        """
        try:
            # An infinity would be read as a gap, so overflow raises.
            with np.errstate(over="raise"):
                standardized = self.transform(values).astype(np.float32)
            if dtype == torch.float32:
                return torch.from_numpy(standardized)
            return torch.from_numpy(self.transform(values)).to(dtype)
        except FloatingPointError:
            largest = values.flat[np.nanargmax(np.abs(values))]
            raise InputError(
                f"the value {largest:g} is more than 3e38 standard deviations from the mean of the "
                "rows fitted on, which float32 can't represent. If it is correct, fit on a table "
                "with such values."
            ) from None

    def inverse_transform(self, values: np.ndarray) -> np.ndarray:
        """Return float64 values in the data's units."""
        return values.astype(np.float64) * self.scale + self.mean

    def measure_fine_scale(self, values: np.ndarray) -> np.ndarray:
        """Return (channels,) the deviation of the recent rows where float32 does not resolve it.

        After a large shift of the level, the recent rows are far from the mean of all rows and
        hardly differ from each other in standardized units.

        Args:
            values: (time, channels) the last rows.

        Returns:
            The deviation in the data's units; NaN for channels whose digits float32 has.
        """
        recent = ChannelMoments.from_values(values[-RECENT_ROWS:])
        level = np.abs(recent.mean - self.mean)
        is_fine = (recent.deviation > 0) & (recent.deviation < MIN_FLOAT32_SHARE * level)
        return np.where(is_fine, recent.deviation, np.nan)

    def round_to_float32(
        self, values: np.ndarray, fine_scale: np.ndarray | None = None
    ) -> np.ndarray:
        """Round (time, channels) values to the digits that float32 can represent.

        Without rounding, a repeated 13 would be returned as 12.999999975. No value changes by more
        than 1e-7 of the largest distance of its channel from the mean, about the error of float32.
        That distance counts up to 8 standard deviations, so that a channel that has moved far
        keeps its digits.

        Args:
            values: (time, channels) in the data's units.
            fine_scale: (channels,) deviations that must be resolved to 1e-6, see
                `measure_fine_scale`; NaN or None: the digits of float32 suffice.

        >>> Standardizer(np.array([10.0, 0.0]), np.array([4.0, 2e6])).round_to_float32(
        ...     np.array([[12.999999975, 1234567.891]])
        ... ).tolist()
        [[13.0, 1234568.0]]
        """
        with np.errstate(over="ignore"):  # deviations near the limit of float64
            distance = np.max(np.abs(values - self.mean), axis=0, initial=0)
            size = np.minimum(distance, 8 * self.scale)
        if fine_scale is not None:
            size = np.fmin(size, 8 * fine_scale)
        decimals = 6 - np.floor(np.log10(size, where=size > 0, out=np.full_like(size, np.inf)))
        rounded = values.copy()
        for decimal in np.unique(decimals[np.abs(decimals) < MAX_DECIMALS]):
            channels = decimals == decimal
            exact, max_change = values[:, channels], size[channels] * 1e-7
            # From more digits to fewer: the shortest number within the bound wins.
            for digits in (int(decimal) + 2, int(decimal) + 1, int(decimal)):
                short = np.round(exact, digits)
                is_close = np.abs(short - exact) <= max_change
                rounded[:, channels] = np.where(is_close, short, rounded[:, channels])
        return rounded
