from typing import NamedTuple

import torch
from torch import Tensor

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
