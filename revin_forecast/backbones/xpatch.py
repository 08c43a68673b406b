"""xPatch: an exponential average, patches of its remainder, and two streams."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Past

MIN_TREND_WIDTH = 4
"""Smallest width of the trend's last layer norm, which is half the horizon otherwise."""


class XPatch(Backbone):
    """A network of the trend and a network of patches of the remainder (xPatch).

    Stitsyuk and Choi, AAAI 2025. The trend is the exponential average t_0 = x_0,
    t_i = alpha x_i + (1 - alpha) t_{i-1}. The linear stream maps it to 4 horizon units and to
    horizon units; each time, pairs of units are averaged and a layer norm follows. The non-linear
    stream cuts the remainder x - t into half-overlapping patches, with the last value repeated for
    half a patch, and maps each of them to patch² values. A depthwise convolution reduces these to
    `patch` values, to which a linear map of its input is added; a pointwise convolution mixes the
    patches. Each of the three steps ends with a GELU and a batch norm per patch. Two layers map the
    patches to the horizon, and a last map joins both streams. All channels share the network.

    Differences from the authors' code: An odd horizon gets horizon + 1 units in the second layer of
    the linear stream; theirs drops the last of horizon units, and fails at horizon 1. The layer
    norm has 4 units at least; theirs has one at horizons 2 and 3, which hides the trend. The
    average is a sum over shifted windows; theirs divides by (1 - alpha)^t, which gives NaN once
    that underflows (alpha 0.9 from 325 steps on). Pairs of units are averaged in the weights, at
    half the cost. Left out: the double exponential average; the loss that weights the steps of the
    horizon.

    With p = patch, n = (lookback - p) // (p // 2) + 2 patches and h = max(4, ceil(horizon / 2)):
    2 p³ + p² + p + n (n + p + 8) + (n p + 1) 2 horizon + (2 horizon + 1) horizon
    + (lookback + 2) 4 horizon + (2 horizon + 1) 2 h + 2 h + (h + 1) horizon
    + (2 horizon + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        patch: steps in a patch; even.
        alpha: weight of the newest value in the exponential average, in (0, 1].

    Raises:
        ValueError: the look-back is shorter than a patch, the patch is odd, or alpha is outside
            (0, 1].
    """

    channel_independent = True

    def __init__(
        self, lookback: int, horizon: int, channels: int, patch: int = 16, alpha: float = 0.3
    ):
        super().__init__(lookback, horizon, channels)
        if lookback < 2:
            raise ValueError(f"XPatch needs a look-back of 2 steps or more but got {lookback}.")
        if not 2 <= patch <= lookback or patch % 2:
            raise ValueError(
                f"XPatch needs an even patch within its look-back of {lookback} but got {patch}. "
                f"Pass patch={min(16, lookback - lookback % 2)}."
            )
        if not 0 < alpha <= 1:
            raise ValueError(f"XPatch needs an alpha in (0, 1] but got {alpha}. Pass 0.3.")
        self.alpha = float(alpha)
        self.patches = _PatchStream(lookback, horizon, patch)
        self.trend = _TrendStream(lookback, horizon)
        self.join = nn.Linear(2 * horizon, horizon)

    def forward(self, past: Past) -> Future:
        """Forecast each channel from its trend and its remainder."""
        self.check_past(past)
        series = past.mT.flatten(0, 1)
        trend = _smooth_exponentially(series, self.alpha)
        streams = [self.patches(series - trend), self.trend(trend)]
        forecast = self.join(torch.cat(streams, dim=1))
        return torch.unflatten(forecast, 0, (-1, self.channels)).mT


class _PatchStream(nn.Module):
    """Convolutions over patches, (rows, lookback) -> (rows, horizon)."""

    def __init__(self, lookback: int, horizon: int, patch: int):
        super().__init__()
        self.patch = patch
        self.stride = patch // 2
        patches, wide = (lookback - patch) // self.stride + 2, patch**2
        self.embed = nn.Linear(patch, wide)
        self.reduce = _PatchReduction(patches, patch)
        self.skip = nn.Linear(wide, patch)
        self.pointwise = nn.Conv1d(patches, patches, 1)
        self.norms = nn.ModuleList(nn.BatchNorm1d(patches) for _ in range(3))
        self.map = nn.Sequential(
            nn.Linear(patches * patch, 2 * horizon), nn.GELU(), nn.Linear(2 * horizon, horizon)
        )

    def forward(self, remainder: Tensor) -> Tensor:
        padded = functional.pad(remainder.unsqueeze(1), (0, self.stride), "replicate").squeeze(1)
        patches = padded.unfold(-1, self.patch, self.stride)
        wide = self.norms[0](functional.gelu(self.embed(patches)))
        narrow = self.norms[1](functional.gelu(self.reduce(wide))) + self.skip(wide)
        mixed = self.norms[2](functional.gelu(self.pointwise(narrow)))
        return self.map(mixed.flatten(1))


class _PatchReduction(nn.Module):
    """Depthwise convolution with a stride of its length, (rows, patches, size²) -> (..., size).

    As a sum of products it takes half the time of a grouped convolution.
    """

    def __init__(self, patches: int, size: int):
        super().__init__()
        reach = size**-0.5
        self.weight = nn.Parameter(torch.empty(patches, size).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.empty(patches, 1).uniform_(-reach, reach))

    def forward(self, wide: Tensor) -> Tensor:
        pieces = torch.unflatten(wide, -1, (-1, self.weight.shape[1]))
        return torch.einsum("rpok,pk->rpo", pieces, self.weight) + self.bias


class _TrendStream(nn.Module):
    """Linear maps with averages of pairs and layer norms, (rows, lookback) -> (rows, horizon)."""

    def __init__(self, lookback: int, horizon: int):
        super().__init__()
        half = max(MIN_TREND_WIDTH, -(-horizon // 2))
        self.maps = nn.ModuleList(
            [
                nn.Linear(lookback, 4 * horizon),
                nn.Linear(2 * horizon, 2 * half),
                nn.Linear(half, horizon),
            ]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(2 * horizon), nn.LayerNorm(half)])

    def forward(self, trend: Tensor) -> Tensor:
        first, second, third = self.maps
        return third(self.norms[1](_map_pairs(second, self.norms[0](_map_pairs(first, trend)))))


def _map_pairs(layer: nn.Module, values: Tensor) -> Tensor:
    """Apply a linear layer and average each pair of its outputs."""
    assert isinstance(layer, nn.Linear)
    weight = torch.unflatten(layer.weight, 0, (-1, 2)).mean(1)
    return functional.linear(values, weight, torch.unflatten(layer.bias, 0, (-1, 2)).mean(1))


def _smooth_exponentially(series: Tensor, alpha: float) -> Tensor:
    """Return the exponential average of each row, (rows, steps).

    The sum of alpha (1 - alpha)^k x_{i-k} over k is built by doubling: terms of 1, 2, 4, ... steps
    are added to themselves, shifted and weighted. Values before the first count as equal to it.
    """
    first, steps = series[:, :1], series.shape[1]
    average, shift = alpha * (series - first), 1
    while shift < steps:
        earlier = functional.pad(average[:, :-shift], (shift, 0))
        average = average + (1 - alpha) ** shift * earlier
        shift *= 2
    return first + average
