"""Statistics of windows over their observed values."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from revin_forecast.utils.shapes import Statistic


class LocationScale(NamedTuple):
    """Location and scale of each window and channel, each (batch, 1 or horizon, channels).

    The location is stored as the pair `anchor + residual`: the anchor is a value of the window, so
    that `past - anchor` is exact, and the small residual keeps the digits that float32 would lose
    next to a large level.
    """

    anchor: Statistic
    """A value of the window."""
    residual: Statistic
    """Location minus anchor."""
    scale: Statistic
    """Positive scale."""

    @property
    def location(self) -> Tensor:
        """The location as one number, rounded to the dtype."""
        return self.anchor + self.residual

    def centre(self, past: Tensor) -> Tensor:
        """Return `past - location` without losing the residual's digits."""
        # The order matters: the first difference is exact, and the second one is small.
        return (past - self.anchor) - self.residual

    def select(self, index: Tensor) -> "LocationScale":
        """Return the statistics of the channels in `index`."""
        return LocationScale(*(statistic.index_select(2, index) for statistic in self))

    def add_trailing_axes(self, future: Tensor) -> "LocationScale":
        """Return the statistics with trailing axes of size 1, to broadcast to levels or samples."""
        axes = [1] * (future.ndim - 3)
        return LocationScale(*(statistic.reshape(*statistic.shape, *axes) for statistic in self))


def statistics_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of statistics: float64 for float64, else float32."""
    return torch.promote_types(dtype, torch.float32)


def check_observed(past: Tensor, observed: Tensor | None) -> None:
    """Check that `observed` is a boolean tensor of the shape of `past`; it is never broadcast.

    Raises:
        ValueError: it is not.
    """
    if observed is not None and (observed.shape != past.shape or observed.dtype != torch.bool):
        raise ValueError(
            f"observed is {observed.dtype} of shape {tuple(observed.shape)} but past has shape "
            f"{tuple(past.shape)}. Pass a boolean for each value, True where it was measured."
        )


def find_observed(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return where `past` is both declared observed and finite.

    Raises:
        ValueError: `observed` is not a boolean tensor of the shape of `past`.
    """
    check_observed(past, observed)
    finite = past.abs() < math.inf  # False for NaN; half the operations of `isfinite`
    return finite if observed is None else finite & observed


def last_observed_values(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return the last observed value of each window and channel, 0 where nothing is observed."""
    if observed is None:
        return past.narrow_copy(1, past.shape[1] - 1, 1)  # a view would follow changes of `past`
    # Steps count from 1, so that 0 means that nothing is observed. int32 halves the memory of the
    # product, which is as large as the window.
    steps = torch.arange(1, past.shape[1] + 1, device=past.device, dtype=torch.int32)
    latest = (observed * steps.reshape(1, -1, 1)).amax(dim=1, keepdim=True).long()
    value = past.gather(1, (latest - 1).clamp(min=0))
    return torch.where(latest > 0, value, 0)


def largest_observed_values(past: Tensor, observed: Tensor) -> Tensor:
    """Return the largest observed value of each window and channel, 0 where nothing is observed.

    A value of the window, as the last one is, but found in one pass.
    """
    largest = torch.where(observed, past, -torch.inf).amax(dim=1, keepdim=True)
    return torch.where(largest == -torch.inf, 0, largest)


def observed_count(past: Tensor, observed: Tensor | None) -> Tensor | int:
    """Return the number of observed values of each window and channel, at least 1."""
    if observed is None:
        return past.shape[1]
    return observed.sum(dim=1, keepdim=True).clamp(min=1)


def unbias_variance(variance: Tensor, past: Tensor, observed: Tensor | None) -> Tensor:
    """Return the variance with the divisor n - 1 instead of n; 0 where n is 1."""
    count = observed_count(past, observed)
    # The variance of a single value is 0, so any finite factor does.
    if isinstance(count, int):
        return variance * (count / max(count - 1, 1))
    return variance * count / (count - 1).clamp(min=1)


def guard_zero_scale(scale: Tensor) -> Tensor:
    """Return the scale, or variance, with 0 replaced by 1; NaN stays NaN.

    A window without spread has no scale of its own. Only 0 is replaced, never a small scale, so
    that a forecast follows a change of scale exactly.
    """
    return torch.where(scale == 0, 1, scale)


def observed_quantiles(
    values: Tensor, observed: Tensor | None, quantiles: list[float]
) -> list[Tensor]:
    """Return quantiles over time, each (batch, 1, channels); 0 where nothing is observed.

    Values between two order statistics are interpolated linearly, as NumPy does by default.

    Args:
        values: (batch, time, channels).
        observed: True where a value counts; None means everywhere.
        quantiles: from 0 to 1.
    """
    if observed is None:
        ordered = values.sort(dim=1).values
        last = ordered.new_full((), values.shape[1] - 1)
        return [
            _interpolate_sorted(ordered, quantile * last.expand_as(ordered[:, :1]))
            for quantile in quantiles
        ]
    # Unobserved values sort to the end, beyond the last index that is used.
    ordered = torch.where(observed, values, torch.inf).sort(dim=1).values
    last = observed.sum(dim=1, keepdim=True) - 1
    ranks = [quantile * last.clamp(min=0).to(values.dtype) for quantile in quantiles]
    return [torch.where(last >= 0, _interpolate_sorted(ordered, rank), 0) for rank in ranks]


def observed_median(values: Tensor, observed: Tensor | None) -> Tensor:
    """Return the median over time, averaging the two middle values of an even count."""
    return observed_quantiles(values, observed, [0.5])[0]


def slice_statistics(
    values: Tensor, observed: Tensor, length: int, align_end: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, unbiased variance and number of the observed values of each slice.

    Args:
        values: (batch, time, channels).
        observed: True where a value counts.
        length: steps of a slice; one slice is shorter if the length does not divide the window.
        align_end: the shorter slice is the first instead of the last.

    Returns:
        Three tensors (batch, slices, channels); 0 where there are too few values.
    """
    missing = -values.shape[1] % length
    padding = (0, 0, missing, 0) if align_end else (0, 0, 0, missing)
    sizes = ((values.shape[1] + missing) // length, length)
    # Padded steps count as unobserved.
    weights = torch.unflatten(functional.pad(observed.to(values.dtype), padding), 1, sizes)
    padded = functional.pad(torch.where(observed, values, 0), padding)
    slices = torch.unflatten(padded, 1, sizes)
    count = weights.sum(dim=2)
    mean = slices.sum(dim=2) / count.clamp(min=1)
    squares = ((slices - mean.unsqueeze(2)) * weights).square().sum(dim=2)
    return mean, squares / (count - 1).clamp(min=1), count


def repeat_over_steps(slices: Tensor, length: int, steps: int, align_end: bool) -> Tensor:
    """Repeat each slice over its steps: (batch, slices, channels) to (batch, steps, channels)."""
    repeated = slices.repeat_interleave(length, dim=1)
    return repeated[:, repeated.shape[1] - steps :] if align_end else repeated[:, :steps]


class CentredWindows(NamedTuple):
    """Windows minus their anchor, one of their values, so that a large level costs no digits."""

    values: Tensor
    """`past - anchor` (batch, lookback, channels), 0 where unobserved, in float32 at least."""
    anchor: Tensor
    """The last observed value (batch, 1, channels)."""
    mean: Tensor
    """Mean of the observed `values` (batch, 1, channels)."""
    observed: Tensor
    """Where `past` is observed and finite."""
    observed_count: Tensor | int
    """Number of observed values, at least 1."""

    def subtract_mean(self) -> Tensor:
        """Return `past - mean of past`, 0 where unobserved."""
        return torch.where(self.observed, self.values - self.mean, 0)


def centre_windows(past: Tensor, observed: Tensor | None) -> CentredWindows:
    """Subtract each window's last observed value, the anchor.

    Raises:
        ValueError: `observed` is not a boolean tensor of the shape of `past`.
    """
    observed = find_observed(past, observed)
    past = past.to(statistics_dtype(past.dtype))
    anchor = last_observed_values(past, observed)
    values = torch.where(observed, past - anchor, 0)
    count = observed_count(past, observed)
    return CentredWindows(values, anchor, values.sum(dim=1, keepdim=True) / count, observed, count)


def _interpolate_sorted(ordered: Tensor, rank: Tensor) -> Tensor:
    """Return the values at fractional ranks, each (batch, 1, channels), counted from 0."""
    low = ordered.gather(1, rank.floor().long())
    high = ordered.gather(1, rank.ceil().long())
    return low + (high - low) * (rank - rank.floor())
