"""Recurrent networks: GRU and LSTM with direct multi-step forecasts."""

from abc import ABC
from typing import ClassVar

import torch
from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout
from revin_forecast.utils.shapes import Future, Past


class _Recurrent(Backbone, ABC):
    """Base class: a recurrent network whose last state is mapped to the whole horizon."""

    _network: ClassVar[type[nn.GRU] | type[nn.LSTM]]

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
        between = dropout if layers > 1 else 0.0  # torch warns about dropout with one layer
        self.rnn = self._network(channels, width, layers, batch_first=True, dropout=between)
        self.map = nn.Sequential(Dropout(dropout), nn.Linear(width, horizon * channels))
        if isinstance(self.rnn, nn.LSTM):
            with torch.no_grad():
                for layer in range(layers):  # the forget gates start open
                    getattr(self.rnn, f"bias_ih_l{layer}")[width : 2 * width] = 1.0

    def forward(self, past: Past) -> Future:
        """Run the recurrent network over the window and map its last state to the horizon."""
        self.check_past(past)
        states, _ = self.rnn(past)
        return self.map(states[:, -1]).unflatten(-1, (self.horizon, self.channels))


class GRU(_Recurrent):
    """A gated recurrent unit whose last state is mapped to the whole horizon.

    Cho et al., EMNLP 2014; direct multi-step forecasts: Taieb et al., 2012.
    3 width (channels + width + 2) + 6 (layers - 1) width (width + 1)
    + (width + 1) horizon * channels parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        width: width of the state.
        layers: number of stacked layers.
        dropout: dropout rate of the states between layers and of the last state.
    """

    _network = nn.GRU


class LSTM(_Recurrent):
    """A long short-term memory network whose last state is mapped to the whole horizon.

    Hochreiter & Schmidhuber, Neural Computation 1997. The forget gates start open (bias 1;
    Jozefowicz et al., ICML 2015), so that an untrained network remembers the start of the window.
    4 width (channels + width + 2) + 8 (layers - 1) width (width + 1)
    + (width + 1) horizon * channels parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        width: width of the state.
        layers: number of stacked layers.
        dropout: dropout rate of the states between layers and of the last state.
    """

    _network = nn.LSTM
