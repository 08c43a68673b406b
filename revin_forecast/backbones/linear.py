"""revin_forecast/backbones/linear.py."""

import torch
from torch import nn
from torch.nn import functional

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.shapes import Future, Past


class Linear(Backbone):
    """One linear map from the look-back to the horizon, shared by all channels.

    y = W x + b for each channel (Zeng et al., AAAI 2023). With an instance normalizer around it,
    it is a strong baseline. lookback * horizon + horizon parameters.
    """

    channel_independent = True

    def __init__(self, lookback: int, horizon: int, channels: int):
        super().__init__(lookback, horizon, channels)
        self.map = nn.Linear(lookback, horizon)

    def forward(self, past: Past) -> Future:
        """Map each channel's window to its horizon."""
        self.check_past(past)
        return self.map(past.mT).mT


class DLinear(Backbone):
    """Linear maps of the trend and of the rest (DLinear; Zeng et al., AAAI 2023).

    trend = moving average over `kernel` steps, the ends padded with the end values;
    y = W_trend trend + W_rest (x - trend) + b. Shared by all channels.
    2 * lookback * horizon + horizon parameters: the paper's two biases act as one.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        kernel: steps of the moving average, odd.
    """

    channel_independent = True

    def __init__(self, lookback: int, horizon: int, channels: int, kernel: int = 25):
        super().__init__(lookback, horizon, channels)
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"DLinear needs an odd kernel >= 1 but got {kernel}.")
        self.kernel = kernel
        self.trend = nn.Linear(lookback, horizon, bias=False)
        self.rest = nn.Linear(lookback, horizon)

    def forward(self, past: Past) -> Future:
        """Map trend and rest of each channel's window to its horizon and add them."""
        self.check_past(past)
        series = past.mT
        ends = self.kernel // 2
        first, last = series[..., :1].expand(-1, -1, ends), series[..., -1:].expand(-1, -1, ends)
        trend = functional.avg_pool1d(torch.cat([first, series, last], dim=-1), self.kernel, 1)
        return (self.trend(trend) + self.rest(series - trend)).mT


class MLP(Backbone):
    """One hidden layer between the look-back and the horizon, shared by all channels.

    y = W2 relu(W1 x + b1) + b2 for each channel. A linear map, its bias apart, moves with the
    scale of its window whether normalized or not; this small net does not, so here an instance
    normalizer shows what it does for the scale.

    (lookback + 1) width + (width + 1) horizon parameters.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        width: of the hidden layer.
        dropout: share of the hidden layer dropped in training.

    Raises:
        ValueError: the width is below 1.
    """

    channel_independent = True

    def __init__(
        self, lookback: int, horizon: int, channels: int, width: int = 128, dropout: float = 0.0
    ):
        super().__init__(lookback, horizon, channels)
        if width < 1:
            raise ValueError(f"MLP needs width >= 1 but got {width}. Pass 64 or more.")
        layers = nn.Linear(lookback, width), nn.ReLU(), Dropout(dropout), nn.Linear(width, horizon)
        self.layers = nn.Sequential(*layers)

    def forward(self, past: Past) -> Future:
        """Map each channel's window to its horizon."""
        self.check_past(past)
        return self.layers(past.mT).mT
