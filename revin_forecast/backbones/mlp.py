from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.dropout import Dropout
from revin_forecast.shapes import Future, Past


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
