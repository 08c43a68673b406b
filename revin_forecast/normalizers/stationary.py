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
from revin_forecast.shapes import DestationaryFactors, Observed, Past

MAX_LOG_TAU = 10.0
"""exp(10) still fits half precision."""


class StationaryStats(NamedTuple):
    """Statistics of the window, and what its raw values say to attention."""

    window: LocationScale
    factors: DestationaryFactors


class Stationary(AffineNormalizer[StationaryStats]):
    """Series stationarization with de-stationary factors (Liu et al., NeurIPS 2022).

    Values are mapped as by RevIN without affine map. What that takes away is offered to the
    backbone: log tau = MLP(conv(x), scale), at most 10, and delta = MLP(conv(x), location) of the
    raw window; conv is along the channels, kernel 3, circular, with time as its inputs. A backbone
    that is a `FactorBackbone` takes them into its attention, any other leaves them alone; the
    forecast is exactly equivariant with the latter only.

    Args:
        channels: channels of the look-back window.
        lookback: its steps.
        hidden: width of the two hidden layers of each MLP.
        targets: which channels the backbone forecasts; None: all.
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
        """A change of level and of scale, with a backbone that leaves the factors alone."""
        return frozenset({"shift", "scale"})

    def normalize(
        self, past: Past, observed: Observed | None = None
    ) -> tuple[Past, StationaryStats]:
        """Map windows to the common scale; see `Normalizer.normalize`."""
        self._check_past(past)
        check_lookback(past, self.lookback, "Stationary")
        z, stats = self.standard.normalize(past, observed)
        seen = find_observed(past, observed)
        raw = torch.where(seen, past.detach().to(stats.scale.dtype), stats.location)
        log_tau = self.tau(raw, stats.scale).clamp(max=MAX_LOG_TAU)
        factors = DestationaryFactors(log_tau.exp().squeeze(1), self.delta(raw, stats.location))
        return z, StationaryStats(stats, factors)

    def future_statistics(self, stats: StationaryStats) -> LocationScale:
        """Return the window's own location and scale."""
        return stats.window

    def factors(self, stats: StationaryStats) -> DestationaryFactors:
        """Return tau and delta."""
        return stats.factors


class _Projector(nn.Module):
    """Raw window and one statistic of it to some numbers."""

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
        around = functional.pad(raw, (1, 1), mode="circular")
        with disable_autocast(raw):
            mixed = functional.conv1d(around, self.mix.to(raw.dtype))
        return self.layers(torch.cat([mixed, statistic], dim=1).flatten(1))
