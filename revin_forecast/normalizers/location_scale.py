from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.normalizers.base import Kind, Normalizer
from revin_forecast.shapes import Future, Observed, Past, Statistic


class LocationScale(NamedTuple):
    """Location and scale of each window and channel, each (batch, 1, channels).

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

    def broadcast_over(self, future: Tensor) -> "LocationScale":
        """Return the statistics with trailing axes of size 1, to meet levels or samples."""
        shape = (*self.anchor.shape, *[1] * (future.ndim - 3))
        return LocationScale(*(part.reshape(shape) for part in self))


class LocationScaleNormalizer(Normalizer[LocationScale]):
    """Subtract a location, divide by a scale: z = gain (x - location) / scale + offset."""

    @abstractmethod
    def statistics(self, past: Past, observed: Observed) -> LocationScale:
        """Compute each window's statistics from its observed values, in float32 at least."""

    def location_weights(self, lookback: int) -> Tensor | None:
        """Return c (lookback,) with location = c . window if fully observed; None if no such c.

        A linear map W between this normalizer's two directions is W (x - location) + location in
        the data's units, whatever the scale. That makes least squares solvable in closed form.
        """
        return None

    def affine(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return gain and offset (channels,), the same in both directions; None: 1 and 0."""
        return None

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LocationScale]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        observed = observed_values(past, observed)
        wide = past.to(statistics_dtype(past.dtype))
        stats = self.statistics(wide, observed)
        # Masked before the division: a NaN under it would reach the scale's gradient.
        z = torch.where(observed, stats.centre(wide), 0) / stats.scale
        if (affine := self.affine(z.dtype)) is not None:
            gain, offset = affine
            z = z * gain + offset
        return z.to(past.dtype), stats

    def denormalize(self, future: Future, stats: LocationScale, kind: Kind = "location") -> Future:
        """Map a forecast back to the data's scale; see `Normalizer.denormalize`."""
        self._check_future(future, stats.anchor.shape[0])
        future = future.to(torch.promote_types(future.dtype, stats.anchor.dtype))
        if self.target_index is not None:
            stats = stats.select(self.target_index)
        stats = stats.broadcast_over(future)
        gain, offset = self._target_affine(future)
        if kind == "scale":
            return future / gain.abs() * stats.scale
        if kind == "variance":
            return future / gain.square() * stats.scale.square()
        if kind == "quantile":  # a negative gain turns the lowest level into the highest
            future = torch.where(gain < 0, future.flip(-1), future)
        return (future - offset) / gain * stats.scale + stats.residual + stats.anchor

    def _target_affine(self, future: Tensor) -> tuple[Tensor, Tensor]:
        affine = self.affine(future.dtype)
        if affine is None:
            return future.new_ones(()), future.new_zeros(())
        gain, offset = affine
        if self.target_index is not None:
            gain, offset = gain[self.target_index], offset[self.target_index]
        shape = (1, 1, -1, *[1] * (future.ndim - 3))
        return gain.reshape(shape), offset.reshape(shape)


def statistics_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype statistics are held in: float64 for float64, else float32."""
    return torch.promote_types(dtype, torch.float32)


def observed_values(past: Tensor, observed: Tensor | None) -> Tensor:
    """Return where `past` is both declared observed and finite.

    Raises:
        ValueError: `observed` is no boolean tensor of the shape of `past`; it is never broadcast.
    """
    finite = past.isfinite()
    if observed is None:
        return finite
    if observed.shape != past.shape or observed.dtype != torch.bool:
        raise ValueError(
            f"observed is {observed.dtype} of shape {tuple(observed.shape)} but past has shape "
            f"{tuple(past.shape)}. Pass a boolean for each value, True where it was measured."
        )
    return finite & observed


def last_observed(past: Tensor, observed: Tensor) -> Tensor:
    """Return the last observed value of each window and channel, 0 where there is none."""
    # Narrow integers: this product is as large as the window.
    steps = torch.arange(1, past.shape[1] + 1, device=past.device, dtype=torch.int32)
    latest = (observed * steps.reshape(1, -1, 1)).amax(dim=1, keepdim=True).long()
    value = past.gather(1, (latest - 1).clamp(min=0))
    return torch.where(latest > 0, value, 0)
