"""Stationary: RevIN without affine map, with factors for de-stationary attention."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.normalizers.affine import AffineNormalizer
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.normalizers.learned import (
    FullPrecisionLinear,
    check_lookback,
    disable_autocast,
    require_size,
)
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale, find_observed
from revin_forecast.utils.shapes import DestationaryFactors, Observed, Past

MAX_LOG_TAU = 10.0
"""Upper bound of log tau: exp(10) still fits half precision."""


class StationaryStats(NamedTuple):
    """Statistics of a window under `Stationary`."""

    window: LocationScale
    """Location and scale of the window."""
    factors: DestationaryFactors
    """Factors computed from the raw window, for attention."""


class Stationary(AffineNormalizer[StationaryStats]):
    """Series stationarization with de-stationary factors (Liu et al., NeurIPS 2022).

    Values are mapped as by RevIN without affine map. The information that this removes is offered
    to the backbone: log tau = MLP(conv(x), scale), at most 10, and delta = MLP(conv(x), location),
    where x is the raw window. The convolution runs along the channels, with kernel 3, circular
    padding and time steps as its input channels. A `DestationaryBackbone` uses the factors in its
    attention, any other backbone ignores them; only then is the forecast exactly equivariant.

    Args:
        channels: channels of the look-back window.
        lookback: steps of the look-back window.
        hidden: width of the two hidden layers of each MLP.
        targets: channels that the backbone forecasts; None means all.
    """

    def __init__(
        self,
        channels: int,
        lookback: int | None = None,
        hidden: int = 64,
        targets: Sequence[int] | None = None,
    ):
        super().__init__(channels, targets)
        self.lookback = require_size("lookback", lookback, "Stationary")
        self.standard = RevIN(channels, affine=False)
        self.tau = _Projector(channels, self.lookback, hidden, 1)
        self.delta = _Projector(channels, self.lookback, hidden, self.lookback)

    @property
    def equivariant_to(self) -> frozenset[Equivariance]:
        """A change of level and of scale, with a backbone that ignores the factors."""
        return frozenset({"shift", "scale"})

    def normalize(
        self, past: Past, observed: Observed | None = None
    ) -> tuple[Past, StationaryStats]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        check_lookback(past, self.lookback, "Stationary")
        z, stats = self.standard.normalize(past, observed)
        observed = find_observed(past, observed)
        # Detached, as in the paper.
        raw = torch.where(observed, past.detach().to(stats.scale.dtype), stats.location)
        # Without the bound, large raw values overflow exp and make the attention NaN.
        log_tau = self.tau(raw, stats.scale).clamp(max=MAX_LOG_TAU)
        factors = DestationaryFactors(log_tau.exp().squeeze(1), self.delta(raw, stats.location))
        return z, StationaryStats(stats, factors)

    def future_statistics(self, stats: StationaryStats) -> LocationScale:
        """Return the window's own location and scale."""
        return stats.window

    def factors(self, stats: StationaryStats) -> DestationaryFactors:
        """Return tau and delta."""
        return self._restore_statistics(stats).factors


class _Projector(nn.Module):
    """Map the raw window and one of its statistics to a vector."""

    def __init__(self, channels: int, lookback: int, hidden: int, outputs: int):
        super().__init__()
        self.mix = nn.Parameter(torch.empty(1, lookback, 3))
        nn.init.kaiming_uniform_(self.mix, nonlinearity="leaky_relu")
        self.layers = nn.Sequential(
            FullPrecisionLinear(2 * channels, hidden),
            nn.ReLU(),
            FullPrecisionLinear(hidden, hidden),
            nn.ReLU(),
            FullPrecisionLinear(hidden, outputs, bias=False),
        )

    def forward(self, raw: Tensor, statistic: Tensor) -> Tensor:
        """Map (batch, lookback, channels) and (batch, 1, channels) to (batch, outputs)."""
        padded = functional.pad(raw, (1, 1), mode="circular")
        with disable_autocast(raw):
            mixed = functional.conv1d(padded, self.mix.to(raw.dtype))
        return self.layers(torch.cat([mixed, statistic], dim=1).flatten(1))
