"""TiedAutoencoder: a low-rank linear forecast with tied weights."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.parameters.transposed import TransposedLinear
from revin_forecast.utils.shapes import Future, Past


class TiedAutoencoder(Backbone):
    """A low-rank linear forecast: encode the window, advance the code, decode the next window.

    y = Eᵀ (A E x + a) + b, cut to the horizon. The window and the next one are spanned by the same
    `rank` directions, so the decoder is the encoder transposed, one parameter under two names. A
    linear autoencoder with tied weights finds principal components (Baldi & Hornik, Neural Networks
    1989); A is the step of a dynamic mode decomposition (Schmid, J. Fluid Mech. 2010). If the
    horizon exceeds the look-back, windows are forecast one after another. All channels share the
    maps.

    lookback * rank + rank (rank + 1) + lookback parameters, plus lookback * rank if not tied.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        rank: size of the code, at most the look-back.
        tied: whether the decoder is the encoder transposed; False: it has a separate weight.
    """

    channel_independent = True

    def __init__(
        self, lookback: int, horizon: int, channels: int, rank: int = 64, tied: bool = True
    ):
        super().__init__(lookback, horizon, channels)
        rank = min(rank, lookback)
        self.encoder = nn.Linear(lookback, rank, bias=False)
        self.advance = nn.Linear(rank, rank)
        # With orthogonal directions, decoding inverts encoding within them before any training.
        nn.init.orthogonal_(self.encoder.weight)
        self.decoder: nn.Module = TransposedLinear(self.encoder)
        if not tied:
            self.decoder = nn.Linear(rank, lookback)
            with torch.no_grad():  # the same initial forecast as with tied weights
                self.decoder.weight.copy_(self.encoder.weight.mT)
                self.decoder.bias.zero_()

    def forward(self, past: Past) -> Future:
        """Forecast one window after another until the horizon is complete."""
        self.check_past(past)
        window = past.mT
        windows: list[Tensor] = []
        for _ in range(-(-self.horizon // self.lookback)):
            window = self.decoder(self.advance(self.encoder(window)))
            windows.append(window)
        return torch.cat(windows, dim=-1)[..., : self.horizon].mT
