"""FAN: the dominant frequencies of a window are removed and forecast separately."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from revin_forecast.normalizers.learned import (
    FullPrecisionLinear,
    PredictedStatistics,
    require_size,
)
from revin_forecast.normalizers.statistics import (
    LocationScale,
    centre_windows,
)
from revin_forecast.utils.shapes import Future, Observed, Past

# torch does not annotate these functions.
_rfft = cast(Callable[..., Tensor], torch.fft.rfft)  # pyright: ignore[reportUnknownMemberType]
_irfft = cast(Callable[..., Tensor], torch.fft.irfft)  # pyright: ignore[reportUnknownMemberType]


class FANStats(NamedTuple):
    """Statistics of a window under `FAN`."""

    dominant_forecast: Tensor
    """Forecast of the main part, (batch, horizon, channels)."""


class FAN(PredictedStatistics[FANStats]):
    """Frequency adaptive normalization (FAN; Ye et al., NeurIPS 2024).

    The `frequencies` largest components of the window's spectrum, level included, are its main
    part. The backbone forecasts the remainder; a small network forecasts the main part from the
    main part and the raw window; the two forecasts are added. The loss of the paper compares each
    forecast with its own part. Unobserved values are replaced by the window's mean.

    Args:
        channels: channels of the look-back window.
        lookback: steps of the look-back window, even or odd.
        horizon: steps to forecast.
        frequencies: number of components in the main part of each channel; the paper uses 2 to 30.
        hidden: width of the network's first hidden layer; the second is twice as wide.
        targets: channels that the backbone forecasts; None means all.
    """

    def __init__(
        self,
        channels: int,
        lookback: int | None = None,
        horizon: int | None = None,
        frequencies: int = 4,
        hidden: int = 64,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        self.lookback = require_size("lookback", lookback, "FAN")
        self.horizon = require_size("horizon", horizon, "FAN")
        self.frequencies = require_size("frequencies", frequencies, "FAN")
        self.from_main = FullPrecisionLinear(self.lookback, hidden)
        self.from_both = FullPrecisionLinear(hidden + self.lookback, 2 * hidden)
        self.out = FullPrecisionLinear(2 * hidden, self.horizon)

    def normalize(self, past: Past, observed: Observed | None = None) -> tuple[Past, FANStats]:
        """Remove the main part and forecast it; see `Normalizer.normalize`."""
        self._check_past(past)
        values, anchor, mean, observed, _ = centre_windows(past, observed)
        centred = torch.where(observed, values, mean)
        main, level = dominant_frequencies(centred, anchor, self.frequencies)
        # The anchor is part of `level` or remains; it never passes through the transform, where a
        # large level would cost digits.
        remainder = (centred - main) + (anchor - level)
        hidden = self.from_main((main + level).mT).relu()
        raw = (centred + anchor).mT
        hidden = self.from_both(torch.cat([hidden, raw], dim=-1)).relu()
        z = torch.where(observed, remainder, 0)
        return z.to(past.dtype), FANStats(self.out(hidden).mT)

    def future_statistics(self, stats: FANStats) -> LocationScale:
        """Return the forecast of the main part as the location, and scale 1."""
        zero = torch.zeros_like(stats.dominant_forecast[:, :1])
        return LocationScale(stats.dominant_forecast, zero, zero + 1)

    def auxiliary_loss(
        self, stats: FANStats, future: Future, forecast: Future | None = None
    ) -> Tensor:
        """Return MSE(main forecast, main part) + MSE(remainder forecast, remainder).

        Only complete horizons count: a spectrum needs every step. Without a forecast, the loss is
        the first term.
        """
        stats = self._restore_statistics(stats)
        forecast_main = self._select_targets(stats.dominant_forecast)
        complete = future.isfinite().all(dim=1, keepdim=True)
        truth = torch.where(complete, future, 0).to(forecast_main.dtype)
        anchor = truth[:, :1]
        main, level = dominant_frequencies(truth - anchor, anchor, self.frequencies)
        main = main + level
        errors = (forecast_main - main).square()
        if forecast is not None:
            errors = errors + (forecast - (truth - main)).square()
        count = complete.sum().clamp(min=1) * future.shape[1]
        return torch.where(complete, errors, 0).sum() / count


def dominant_frequencies(
    centred: Tensor, anchor: Tensor, frequencies: int
) -> tuple[Tensor, Tensor]:
    """Return the components of largest amplitude of `centred + anchor`.

    Args:
        centred: (batch, time, channels), values less the anchor.
        anchor: (batch, 1, channels), a level.
        frequencies: number of components; all are returned if there are fewer.

    Returns:
        The main part of `centred`, (batch, time, channels), and the anchor where the components
        include the level, else 0, (batch, 1, channels). Their sum is the main part.
    """
    steps = centred.shape[1]
    spectrum = _rfft(centred, dim=1)
    # The spectrum of a constant is `steps` at frequency 0: the anchor enters the ranking only.
    constant = torch.zeros(spectrum.shape[1], 1, dtype=centred.dtype, device=centred.device)
    constant[0] = steps
    amplitude = (spectrum + constant * anchor).abs()
    largest = amplitude.detach().topk(min(frequencies, amplitude.shape[1]), dim=1).indices
    selected = torch.zeros_like(amplitude).scatter(1, largest, 1.0)
    # Without n, an odd number of steps would come back as an even one.
    main = _irfft(spectrum * selected, n=steps, dim=1)
    return main, anchor * selected[:, :1]
