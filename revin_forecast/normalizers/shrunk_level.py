"""ShrunkLevel: RevIN that gives back less of a level that reverts to its mean."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.normalizers.affine import AffineNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.learned import (
    InitializedFromData,
    check_lookback,
    require_size,
)
from revin_forecast.normalizers.level_head import fit_level_head
from revin_forecast.normalizers.level_shares import estimate_level_shares
from revin_forecast.normalizers.partial_shift import PartialShift
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale, find_observed, guard_zero_scale
from revin_forecast.utils.shapes import Observed, Past


class LevelStats(NamedTuple):
    """Statistics of a window under `ShrunkLevel`."""

    window: LocationScale
    """Location and scale of the window."""
    reading: Tensor
    """Reading of the level minus the window's mean, (batch, 1, channels)."""


class ShrunkLevel(
    AffineNormalizer[LevelStats], InitializedFromData[LevelStats], PartialShift[LevelStats]
):
    """RevIN that gives back less of a level that reverts to its mean.

    z is that of RevIN. The way back adds, at step k, the location
    level + share * slope[k] * (reading - centre): the level is the window's mean, the reading a
    weighted sum of the window's values with weights that sum to 1, and the centre the mean of the
    training rows. RevIN is share 0: it gives the whole level back, as if the level were a random
    walk. Take the level away if the training part holds fewer than about five memories of it.

    `initialize_from`, which training calls, computes everything from the training rows, and nothing
    is learned by gradient. Each channel has its share, `estimate_level_shares`: 0 unless its levels
    revert. Reading and slopes are those of the regression that keeps the level as one more column,
    `build_level_head`. They are the same for all channels, as is the map of a linear backbone, and
    the same around any backbone. `closed_form.fit_ridge` replaces them by those that belong to its
    map and its penalty; a map for each channel brings its own.

    It is a class of its own and not an option of RevIN, because it needs the size of the windows
    and has another way back.

    Args:
        channels: channels of the look-back window.
        lookback: steps of the look-back window.
        horizon: steps to forecast.
        affine: learn a weight and a bias for each channel, as RevIN does.
        targets: channels that the backbone forecasts; None means all.
    """

    shares: Tensor
    """(channels,), from 0 to 1."""
    slopes: Tensor
    """(horizon, channels), from -1 to 0."""
    reading_weights: Tensor
    """(channels, lookback); each row sums to 1."""
    training_mean: Tensor
    """(channels,): mean of the observed training rows, 0 if they are standardized."""

    def __init__(
        self,
        channels: int,
        lookback: int | None = None,
        horizon: int | None = None,
        affine: bool = True,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        self.lookback = require_size("lookback", lookback, "ShrunkLevel")
        self.horizon = require_size("horizon", horizon, "ShrunkLevel")
        self.standard = RevIN(channels, affine=affine)
        self.register_buffer("shares", torch.zeros(channels))
        self.register_buffer("slopes", torch.zeros(self.horizon, channels))
        weights = torch.full((channels, self.lookback), 1 / self.lookback)
        self.register_buffer("reading_weights", weights)
        self.register_buffer("training_mean", torch.zeros(channels))

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale, if no channel keeps a share of its level."""
        return frozenset() if self.shares.any() else frozenset({"shift", "scale"})

    @property
    def shift_shares(self) -> Tensor:
        """1 + share * slope: between 1 - share and 1."""
        return 1 + self.shares * self.slopes

    @property
    def centre(self) -> Tensor:
        """The mean of the training rows."""
        return self.training_mean

    @property
    def is_invertible(self) -> bool:
        """No: the horizon has another level than the window."""
        return False

    def initialize_from(self, values: Tensor, lookback: int) -> None:
        """Compute shares, reading and slopes from the training rows; see the class.

        Without rows for one window, or if no level reverts, the layer is RevIN.

        Args:
            values: (time, channels); NaN is unobserved.
            lookback: steps of the windows.

        Raises:
            ValueError: other channels or another look-back than the layer was built for.
        """
        if values.shape[1] != self.channels or lookback != self.lookback:
            raise ValueError(
                f"ShrunkLevel was built for {self.channels} channels and a look-back of "
                f"{self.lookback} but got rows of {values.shape[1]} and {lookback}. Build a layer "
                "of these sizes."
            )
        values = values.detach()
        # A copy, which may be changed.
        rows = torch.where(values.isfinite(), values, torch.nan).double()
        mean = rows.nanmean(dim=0).nan_to_num()
        shares = estimate_level_shares(rows, lookback)
        if len(rows) < self.lookback + self.horizon:
            shares = torch.zeros_like(shares)
        with torch.no_grad():
            self.shares.copy_(shares)
            self.training_mean.copy_(mean)
            # Nothing of an earlier call is left.
            self.slopes.zero_()
            self.reading_weights.fill_(1 / self.lookback)
        if shares.any():
            # Channels of other units have the same weight, also if the rows are not standardized.
            rows -= mean
            rows /= guard_zero_scale(rows.square().nanmean(dim=0).sqrt())
            self.set_level_head(*fit_level_head(rows, self.lookback, self.horizon))

    def set_level_head(self, reading_weights: Tensor, slopes: Tensor) -> None:
        """Replace the reading and the slopes, for instance by those of an exact solution.

        Args:
            reading_weights: (lookback,), or (channels, lookback) if they differ by channel.
            slopes: (horizon,), or (horizon, channels).

        Raises:
            ValueError: other shapes, weights that don't sum to 1, or slopes outside [-1, 0].
        """
        weights = reading_weights.expand(self.channels, -1)
        slopes = slopes.unsqueeze(1).expand(-1, self.channels) if slopes.ndim == 1 else slopes
        for name, got, wanted in (
            ("reading_weights", weights, self.reading_weights),
            ("slopes", slopes, self.slopes),
        ):
            if got.shape != wanted.shape:
                raise ValueError(
                    f"{name} must have the shape {tuple(wanted.shape)} but got "
                    f"{tuple(got.shape)}. Solve them for the layer's look-back, horizon and "
                    "channels."
                )
        error = (weights.sum(dim=1) - 1).abs().max().item()
        if not error < 1e-3 or not ((slopes >= -1) & (slopes <= 0)).all():
            raise ValueError(
                f"the reading's weights must sum to 1 and slopes must be in [-1, 0] but sums are "
                f"up to {error:.3g} off and slopes in [{slopes.min():.3g}, {slopes.max():.3g}]. "
                "Subtract the excess from each weight, and clamp the slopes."
            )
        with torch.no_grad():
            self.reading_weights.copy_(weights)
            self.slopes.copy_(slopes)

    def affine_parameters(self, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """Return the weight, bounded away from zero, and the bias; None without affine map."""
        return self.standard.affine_parameters(dtype)

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LevelStats]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        check_lookback(past, self.lookback, "ShrunkLevel")
        z, window = self.standard.normalize(past, observed)
        # Detached, as RevIN's statistics are. An unobserved value counts as the level.
        values = past.detach().to(window.scale.dtype)
        centred = torch.where(find_observed(past, observed), window.centre(values), 0)
        weights = self.reading_weights.to(centred.dtype).mT
        return z, LevelStats(window, (weights * centred).sum(dim=1, keepdim=True))

    def future_statistics(self, stats: LevelStats) -> LocationScale:
        """Return the location of each step and the window's scale."""
        (anchor, residual, scale), reading = stats
        dtype = scale.dtype
        # In this order, so that a large level costs no digits.
        distance = (anchor - self.training_mean.to(dtype)) + residual + reading
        change = (self.shares * self.slopes).to(dtype) * distance
        return LocationScale(anchor.expand_as(change), residual + change, scale)

    def extra_repr(self) -> str:
        """Show the sizes, and the mean share that is kept if it is known."""
        sizes = f"{super().extra_repr()}, lookback={self.lookback}, horizon={self.horizon}"
        if self.shares.is_meta:  # without values
            return sizes
        return f"{sizes}, mean share {self.shares.mean().item():.2f}"
