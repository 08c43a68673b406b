"""DifferenceScale: subtract the last observed value, divide by the usual size of a step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.kernels.dispatch import can_branch_on_data
from revin_forecast.normalizers.statistics import (
    LocationScale,
    guard_zero_scale,
    last_observed_values,
    observed_count,
)
from revin_forecast.utils.shapes import Observed, Past, Statistic


class DifferenceScale(LocationScaleNormalizer):
    """Subtract the last value and divide by the mean absolute step: z = (x - x_L) / scale.

    `scale = mean |x_t - x_{t-1}| + deviation_share * deviation`, both over the last `rows` steps,
    or over the whole window where these have no spread; 1 for a constant window. The error of MASE
    is divided by the same mean step. The small share of the deviation bounds z where the steps are
    tiny and the window drifts far.

    Across a gap, neighbouring observed values k steps apart count as `|difference| / sqrt(k)`, the
    step of a random walk. Leaving such pairs out would need no assumption, but a window with many
    gaps would have few pairs, or none, and two equal values among them could make its scale
    vanish. In noise around a level, a gap makes the scale too small, by sqrt(k) at most.

    Location and scale are constants to the gradient, as in `LastValue`.

    Args:
        channels: channels of the look-back window.
        targets: channels that the backbone forecasts; None means all.
        rows: last steps of the window that the scale is measured on, so that a long window is
            scaled by its recent steps.
        deviation_share: share of the standard deviation that is added to the mean step.

    Raises:
        ValueError: fewer than 2 rows, which have no step, or a negative or infinite share.
    """

    def __init__(
        self,
        channels: int,
        targets: Sequence[int] | None = None,
        rows: int = 100,
        deviation_share: float = 0.02,
    ):
        super().__init__(channels, targets)
        if rows < 2:
            raise ValueError(f"DifferenceScale needs rows >= 2, a step, but got {rows}.")
        if not 0 <= deviation_share < float("inf"):
            raise ValueError(
                f"DifferenceScale needs a finite deviation_share >= 0 but got {deviation_share}."
            )
        self.rows = int(rows)
        self.deviation_share = float(deviation_share)

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return the last observed value, and the scale of the last rows."""
        past = past.detach()
        anchor = last_observed_values(past, observed)
        recent = None if observed is None else observed[:, -self.rows :]
        scale = self._measure_scale(past[:, -self.rows :], anchor, recent)
        is_flat = scale == 0
        # Measuring all rows costs the most, so where data may decide, it is done only if needed.
        if past.shape[1] > self.rows and (not can_branch_on_data(past) or is_flat.any()):
            # 1, the scale of a constant window, would not follow a change of scale here.
            scale = torch.where(is_flat, self._measure_scale(past, anchor, observed), scale)
        return LocationScale(anchor, torch.zeros_like(anchor), guard_zero_scale(scale))

    def location_weights(self, lookback: int) -> Tensor:
        """Return the last unit vector."""
        weights = torch.zeros(lookback, dtype=torch.float64)
        weights[-1] = 1
        return weights

    def extra_repr(self) -> str:
        """Show the rows and the share as well."""
        options = f"rows={self.rows}, deviation_share={self.deviation_share}"
        return f"{super().extra_repr()}, {options}"

    def _measure_scale(self, past: Past, anchor: Statistic, observed: Observed | None) -> Statistic:
        """Return mean step plus share of the deviation, 0 without two different values."""
        step = _mean_step(past) if observed is None else _mean_step_across_gaps(past, observed)
        return step + self.deviation_share * _deviation(past - anchor, observed)


def _mean_step(past: Past) -> Statistic:
    size = (past[:, 1:] - past[:, :-1]).abs()
    return size.sum(dim=1, keepdim=True) / max(past.shape[1] - 1, 1)


def _mean_step_across_gaps(past: Past, observed: Observed) -> Statistic:
    """Return the mean of `|difference| / sqrt(distance)` of neighbouring observed values."""
    lookback = past.shape[1]
    time = torch.arange(lookback, device=past.device).reshape(1, -1, 1)
    # Observed steps in the order of time, followed by `lookback` for each unobserved one.
    steps = torch.where(observed, time, lookback).sort(dim=1).values
    values = past.gather(1, steps.clamp(max=lookback - 1))
    is_pair = steps[:, 1:] < lookback
    distance = (steps[:, 1:] - steps[:, :-1]).clamp(min=1).to(past.dtype)
    size = torch.where(is_pair, (values[:, 1:] - values[:, :-1]).abs() / distance.sqrt(), 0)
    return size.sum(dim=1, keepdim=True) / is_pair.sum(dim=1, keepdim=True).clamp(min=1)


def _deviation(centred: Past, observed: Observed | None) -> Statistic:
    count = observed_count(centred, observed)
    centred = centred if observed is None else torch.where(observed, centred, 0)
    distance = centred - centred.sum(dim=1, keepdim=True) / count
    distance = distance if observed is None else torch.where(observed, distance, 0)
    return (distance.square().sum(dim=1, keepdim=True) / count).sqrt()
