"""TimeMixer: maps between several time scales of a window."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout, moving_average
from revin_forecast.utils.shapes import Future, Past

TREND_KERNEL = 25
"""Steps in the moving average that splits a scale into trend and season."""


class TimeMixer(Backbone):
    """Maps that pass seasons to coarser and trends to finer time scales (TimeMixer).

    Wang et al., ICLR 2024. Scale m is the window averaged over 2^m steps, for m = 0 ... levels, and
    embedded by one convolution (3 steps, circular padding). A block splits each scale into the
    trend t_m, a moving average over 25 steps, and the season s_m = x_m - t_m. With two-layer maps
    over time D_m and U_m (GELU between them)::

        s_m <- s_m + D_m(s_{m-1}),  m = 1 ... levels,  then  t_m <- t_m + U_m(t_{m+1}),  downwards,
        x_m <- x_m + F(s_m + t_m),

    where F is a feed-forward network of each step, of twice the width. Each scale is mapped to the
    horizon; the forecast is the sum. All channels share the network.

    Differences from the authors' code: If a scale has an odd length, the next one leaves out its
    first step, whereas theirs leaves out the last, most recent one. The map to one channel comes
    before the map to the horizon, which is the same function in a fraction of the time. Left out:
    a normalization of each scale by its own statistics, which is the task of a normalizer;
    calendar features; mixing between channels; the strided convolution, whose weights are drawn
    again in each of their calls; the Fourier decomposition, which transforms along the width and
    treats the first row of a batch differently.

    With T_m = lookback // 2^m: 3 width + blocks * (4 width² + 3 width + the sum over m = 1 ...
    levels of T_m (T_{m-1} + T_m + 2) + T_{m-1} (T_m + T_{m-1} + 2)) + the sum over m = 0 ... levels
    of (T_m + 1) horizon + width + 1 parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        levels: number of coarser scales, each of half the length of the one before.
        width: width of a step's embedding.
        blocks: number of consecutive blocks.
        dropout: dropout rate of the embedding.

    Raises:
        ValueError: levels, width or blocks is below 1, or the coarsest scale has no step.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        levels: int = 3,
        width: int = 8,
        blocks: int = 1,
        dropout: float = 0.1,
    ):
        super().__init__(lookback, horizon, channels)
        if lookback < 2:
            raise ValueError(f"TimeMixer needs a look-back of 2 steps or more but got {lookback}.")
        if levels < 1 or 2**levels > lookback:
            raise ValueError(
                f"TimeMixer needs 1 <= levels <= {lookback.bit_length() - 1} for a look-back of "
                f"{lookback} but got levels={levels}. Each level halves the window."
            )
        for name, size in (("width", width), ("blocks", blocks)):
            if size < 1:
                raise ValueError(f"TimeMixer needs {name} >= 1 but got {size}.")
        steps = [lookback // 2**level for level in range(levels + 1)]
        self.embed = nn.Linear(3, width, bias=False)
        self.dropout = Dropout(dropout)
        self.blocks = nn.Sequential(*(_Block(steps, width) for _ in range(blocks)))
        self.project = nn.Linear(width, 1)
        self.maps = nn.ModuleList(nn.Linear(length, horizon) for length in steps)

    def forward(self, past: Past) -> Future:
        """Mix the scales of each channel's window and add up their forecasts."""
        self.check_past(past)
        series = past.mT.flatten(0, 1)
        scales = [self._embed(series)]
        for _ in self.maps[1:]:
            # The pooling refuses an empty first axis of two, but not of three.
            series = series[:, series.shape[1] % 2 :].unsqueeze(1)
            series = functional.avg_pool1d(series, 2).squeeze(1)
            scales.append(self._embed(series))
        forecast = self._map_to_horizon(self.blocks(scales))
        return torch.unflatten(forecast, 0, (-1, self.channels)).mT

    def _embed(self, series: Tensor) -> Tensor:
        """Convolve (rows, steps) with padding from the other end, (width, rows, steps)."""
        neighbours = torch.stack([series.roll(1, 1), series, series.roll(-1, 1)])
        return self.dropout(_map_features(self.embed.weight, None, neighbours))

    def _map_to_horizon(self, scales: list[Tensor]) -> Tensor:
        """Map the scales, (width, rows, steps) each, to the sum of forecasts, (rows, horizon)."""
        weight, forecast = self.project.weight, len(scales) * self.project.bias
        for scale, to_horizon in zip(scales, self.maps, strict=True):
            assert isinstance(to_horizon, nn.Linear)
            series = _map_features(weight, None, scale).squeeze(0)
            bias = to_horizon.bias * weight.sum()
            forecast = forecast + functional.linear(series, to_horizon.weight, bias)
        return forecast


class _Block(nn.Module):
    """Mix seasons and trends between scales, (width, rows, steps) each, finest scale first."""

    def __init__(self, steps: list[int], width: int):
        super().__init__()
        pairs = list(pairwise(steps))
        self.down = nn.ModuleList(_build_map(fine, coarse) for fine, coarse in pairs)
        self.up = nn.ModuleList(_build_map(coarse, fine) for fine, coarse in pairs)
        self.wide = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        finest, *coarser = scales
        trends = [_average_steps(scale) for scale in coarser]
        seasons = [scale - trend for scale, trend in zip(coarser, trends, strict=True)]
        seasons[0] = seasons[0] + self._map_finest_season(finest)
        for level in range(1, len(seasons)):
            seasons[level] = seasons[level] + self.down[level](seasons[level - 1])
        for level in range(len(trends) - 1, 0, -1):
            trends[level - 1] = trends[level - 1] + self.up[level](trends[level])
        # The finest season and trend add up to the finest scale itself.
        sums = [finest + self.up[0](trends[0])]
        sums += [season + trend for season, trend in zip(seasons, trends, strict=True)]
        return [scale + self._feed(total) for scale, total in zip(scales, sums, strict=True)]

    def _map_finest_season(self, finest: Tensor) -> Tensor:
        """Apply the first map to the season of the finest scale.

        Only a linear map reads this season, so the moving average is applied to its weight, which
        is much smaller than the scale.
        """
        mix = self.down[0]
        assert isinstance(mix, nn.Sequential)
        first = mix[0]
        assert isinstance(first, nn.Linear)
        weight, steps = first.weight, finest.shape[-1]
        identity = torch.eye(steps, dtype=weight.dtype, device=weight.device)
        weight = weight - weight @ moving_average(identity, TREND_KERNEL).mT
        return mix[1:](functional.linear(finest, weight, first.bias))

    def _feed(self, scale: Tensor) -> Tensor:
        inner = functional.gelu(_map_features(self.wide.weight, self.wide.bias, scale))
        return _map_features(self.narrow.weight, self.narrow.bias, inner)


def _build_map(steps: int, new_steps: int) -> nn.Sequential:
    """Return a map over time of two layers."""
    return nn.Sequential(nn.Linear(steps, new_steps), nn.GELU(), nn.Linear(new_steps, new_steps))


def _average_steps(scale: Tensor) -> Tensor:
    """Return the moving average of (features, rows, steps), which may have no rows."""
    average = moving_average(scale.flatten(0, 1).unsqueeze(1), TREND_KERNEL).squeeze(1)
    return torch.unflatten(average, 0, scale.shape[:2])


def _map_features(weight: Tensor, bias: Tensor | None, scale: Tensor) -> Tensor:
    """Map the first axis of (features, rows, steps); time stays last, as the other maps need it."""
    flat = scale.flatten(1)
    mapped = weight @ flat if bias is None else torch.addmm(bias.unsqueeze(1), weight, flat)
    return torch.unflatten(mapped, 1, scale.shape[1:])
