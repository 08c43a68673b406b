"""Linear, DLinear and MLP: one map from the look-back to the horizon for all channels."""

from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout, moving_average
from revin_forecast.utils.shapes import Future, Past


class Linear(Backbone):
    """One linear map from the look-back to the horizon, shared by all channels.

    y = W x + b for each channel (Zeng et al., AAAI 2023). Inside an instance normalizer it is a
    strong baseline. lookback * horizon + horizon parameters.
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
    """Linear maps of the trend and of the remainder (DLinear; Zeng et al., AAAI 2023).

    trend = moving average over `kernel` steps, padded with the first and last value;
    y = W_trend trend + W_rest (x - trend) + b. All channels share the maps.
    2 * lookback * horizon + horizon parameters, as the paper's two biases act as one.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        kernel: steps in the moving average; odd.

    Raises:
        ValueError: the kernel is even or below 1.
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
        """Map trend and remainder of each channel's window to its horizon and add the results."""
        self.check_past(past)
        series = past.mT
        trend = moving_average(series, self.kernel)
        return (self.trend(trend) + self.rest(series - trend)).mT


class MLP(Backbone):
    """One hidden layer between the look-back and the horizon, shared by all channels.

    y = W2 relu(W1 x + b1) + b2 for each channel. Apart from its bias, a linear map follows the
    scale of its window even without normalization. This network does not, so it shows how an
    instance normalizer handles the scale.

    (lookback + 1) width + (width + 1) horizon parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        width: width of the hidden layer.
        dropout: dropout rate of the hidden layer.

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
