"""revin_forecast/normalizers/statistics.py."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from revin_forecast.shapes import Statistic


class LocationScale(NamedTuple):
    """Location and scale of each window and channel, each (batch, 1 or horizon, channels).

    The location is `anchor + residual`, kept apart: the anchor is a value of the window, so that
    `past - anchor` is exact, and the small residual keeps the digits that float32 can't hold
    beside a large level.
    """

    anchor: Statistic
    residual: Statistic
    scale: Statistic

    @property
    def location(self) -> Tensor:
        """The location as one number, rounded to the dtype."""
        return self.anchor + self.residual

    def centre(self, past: Tensor) -> Tensor:
        """Return `past - location` without losing the small part."""
        return (past - self.anchor) - self.residual

    def select(self, index: Tensor) -> "LocationScale":
        """Return the statistics of some channels."""
        return LocationScale(*(part.index_select(2, index) for part in self))

    def add_trailing_axes(self, future: Tensor) -> "LocationScale":
        """Return the statistics with trailing axes of size 1, to meet levels or samples."""
        axes = [1] * (future.ndim - 3)
        return LocationScale(*(part.reshape(*part.shape, *axes) for part in self))


def statistics_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype statistics are held in: float64 for float64, else float32."""
    return torch.promote_types(dtype, torch.float32)


def check_observed(past: Tensor, observed: Tensor | None) -> None:
    """Refuse an `observed` that is no boolean of the shape of `past`; it is never broadcast."""
    if observed is not None and (observed.shape != past.shape or observed.dtype != torch.bool):
        raise ValueError(
            f"observed is {observed.dtype} of shape {tuple(observed.shape)} but past has shape "
            f"{tuple(past.shape)}. Pass a boolean for each value, True where it was measured."
        )


def find_observed(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return where `past` is both declared observed and finite.

    Raises:
        ValueError: `observed` is no boolean tensor of the shape of `past`.
    """
    check_observed(past, observed)
    finite = past.isfinite()
    return finite if observed is None else finite & observed


def last_observed_values(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return the last observed value of each window and channel, 0 where there is none."""
    if observed is None:
        return past[:, -1:]
    # Narrow integers: this product is as large as the window.
    steps = torch.arange(1, past.shape[1] + 1, device=past.device, dtype=torch.int32)
    latest = (observed * steps.reshape(1, -1, 1)).amax(dim=1, keepdim=True).long()
    value = past.gather(1, (latest - 1).clamp(min=0))
    return torch.where(latest > 0, value, 0)


def observed_count(past: Tensor, observed: Tensor | None) -> Tensor | int:
    """Return how many values of each window and channel are observed, 1 where there is none."""
    if observed is None:
        return past.shape[1]
    return observed.sum(dim=1, keepdim=True).clamp(min=1)


def guard_zero_scale(scale: Tensor) -> Tensor:
    """Return the scale with 1 in place of 0: a window without spread has no scale of its own.

    NaN stays NaN.
    """
    return torch.where(scale == 0, 1, scale)


def observed_quantiles(
    values: Tensor, observed: Tensor | None, quantiles: list[float]
) -> list[Tensor]:
    """Return quantiles over time, each (batch, 1, channels); 0 where nothing is observed.

    Between two order statistics the value is interpolated linearly, as NumPy does it.

    Args:
        values: (batch, time, channels).
        observed: where a value counts; None: everywhere.
        quantiles: from 0 to 1.
    """
    if observed is None:
        ordered = values.sort(dim=1).values
        last = ordered.new_full((), values.shape[1] - 1)
        return [
            _interpolate_sorted(ordered, level * last.expand_as(ordered[:, :1]))
            for level in quantiles
        ]
    ordered = torch.where(observed, values, torch.inf).sort(dim=1).values
    last = observed.sum(dim=1, keepdim=True) - 1
    places = [level * last.clamp(min=0).to(values.dtype) for level in quantiles]
    return [torch.where(last >= 0, _interpolate_sorted(ordered, place), 0) for place in places]


def observed_median(values: Tensor, observed: Tensor | None) -> Tensor:
    """Return the median over time, the two middle values of an even count averaged."""
    return observed_quantiles(values, observed, [0.5])[0]


def _interpolate_sorted(ordered: Tensor, place: Tensor) -> Tensor:
    low = ordered.gather(1, place.floor().long())
    high = ordered.gather(1, place.ceil().long())
    return low + (high - low) * (place - place.floor())


def slice_statistics(
    values: Tensor, observed: Tensor, length: int, align_end: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, unbiased variance and number of the observed values of each slice.

    Args:
        values: (batch, time, channels).
        observed: where a value counts.
        length: steps of a slice; a shorter one remains where it does not divide the window.
        align_end: the shorter slice is the first, not the last.

    Returns:
        Three tensors (batch, slices, channels); 0 where there are too few values.
    """
    missing = -values.shape[1] % length
    padding = (0, 0, missing, 0) if align_end else (0, 0, 0, missing)
    steps = (values.shape[1] + missing) // length
    seen = functional.pad(observed.to(values.dtype), padding)
    seen = seen.unflatten(1, (steps, length))
    inside = functional.pad(torch.where(observed, values, 0), padding).unflatten(1, (steps, length))
    count = seen.sum(dim=2)
    mean = inside.sum(dim=2) / count.clamp(min=1)
    squares = ((inside - mean.unsqueeze(2)) * seen).square().sum(dim=2)
    return mean, squares / (count - 1).clamp(min=1), count


def repeat_over_steps(slices: Tensor, length: int, steps: int, align_end: bool) -> Tensor:
    """Give each step the value of its slice: (batch, slices, channels) to (batch, steps, ...)."""
    repeated = slices.repeat_interleave(length, dim=1)
    return repeated[:, repeated.shape[1] - steps :] if align_end else repeated[:, :steps]


class CentredWindows(NamedTuple):
    """Windows counted from their anchor, a value of their own, so that no level costs digits."""

    values: Tensor
    """`past - anchor` (batch, lookback, channels), 0 where unobserved, in float32 at least."""
    anchor: Tensor
    """The last observed value (batch, 1, channels)."""
    mean: Tensor
    """Mean of the observed `values` (batch, 1, channels)."""
    observed: Tensor
    """Where `past` is observed and finite."""
    observed_count: Tensor | int
    """How many values are observed, at least 1."""

    def subtract_mean(self) -> Tensor:
        """Return `past - mean of past`, 0 where unobserved."""
        return torch.where(self.observed, self.values - self.mean, 0)


def centre_windows(past: Tensor, observed: Tensor | None) -> CentredWindows:
    """Count windows from their last observed value.

    Raises:
        ValueError: `observed` is no boolean tensor of the shape of `past`.
    """
    seen = find_observed(past, observed)
    wide = past.to(statistics_dtype(past.dtype))
    anchor = last_observed_values(wide, seen)
    values = torch.where(seen, wide - anchor, 0)
    count = observed_count(wide, seen)
    return CentredWindows(values, anchor, values.sum(dim=1, keepdim=True) / count, seen, count)
