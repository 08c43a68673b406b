"""N-HiTS: blocks that work at different time resolutions."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.utils.shapes import Future, Past


class NHITS(Backbone):
    """Blocks that read the window at one resolution and forecast at another (N-HiTS).

    Challu et al., AAAI 2023. Block i max-pools the residual of the previous blocks over `pools[i]`
    steps and maps it by two ReLU layers to its backcast and to one knot per `ratios[i]` steps of
    the horizon. Its forecast interpolates linearly between the knots. All channels share the
    network. Left out: other poolings and interpolations, exogenous inputs. Differences from the
    authors' code: the last value is not added to the forecast, which is the task of a normalizer;
    the window is not reversed, so the pool that may be short is the last one; the number of knots
    is rounded up, not down.

    Parameters of a block with p = ceil(lookback / pool) and k = ceil(horizon / ratio):
    (p + 1) width + (width + 1) width + (width + 1) (lookback + k). The last block has no backcast,
    hence no lookback in the last bracket.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        pools: pooling size of each block's input.
        ratios: steps of the horizon per knot, for each block.
        width: width of the hidden layers.
        dropout: dropout rate of the hidden values.

    Raises:
        ValueError: pools and ratios differ in number, or one is below 1.
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
            _Block((lookback, horizon), min(pool, lookback), ratio, (width, dropout), index < last)
            for index, (pool, ratio) in enumerate(zip(pools, ratios, strict=True))
        )

    def forward(self, past: Past) -> Future:
        """Return the sum of the blocks' forecasts."""
        self.check_past(past)
        residual = past.mT
        forecasts: list[Tensor] = []
        for block in self.blocks:
            backcast, forecast = block(residual)
            residual = residual if backcast is None else residual - backcast
            forecasts.append(forecast)
        return torch.stack(forecasts).sum(0).mT


class _Block(nn.Module):
    """Map (batch, channels, lookback) to a backcast, None for the last block, and a forecast."""

    def __init__(
        self,
        sizes: tuple[int, int],
        pool: int,
        ratio: int,
        layers: tuple[int, float],
        has_backcast: bool,
    ):
        super().__init__()
        lookback, self.horizon = sizes
        width, dropout = layers
        self.pool = pool
        knots = -(-self.horizon // ratio)
        self.sizes = [lookback if has_backcast else 0, knots]
        self.layers = nn.Sequential(
            nn.Linear(-(-lookback // pool), width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            Dropout(dropout),
            nn.Linear(width, sum(self.sizes)),
        )

    def forward(self, residual: Tensor) -> tuple[Tensor | None, Tensor]:
        pooled = residual
        if self.pool > 1:
            pooled = functional.max_pool1d(residual, self.pool, self.pool, ceil_mode=True)
        backcast, forecast = self.layers(pooled).split(self.sizes, dim=-1)
        if self.sizes[1] < self.horizon:
            forecast = functional.interpolate(forecast, size=self.horizon, mode="linear")
        return (backcast if self.sizes[0] else None), forecast
