from abc import ABC

import torch
from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.shapes import Future, Past


class _Recurrent(Backbone, ABC):
    """Read the window step by step; map the last state to the whole horizon."""

    rnn: nn.GRU | nn.LSTM
    map: nn.Sequential

    def forward(self, past: Past) -> Future:
        """Read the window and forecast all steps and channels at once."""
        self.check_past(past)
        states, _ = self.rnn(past)
        return self.map(states[:, -1]).unflatten(-1, (self.horizon, self.channels))


class GRU(_Recurrent):
    """A gated recurrent net; its last state is mapped to the whole horizon (direct multi-step).

    Cho et al., EMNLP 2014; directly forecasting all steps: Taieb et al., 2012.
    3 width (channels + width + 2) + 6 (layers - 1) width (width + 1)
    + (width + 1) horizon * channels parameters.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        width: of the state.
        layers: nets on top of each other.
        dropout: share of the states between layers, and of the last, dropped in training.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        width: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__(lookback, horizon, channels)
        between = dropout if layers > 1 else 0.0  # torch warns of it where nothing is between
        self.rnn = nn.GRU(channels, width, layers, batch_first=True, dropout=between)
        self.map = nn.Sequential(Dropout(dropout), nn.Linear(width, horizon * channels))


class LSTM(_Recurrent):
    """A long short-term memory; its last state is mapped to the whole horizon.

    Hochreiter & Schmidhuber, Neural Computation 1997. The forget gates start open (bias 1;
    Jozefowicz et al., ICML 2015), so that the start of the window is not lost from the first step.
    4 width (channels + width + 2) + 8 (layers - 1) width (width + 1)
    + (width + 1) horizon * channels parameters.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        width: of the state.
        layers: nets on top of each other.
        dropout: share of the states between layers, and of the last, dropped in training.
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        width: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__(lookback, horizon, channels)
        between = dropout if layers > 1 else 0.0  # torch warns of it where nothing is between
        self.rnn = nn.LSTM(channels, width, layers, batch_first=True, dropout=between)
        self.map = nn.Sequential(Dropout(dropout), nn.Linear(width, horizon * channels))
        with torch.no_grad():
            for layer in range(layers):
                getattr(self.rnn, f"bias_ih_l{layer}")[width : 2 * width] = 1.0
