import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.shapes import Future, Past


class FITS(Backbone):
    """A complex linear map of the window's low frequencies to those of a longer one (FITS).

    Xu et al., ICLR 2024. The spectrum of the look-back up to a cut-off is mapped to the spectrum
    of look-back and horizon together, scaled by their ratio of lengths; the horizon of the inverse
    transform is the forecast. Both transforms stop at the cut-off, so they are two small matrix
    products here, exactly the transforms' values. One map for all channels. Left out: the paper's
    own normalization and its loss on the reconstructed look-back.

    With c frequencies kept and d = c (lookback + horizon) // lookback of the longer window:
    2 (c + 1) d parameters.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        season: steps of the main season, which sets the cut-off.
        harmonics: of the season that are kept.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        season: int = 24,
        harmonics: int = 6,
    ):
        super().__init__(lookback, horizon, channels)
        if season < 1 or harmonics < 1:
            raise ValueError(
                f"FITS needs season and harmonics >= 1 but got {season} and {harmonics}."
            )
        steps = lookback + horizon
        seen = min((lookback // season + 1) * harmonics + 10, lookback // 2 + 1)
        made = min(seen * steps // lookback, steps // 2 + 1)
        bound = seen**-0.5
        self.real = nn.Parameter(torch.empty(made, seen).uniform_(-bound, bound))
        self.imaginary = nn.Parameter(torch.empty(made, seen).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(2, made))
        self.analysis: Tensor
        self.synthesis: Tensor
        self.register_buffer("analysis", _analysis_matrix(lookback, seen), persistent=False)
        self.register_buffer(
            "synthesis", _synthesis_matrix(lookback, horizon, made), persistent=False
        )

    def forward(self, past: Past) -> Future:
        """Map the spectrum of each channel's window and transform it back."""
        self.check_past(past)
        turned = torch.cat(
            [
                torch.cat([self.real, -self.imaginary], dim=1),
                torch.cat([self.imaginary, self.real], dim=1),
            ]
        )
        # All is linear in the window, and the weights are fewer than a batch: join them first.
        weight = self.synthesis @ (turned @ self.analysis)
        bias = self.synthesis @ self.bias.flatten()
        return nn.functional.linear(past.mT, weight, bias).mT


def _analysis_matrix(lookback: int, kept: int) -> Tensor:
    """Return (2 kept, lookback): real and imaginary part of the first frequencies."""
    turns = torch.arange(kept, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * turns * torch.arange(lookback, dtype=torch.float64) / lookback
    return torch.cat([angles.cos(), -angles.sin()]).float()


def _synthesis_matrix(lookback: int, horizon: int, kept: int) -> Tensor:
    """Return (horizon, 2 kept): the inverse transform's last steps, scaled by the lengths."""
    steps = lookback + horizon
    turns = torch.arange(kept, dtype=torch.float64)
    ahead = torch.arange(lookback, steps, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * turns * ahead / steps
    # A real series has each frequency twice, but for the constant and the fastest.
    twice = torch.where((turns == 0) | (2 * turns == steps), 1.0, 2.0)
    return torch.cat([twice * angles.cos(), -twice * angles.sin()], dim=1).div(lookback).float()
