"""SAN: normalization by the statistics of slices, which it predicts for the horizon."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.normalizers.learned import (
    FullPrecisionLinear,
    PredictedStatistics,
    PretrainedNormalizer,
    require_size,
)
from revin_forecast.normalizers.statistics import (
    LocationScale,
    centre_windows,
    guard_zero_scale,
    repeat_over_steps,
    slice_statistics,
)
from revin_forecast.utils.shapes import Future, Observed, Past

MIN_SCALE = 1e-5
"""Added to a predicted deviation, as in the authors' code."""


class SliceStats(NamedTuple):
    """Predicted statistics of the horizon's slices."""

    anchor: Tensor
    """The last observed value, (batch, 1, channels)."""
    means: Tensor
    """Means minus the anchor, (batch, slices, channels)."""
    scales: Tensor
    """Standard deviations, (batch, slices, channels)."""


class SAN(PredictedStatistics[SliceStats], PretrainedNormalizer[SliceStats]):
    """Slice-level adaptive normalization (SAN; Liu et al., NeurIPS 2023).

    Each slice of the look-back is normalized by its own mean and deviation; two small networks
    predict those of the horizon's slices from them and the window. The networks are trained first,
    on the true slice statistics, and frozen while the backbone learns.

    The slices of the look-back end at its last step, those of the horizon begin at its first step;
    where the slice length does not divide the size, the slice farthest from the forecast origin is
    shorter. Differences from the authors' code: the network of the deviations sees the centred
    window instead of raw values; its output passes through softplus instead of ReLU, which can die;
    a slice without spread takes the deviation of the window.

    Args:
        channels: channels of the look-back window.
        lookback: steps of the look-back window.
        horizon: steps to forecast.
        slice_length: steps of a slice: a day of hourly data, or 6 to 12.
        hidden: width of the networks.
        epochs: maximum number of epochs of the first stage.
        targets: channels that the backbone forecasts; None means all.
    """

    def __init__(
        self,
        channels: int,
        lookback: int | None = None,
        horizon: int | None = None,
        slice_length: int = 24,
        hidden: int = 512,
        epochs: int = 5,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        self.lookback = require_size("lookback", lookback, "SAN")
        self.horizon = require_size("horizon", horizon, "SAN")
        self.slice_length = require_size("slice_length", slice_length, "SAN")
        self.epochs = require_size("epochs", epochs, "SAN")
        # Rounded up: the slice length need not divide the sizes.
        sizes = (self.lookback, -(-self.lookback // slice_length), -(-self.horizon // slice_length))
        self.mean_network = _SliceNetwork(*sizes, hidden, nn.Tanh())
        self.scale_network = _SliceNetwork(*sizes, hidden, nn.ReLU())
        self.mix = nn.Parameter(torch.ones(2, channels))

    @property
    def pretraining_epochs(self) -> int:
        """The constructor's `epochs`; the authors use 5."""
        return self.epochs

    @property
    def pretraining_learning_rate(self) -> float:
        """1e-4, within the authors' range."""
        return 1e-4

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, SliceStats]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        windows = centre_windows(past, observed)
        centred, observed = windows.subtract_mean(), windows.observed
        variance = centred.square().sum(dim=1, keepdim=True) / windows.observed_count
        means, variances, counts = slice_statistics(centred, observed, self.slice_length, True)
        # A slice that is constant, or has one value, takes the deviation of its window.
        scales = torch.where(variances > 0, variances, guard_zero_scale(variance)).sqrt()
        location, scale = (
            repeat_over_steps(statistic, self.slice_length, self.lookback, True)
            for statistic in (means, scales)
        )
        z = torch.where(observed, (centred - location) / scale, 0)
        # The network sees the slice's own deviation, 0 where it has none.
        scales = torch.where(counts > 1, variances, 0)
        scales = torch.where(scales > 0, guard_zero_scale(scales).sqrt(), 0)
        return z.to(past.dtype), self._predict_statistics(
            windows.anchor, windows.mean, means, scales, centred
        )

    def future_statistics(self, stats: SliceStats) -> LocationScale:
        """Return the predicted statistics of each step of the horizon."""
        means, scales = (
            repeat_over_steps(statistic, self.slice_length, self.horizon, False)
            for statistic in (stats.means, stats.scales)
        )
        return LocationScale(stats.anchor, means, scales)

    def auxiliary_loss(
        self, stats: SliceStats, future: Future, forecast: Future | None = None
    ) -> Tensor:
        """Return the mean squared error of the predicted means and deviations of slices.

        A slice without values has no mean, one with a single value no deviation; neither counts.
        """
        stats = self._restore_statistics(stats)
        anchor, predicted_means, predicted_scales = map(self._select_targets, stats)
        observed = future.isfinite()
        values = torch.where(observed, future - anchor, 0)
        means, variances, counts = slice_statistics(values, observed, self.slice_length, False)
        errors = torch.stack([predicted_means - means, predicted_scales - variances.sqrt()])
        defined = torch.stack([counts > 0, counts > 1])
        return torch.where(defined, errors, 0).square().sum() / defined.sum().clamp(min=1)

    def _predict_statistics(
        self, anchor: Tensor, mean: Tensor, means: Tensor, scales: Tensor, centred: Tensor
    ) -> SliceStats:
        """Predict the slices of the horizon: w0 network + w1 mean, and softplus(network)."""
        first, second = self.mix.to(mean.dtype)
        # w1 (mean + anchor), relative to the anchor.
        level = second * mean + (second - 1) * anchor
        future_means = first * self.mean_network(means, centred) + level
        spread = functional.softplus(self.scale_network(scales, centred)) + MIN_SCALE
        return SliceStats(anchor, future_means, spread)


class _SliceNetwork(nn.Module):
    """Map slice statistics and the window of each channel to statistics of the horizon's slices."""

    def __init__(self, lookback: int, slices: int, outputs: int, hidden: int, bend: nn.Module):
        super().__init__()
        self.from_slices = FullPrecisionLinear(slices, hidden)
        self.from_window = FullPrecisionLinear(lookback, hidden)
        self.bend = bend
        self.out = FullPrecisionLinear(2 * hidden, outputs)

    def forward(self, slices: Tensor, window: Tensor) -> Tensor:
        """Map (batch, slices, channels) and (batch, lookback, channels) to the horizon's slices."""
        hidden = [self.from_slices(slices.mT), self.from_window(window.mT)]
        return self.out(self.bend(torch.cat(hidden, dim=-1))).mT
