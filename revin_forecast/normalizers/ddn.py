"""DDN: normalization by sliding statistics of the values and of their wavelet bands."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.learned import (
    FullPrecisionLinear,
    PredictedStatistics,
    PretrainedNormalizer,
    require_size,
)
from revin_forecast.normalizers.statistics import LocationScale, centre_windows, guard_zero_scale
from revin_forecast.normalizers.wavelet import join_bands, split_bands
from revin_forecast.utils.shapes import Future, Observed, Past

BAND_WINDOW = 5
"""Steps of the sliding window over a wavelet band, as in the authors' code."""

RELATIVE_MIN_SCALE = 1e-5
"""Added to a sliding deviation, relative to the deviation of the whole window."""

MIN_SCALE_SHARE = 0.01
"""Smallest predicted deviation, relative to the mean deviation of the look-back: with one near 0,
the backbone's forecast would vanish."""


class DDN(PredictedStatistics[LocationScale], PretrainedNormalizer[LocationScale]):
    """Dual-domain dynamic normalization (DDN; Dai et al., NeurIPS 2024).

    Each step is normalized by mean and deviation of a sliding window around it. The same is done
    in two wavelet bands (coiflet of order 3), and the results are mixed with a learned share per
    channel, which starts at 0. A network predicts means and deviations of the horizon's steps from
    those of the look-back. It is trained first, on the true sliding statistics, and frozen while
    the backbone learns.

    Differences from the authors' code: the wavelet bands and the network of the deviations see the
    centred window instead of raw values. The network has no biases and the constant 1e-5 is
    relative to the window's deviation, so that forecasts follow level and scale exactly. A
    predicted deviation is at least 1 % of the mean one of the look-back. There is no dropout. The
    network stays frozen in the second stage; the authors resume its training after some epochs.
    Unobserved values don't count in the statistics and are replaced by the sliding mean.

    Args:
        channels: channels of the look-back window.
        lookback: steps of the look-back window.
        horizon: steps to forecast.
        window: steps of the sliding window; the authors use 7, 12 or 24.
        hidden: width of the network.
        layers: hidden blocks of the network; with 0 it is linear, as the authors have it for ETTh.
        targets: channels that the backbone forecasts; None means all.

    Raises:
        ValueError: a size is missing or too small.
    """

    def __init__(
        self,
        channels: int,
        lookback: int | None = None,
        horizon: int | None = None,
        window: int = 7,
        hidden: int = 128,
        layers: int = 2,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        self.lookback = require_size("lookback", lookback, "DDN")
        self.horizon = require_size("horizon", horizon, "DDN")
        if window < 2:
            raise ValueError(f"DDN needs a window >= 2 but got {window}. Pass window=7.")
        self.window = window
        for name, size, least in (("hidden", hidden, 1), ("layers", layers, 0)):
            if size < least:
                raise ValueError(f"DDN needs {name} >= {least} but got {size}.")
        sizes = (self.lookback, hidden, layers, self.horizon)
        self.mean_network = _StatisticNetwork(*sizes)
        self.scale_network = _StatisticNetwork(*sizes)
        self.wavelet_share = nn.Parameter(torch.zeros(channels))

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale."""
        return frozenset({"shift", "scale"})

    @property
    def pretraining_epochs(self) -> int:
        """5, as in the authors' code."""
        return 5

    @property
    def pretraining_learning_rate(self) -> float:
        """1e-4, as in the authors' code."""
        return 1e-4

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, LocationScale]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        windows = centre_windows(past, observed)
        values, is_observed = windows.subtract_mean().mT, windows.observed.mT
        squares = windows.subtract_mean().square().sum(dim=1, keepdim=True)
        deviation = _safe_root(squares / windows.observed_count).mT
        floor = torch.where(deviation > 0, RELATIVE_MIN_SCALE * deviation, 1)
        means, variances, counts = sliding_statistics(values, is_observed, self.window)
        # Gaps may leave less than two values, which have no deviation.
        scales = torch.where(counts > 1, _safe_root(variances), deviation)
        filled = torch.where(is_observed, values, means)
        bands = [_normalize_band(band, floor) for band in split_bands(filled)]
        z, wave_means, wave_scales = (
            join_bands(low, high, self.lookback) for low, high in zip(*bands, strict=True)
        )
        share = self.wavelet_share.to(values.dtype).unsqueeze(1)
        z = (1 - share) * (values - means) / (scales + floor) + share * z
        future_means, future_scales = (
            (1 - share) * in_time + share * in_bands
            for in_time, in_bands in zip(
                self._predict_statistics(means, scales, filled),
                self._predict_statistics(wave_means, wave_scales, filled),
                strict=True,
            )
        )
        smallest = MIN_SCALE_SHARE * scales.mean(dim=-1, keepdim=True)
        future_scales = torch.maximum(future_scales, smallest) + floor
        stats = LocationScale(windows.anchor, windows.mean + future_means.mT, future_scales.mT)
        return torch.where(is_observed, z, 0).mT.to(past.dtype), stats

    def future_statistics(self, stats: LocationScale) -> LocationScale:
        """Return the predicted statistics of each step of the horizon."""
        return self._restore_statistics(stats)

    def auxiliary_loss(
        self, stats: LocationScale, future: Future, forecast: Future | None = None
    ) -> Tensor:
        """Return the mean squared error of the predicted sliding means and deviations.

        A step without observed values in its sliding window has no mean, one with a single value no
        deviation; neither counts.
        """
        anchor, predicted_means, predicted_scales = map(self._select_targets, stats)
        observed = future.isfinite()
        values = torch.where(observed, future - anchor, 0)
        means, variances, counts = sliding_statistics(values.mT, observed.mT, self.window)
        errors = torch.stack(
            [predicted_means.mT - means, predicted_scales.mT - _safe_root(variances)]
        )
        defined = torch.stack([counts > 0, counts > 1])
        return torch.where(defined, errors, 0).square().sum() / defined.sum().clamp(min=1)

    def _predict_statistics(
        self, means: Tensor, scales: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Predict means and deviations of the horizon's steps, (batch, channels, horizon)."""
        level = means.mean(dim=-1, keepdim=True)
        spread = scales.mean(dim=-1, keepdim=True)
        future_means = self.mean_network(means - level, window - level) + level
        future_scales = self.scale_network(scales - spread, window) + spread
        return future_means, future_scales.relu()


class _StatisticNetwork(nn.Module):
    """Map a statistic's deviations from its mean, and the window, to the horizon's steps.

    Without biases, f(a x) = a f(x) for a > 0.
    """

    def __init__(self, lookback: int, hidden: int, layers: int, horizon: int):
        super().__init__()
        self.from_statistic = FullPrecisionLinear(lookback, hidden, bias=False)
        self.from_window = FullPrecisionLinear(lookback, hidden, bias=False)
        self.join = FullPrecisionLinear(2 * hidden, hidden, bias=False)
        blocks = [_build_block(hidden) for _ in range(layers)]
        self.blocks = nn.Sequential(*blocks)
        self.out = FullPrecisionLinear(hidden, horizon, bias=False)

    def forward(self, statistic: Tensor, window: Tensor) -> Tensor:
        """Map two tensors (batch, channels, lookback) to (batch, channels, horizon)."""
        hidden = torch.cat([self.from_window(window), self.from_statistic(statistic)], dim=-1)
        return self.out(self.blocks(self.join(hidden)))


def sliding_statistics(
    values: Tensor, observed: Tensor | None, window: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, unbiased variance and number of observed values of sliding windows.

    Steps nearer to an end than half a window have the statistics of the first or last window. A
    window longer than the values is shortened to them.

    Args:
        values: (batch, channels, time), 0 where unobserved.
        observed: True where a value counts; None means everywhere.
        window: steps of the sliding window, around its step number `window // 2`.

    Returns:
        Three tensors (batch, channels, time); 0 where there are too few values.

    >>> mean, variance, count = sliding_statistics(torch.tensor([[[1.0, 2.0, 6.0, 7.0]]]), None, 3)
    >>> mean, variance
    (tensor([[[3., 3., 5., 5.]]]), tensor([[[7., 7., 7., 7.]]]))
    """
    size = min(window, values.shape[-1])
    weights = torch.ones_like(values) if observed is None else observed.to(values.dtype)
    cut, cut_weights = values.unfold(-1, size, 1), weights.unfold(-1, size, 1)
    count = cut_weights.sum(dim=-1)
    mean = cut.sum(dim=-1) / count.clamp(min=1)
    squares = ((cut - mean.unsqueeze(-1)) * cut_weights).square().sum(dim=-1)
    variance = squares / (count - 1).clamp(min=1)
    edges = (size // 2, size - 1 - size // 2)
    mean, variance, count = (
        functional.pad(statistic, edges, mode="replicate") for statistic in (mean, variance, count)
    )
    return mean, variance, count


def _normalize_band(band: Tensor, floor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a band normalized by its sliding statistics, and those statistics."""
    means, variances, _ = sliding_statistics(band, None, BAND_WINDOW)
    scales = _safe_root(variances)
    return (band - means) / (scales + floor), means, scales


def _safe_root(variances: Tensor) -> Tensor:
    """Return the square root, with gradient 0 instead of infinity at 0."""
    return torch.where(variances > 0, guard_zero_scale(variances).sqrt(), 0)


def _build_block(hidden: int) -> nn.Sequential:
    return nn.Sequential(
        FullPrecisionLinear(hidden, hidden, bias=False),
        nn.LeakyReLU(),
        FullPrecisionLinear(hidden, hidden, bias=False),
    )
