from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.normalizers.location_scale import (
    last_observed_values,
    observed_count,
    find_observed,
    statistics_dtype,
)


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
