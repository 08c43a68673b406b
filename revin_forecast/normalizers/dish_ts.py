"""Dish-TS: separate learned levels for the past and the future."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.learned import PredictedStatistics, require_size
from revin_forecast.normalizers.statistics import (
    LocationScale,
    centre_windows,
    guard_zero_scale,
)
from revin_forecast.normalizers.weight_bound import bound_away_from_zero
from revin_forecast.utils.shapes import Future, Observed, Past


class DishStats(NamedTuple):
    """Level and scale of the window, and those of its forecast."""

    past: LocationScale
    future: LocationScale


class DishTS(PredictedStatistics[DishStats]):
    """Separate learned levels for past and future (Dish-TS; Fan et al., AAAI 2023).

    level = sum_t w_t x_t with weights per channel, separate for past and future;
    scale^2 = sum_t (x_t - level)^2 / (T - 1), both over the values of the look-back; one affine map
    for both directions. The released code applies a GELU to the levels, which erases negative ones;
    this class does not. Weights start at the mean, 1/T, and are stored as their difference from it.
    Unobserved values are replaced by the window's mean.

    One step of Adam moves every weight by the learning rate, and so a level by up to look-back
    times learning rate times level. On noise of deviation 1 at level 50, with a look-back of 96, a
    step with rate 1e-3 takes the mean squared error from 1.3 to 28. Standardize the data first, as
    `fit` does, or take a learning rate far below deviation / (look-back * level).

    Args:
        channels: channels of the look-back window.
        lookback: steps of the look-back window.
        affine: learn a weight and a bias per channel.
        prior: weight of the prior-guided loss, (future level - mean of the horizon)^2.
        targets: channels that the backbone forecasts; None means all.
    """

    affine_weight: nn.Parameter | None
    affine_bias: nn.Parameter | None

    def __init__(
        self,
        channels: int,
        lookback: int | None = None,
        affine: bool = True,
        prior: float = 0.5,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        if prior < 0:
            raise ValueError(f"DishTS needs a prior weight >= 0 but got {prior}.")
        self.lookback = require_size("lookback", lookback, "DishTS")
        self.prior = float(prior)
        self.past_weight = nn.Parameter(torch.zeros(channels, self.lookback))
        self.future_weight = nn.Parameter(torch.zeros(channels, self.lookback))
        self.affine_weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.affine_bias = nn.Parameter(torch.zeros(channels)) if affine else None

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of scale; of level only while the weights sum to 1, as they do initially."""
        return frozenset({"scale"})

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return the weight, bounded away from zero, and the bias; None without affine map."""
        if self.affine_weight is None or self.affine_bias is None:
            return None
        return bound_away_from_zero(self.affine_weight.to(dtype)), self.affine_bias.to(dtype)

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, DishStats]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        windows = centre_windows(past, observed)
        values, anchor, mean, observed, count = windows
        centred = windows.subtract_mean()
        statistics: list[LocationScale] = []
        for weight in (self.past_weight, self.future_weight):
            wide_weight = weight.to(values.dtype).mT
            shift = (wide_weight * centred).sum(dim=1, keepdim=True)
            shift = shift + wide_weight.sum(dim=0) * (mean + anchor)
            squares = torch.where(observed, centred - shift, 0).square().sum(dim=1, keepdim=True)
            variance = squares / (count - 1 + (count == 1))  # a single value has variance 0 / 1
            scale = guard_zero_scale(variance).sqrt()
            statistics.append(LocationScale(anchor, mean + shift, scale))
        stats = DishStats(*statistics)
        z = torch.where(observed, values - stats.past.residual, 0) / stats.past.scale
        if (affine := self.affine_parameters(z.dtype)) is not None:
            z = z * affine[0] + affine[1]
        return z.to(past.dtype), stats

    def future_statistics(self, stats: DishStats) -> LocationScale:
        """Return the level and scale of the future."""
        return stats.future

    def auxiliary_loss(
        self, stats: DishStats, future: Future, forecast: Future | None = None
    ) -> Tensor:
        """Return prior * mean (future level - mean of the observed horizon)^2."""
        stats = self._restore_statistics(stats)
        level = LocationScale(*map(self._select_targets, stats.future))
        observed = future.isfinite()
        count = observed.sum(dim=1, keepdim=True)
        # Relative to the anchor, so that a large level costs no digits.
        total = torch.where(observed, future - level.anchor, 0).sum(dim=1, keepdim=True)
        error = torch.where(count > 0, level.residual - total / count.clamp(min=1), 0)
        return self.prior * error.square().sum() / (count > 0).sum().clamp(min=1)
