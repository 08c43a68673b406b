import torch
from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.parameters.sharing import TransposedLinear
from revin_forecast.shapes import Future, Past


class TiedAutoencoder(Backbone):
    """A low-rank linear forecast: encode the window, move the code on, decode the next window.

    y = Eᵀ (A E x + a) + b, cut to the horizon: the window and the one after it lie in the same
    `rank` directions, so the decoder is the encoder transposed, one parameter under two names. A
    linear autoencoder with tied weights finds principal components (Baldi & Hornik, Neural Networks
    1989); A is the step of a dynamic mode decomposition (Schmid, J. Fluid Mech. 2010). A horizon
    beyond the look-back is forecast one window after another. Shared by all channels.

    lookback * rank + rank (rank + 1) + lookback parameters, lookback * rank more if not tied.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        rank: numbers in the code; at most the look-back is used.
        tied: the decoder is the encoder transposed; False: it has a weight of its own.
    """

    channel_independent = True

    def __init__(
        self, lookback: int, horizon: int, channels: int, rank: int = 64, tied: bool = True
    ):
        super().__init__(lookback, horizon, channels)
        rank = min(rank, lookback)
        self.encoder = nn.Linear(lookback, rank, bias=False)
        self.advance = nn.Linear(rank, rank)
        # Orthogonal directions: decoding undoes encoding within them from the first step on.
        nn.init.orthogonal_(self.encoder.weight)
        self.decoder: nn.Module = TransposedLinear(self.encoder)
        if not tied:
            self.decoder = nn.Linear(rank, lookback)
            with torch.no_grad():
                self.decoder.weight.copy_(self.encoder.weight.mT)
                self.decoder.bias.zero_()

    def forward(self, past: Past) -> Future:
        """Forecast window after window until the horizon is full."""
        self.check_past(past)
        window, windows = past.mT, []
        for _ in range(-(-self.horizon // self.lookback)):
            window = self.decoder(self.advance(self.encoder(window)))
            windows.append(window)
        return torch.cat(windows, dim=-1)[..., : self.horizon].mT
