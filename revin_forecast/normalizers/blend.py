from collections.abc import Sequence

import torch
from torch import Tensor, nn

from revin_forecast.normalizers.affine import LocationScaleNormalizer
from revin_forecast.normalizers.break_even import autocovariance, level_standard_error, estimate_level_shift
from revin_forecast.normalizers.learned import InitializedFromData
from revin_forecast.normalizers.location_scale import LocationScale
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.shapes import Observed, Past

SHARE_RANGE = (0.02, 0.98)
"""Where the share of the level starts; nearer to the ends its gradient would vanish."""


class Blend(LocationScaleNormalizer, InitializedFromData[LocationScale]):
    """Between `Identity` and `RevIN`: how much of the level to take away is learned.

    location = share * mean and scale = deviation^share, with 0 < share < 1 for each channel, a
    sigmoid of the one parameter. share 0 is `Identity`, 1 is RevIN without affine map. Built with
    `start_from`, which training calls, it begins at delta^2 / (delta^2 + delta*^2): delta, how far
    levels moved between parts of the training rows; delta*, the break-even beyond which taking the
    level away pays (`break_even.level_deviation`). There the share is one half. It is for series
    where removing the level costs more than it saves. Values should be standardized, as the
    package does: `Identity` has no unit of its own.

    Args:
        channels: channels of the look-back window.
        share: where it starts without data.
        targets: which channels the backbone forecasts; None: all.
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
        """How much of each channel's level is taken away, (channels,) in (0, 1)."""
        return self.share_logit.sigmoid()

    def initialize_from(self, values: Tensor, lookback: int) -> None:
        """Start each channel's share from the training rows; see the class.

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
        """Return the shared part of the mean, and the deviation to the power of the share."""
        anchor, residual, scale = self.standard.statistics(past, observed)
        share = self.share.to(past.dtype)
        # share (anchor + residual), counted from the anchor: exact for a share near 1.
        return LocationScale(anchor, share * residual - (1 - share) * anchor, scale.pow(share))
