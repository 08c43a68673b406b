"""Blend: a learned share of RevIN, initialized from the training rows."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.learned import InitializedFromData
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale
from revin_forecast.utils.shapes import Observed, Past

ROW_BLOCKS = 4
"""Blocks of the training rows: levels are compared across them, autocovariances taken inside."""

RELATIVE_JITTER = 1e-6
"""Added to the variance, relative to it: a noiseless series has a singular covariance."""

SHARE_RANGE = (0.02, 0.98)
"""Range of the initial share; nearer to the ends its gradient would vanish."""

# torch does not annotate these functions.
_rfft = cast(Callable[..., Tensor], torch.fft.rfft)  # pyright: ignore[reportUnknownMemberType]
_irfft = cast(Callable[..., Tensor], torch.fft.irfft)  # pyright: ignore[reportUnknownMemberType]
_solve = cast(Callable[..., Tensor], torch.linalg.solve)  # pyright: ignore[reportUnknownMemberType]


class Blend(LocationScaleNormalizer, InitializedFromData[LocationScale]):
    """Interpolate between `Identity` and `RevIN`: the share of the level to remove is learned.

    location = share * mean and scale = deviation^share, with 0 < share < 1 for each channel, the
    sigmoid of the only parameter. Share 0 is `Identity`, share 1 is RevIN without affine map. After
    `initialize_from`, which training calls, the share is delta^2 / (delta^2 + delta*^2): delta is
    how far levels moved between blocks of the training rows, delta* the break-even beyond which
    removing the level pays (`level_standard_error`), where the share is one half. This delta* is
    that of the noise inside the blocks, since their moves are in delta; the shift card's is larger,
    with all training rows about their mean. Use it for series where removing the level costs more
    than it saves. Values should be standardized, as the package does: `Identity` has no unit of its
    own.

    Args:
        channels: channels of the look-back window.
        share: initial share without data.
        targets: channels that the backbone forecasts; None means all.
    """

    def __init__(self, channels: int, share: float = 0.5, targets: Sequence[int] | None = None):
        super().__init__(channels, targets)
        if not 0 < share < 1:
            raise ValueError(f"Blend needs a share between 0 and 1 but got {share}.")
        self.standard = RevIN(channels, affine=False)
        start = torch.tensor(share, dtype=torch.float64).logit().item()
        self.share_logit = nn.Parameter(torch.full((channels,), start))

    @property
    def share(self) -> Tensor:
        """Share of each channel's level that is removed, (channels,) in (0, 1)."""
        return self.share_logit.sigmoid()

    def initialize_from(self, values: Tensor, lookback: int) -> None:
        """Initialize each channel's share from the training rows; see the class.

        Args:
            values: (time, channels); NaN is unobserved.
            lookback: steps of the windows.
        """
        if values.shape[1] != self.channels:
            raise ValueError(
                f"Blend was built for {self.channels} channels but got rows of {values.shape[1]}. "
                f"Pass (time, {self.channels})."
            )
        rows = values.detach().double()
        covariance = autocovariance(rows, lookback)
        noise = level_standard_error(covariance).square()
        shift = estimate_level_shift(rows, covariance).square()
        share = torch.where(shift + noise > 0, shift / (shift + noise), 0.5)
        with torch.no_grad():
            self.share_logit.copy_(share.clamp(*SHARE_RANGE).logit())

    def statistics(self, past: Past, observed: Observed | None) -> LocationScale:
        """Return the share of the mean, and the deviation to the power of the share."""
        anchor, residual, scale = self.standard.statistics(past, observed)
        share = self.share.to(past.dtype)
        # share (anchor + residual), relative to the anchor: exact for a share near 1.
        return LocationScale(anchor, share * residual - (1 - share) * anchor, scale.pow(share))


def autocovariance(values: Tensor, lags: int, blocks: int = ROW_BLOCKS) -> Tensor:
    """Return autocovariances (lags, channels) inside blocks of rows, each centred separately.

    Divided by the number of pairs at lag 0, so that the Toeplitz matrix is positive semidefinite.

    Args:
        values: (time, channels) float64; NaN is unobserved and replaced by its block's mean.
        lags: number of lags, from 0 to lags - 1.
        blocks: number of blocks. One centres all rows by their mean, so that moves of the level
            between the blocks count as variance.
    """
    total = values.new_zeros(lags, values.shape[1])
    count = values.new_zeros(values.shape[1])
    for block in values.tensor_split(blocks):
        observed = block.isfinite()
        centred = torch.where(observed, block - block.nanmean(dim=0), 0)
        # A product of spectra is a sum of lagged products; the padding keeps it from wrapping.
        size = 2 * max(len(block), lags)
        power = _rfft(centred, n=size, dim=0).abs().square()
        total += _irfft(power, n=size, dim=0)[:lags]
        count += observed.sum(dim=0)
    return total / count.clamp(min=1)


def level_standard_error(covariance: Tensor) -> Tensor:
    """Return the deviation of a window's best estimate of its level, for each channel.

    delta* = (1' S^-1 1)^(-1/2) with S the Toeplitz matrix of the autocovariances: the deviation of
    the generalized least squares mean (Aitken, 1935). For a linear forecast, removing the level
    pays exactly where levels move by more than this, for any horizon and weights.

    Args:
        covariance: (lookback, channels), lag 0 first.
    """
    lookback = len(covariance)
    steps = torch.arange(lookback, device=covariance.device)
    lags = (steps.unsqueeze(1) - steps).abs()
    ones = covariance.new_ones(lookback, 1)
    deviations: list[Tensor] = []
    for column in covariance.unbind(dim=1):
        if column[0] <= 0:
            deviations.append(column.new_zeros(()))
            continue
        relative = column / column[0]
        matrix = relative[lags] + RELATIVE_JITTER * torch.eye(lookback, dtype=column.dtype)
        precision = _solve(matrix, ones).sum()
        deviations.append((column[0] / precision.clamp(min=1e-12)).sqrt())
    return torch.stack(deviations)


def estimate_level_shift(values: Tensor, covariance: Tensor) -> Tensor:
    """Return how far the level moves between blocks of rows, beyond the effect of noise.

    shift^2 = variance of the block means minus that of a mean of n values with these
    autocovariances, sum_k (1 - |k| / n) c_k / n; 0 where that is negative.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        covariance: (lags, channels); longer lags count as 0.
    """
    blocks = values.tensor_split(ROW_BLOCKS)
    levels = torch.stack([block.nanmean(dim=0) for block in blocks]).nan_to_num()
    rows = len(blocks[-1])
    lags = torch.arange(min(len(covariance), rows), dtype=values.dtype).unsqueeze(1)
    weights = (1 - lags / rows) * torch.where(lags > 0, 2, 1)
    noise = (weights * covariance[: len(lags)]).sum(dim=0) / rows
    return (levels.var(dim=0) - noise).clamp(min=0).sqrt()
