from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.shapes import Future, Past


class NHITS(Backbone):
    """Blocks that each see the window at one resolution and forecast at another (N-HiTS).

    Challu et al., AAAI 2023. Block i takes the maximum over every `pools[i]` steps of what the
    blocks before left, maps it by two ReLU layers to the whole backcast and to one knot for every
    `ratios[i]` steps of the horizon, and draws straight lines between the knots. One network for
    all channels. Left out: other poolings and interpolations, exogenous inputs.

    Parameters of a block with p = ceil(lookback / pool) and k = ceil(horizon / ratio):
    (p + 1) width + (width + 1) width + (width + 1) (lookback + k); the last has no backcast, so no
    lookback in the last bracket.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        pools: steps that a block's input is pooled over.
        ratios: steps of the horizon to a knot, for each block.
        width: of the layers.
        dropout: share of the inner values dropped in training.

    Raises:
        ValueError: pools and ratios of different number, or below 1.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        pools: Sequence[int] = (8, 4, 1),
        ratios: Sequence[int] = (24, 12, 1),
        width: int = 256,
        dropout: float = 0.0,
    ):
        super().__init__(lookback, horizon, channels)
        if len(pools) != len(ratios) or min([*pools, *ratios], default=0) < 1:
            raise ValueError(
                f"NHITS needs as many pools as ratios, all >= 1, but got {tuple(pools)} and "
                f"{tuple(ratios)}."
            )
        last = len(pools) - 1
        self.blocks = nn.ModuleList(
            _Block((lookback, horizon), min(pool, lookback), ratio, (width, dropout), place < last)
            for place, (pool, ratio) in enumerate(zip(pools, ratios, strict=True))
        )

    def forward(self, past: Past) -> Future:
        """Add up what the blocks forecast."""
        self.check_past(past)
        rest, parts = past.mT, []
        for block in self.blocks:
            backcast, forecast = block(rest)
            rest = rest if backcast is None else rest - backcast
            parts.append(forecast)
        return torch.stack(parts).sum(0).mT


class _Block(nn.Module):
    """(batch, channels, lookback) -> its backcast, None if it makes none, and its forecast."""

    def __init__(
        self,
        sizes: tuple[int, int],
        pool: int,
        ratio: int,
        layers: tuple[int, float],
        backcast: bool,
    ):
        super().__init__()
        lookback, self.horizon = sizes
        width, dropout = layers
        self.pool = pool
        knots = -(-self.horizon // ratio)
        self.sizes = [lookback if backcast else 0, knots]
        self.layers = nn.Sequential(
            nn.Linear(-(-lookback // pool), width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, sum(self.sizes)),
        )

    def forward(self, rest: Tensor) -> tuple[Tensor | None, Tensor]:
        seen = rest
        if self.pool > 1:
            seen = functional.max_pool1d(rest, self.pool, self.pool, ceil_mode=True)
        backcast, forecast = self.layers(seen).split(self.sizes, dim=-1)
        if self.sizes[1] < self.horizon:
            forecast = functional.interpolate(forecast, size=self.horizon, mode="linear")
        return (backcast if self.sizes[0] else None), forecast
