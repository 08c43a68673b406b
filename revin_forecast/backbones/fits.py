"""FITS: interpolation of the window in the frequency domain."""

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Past


class FITS(Backbone):
    """A complex linear map from the window's low frequencies to those of a longer window (FITS).

    Xu et al., ICLR 2024. A complex map takes the look-back's spectrum, up to a maximum frequency,
    to the joint spectrum of look-back and horizon, scaled by the ratio of their lengths. The
    horizon part of the inverse transform is the forecast. Both transforms stop at the maximum
    frequency, so they are computed as two small matrix products with exactly the same values. All
    channels share the map. Left out: the paper's own normalization and its loss on the
    reconstructed look-back.

    With c input frequencies and d = c (lookback + horizon) // lookback output frequencies:
    2 (c + 1) d parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        season: steps in the main season, which determines the maximum frequency.
        harmonics: number of harmonics of the season below the maximum frequency.

    Raises:
        ValueError: season or harmonics is below 1.
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
        inputs = min((lookback // season + 1) * harmonics + 10, lookback // 2 + 1)
        outputs = min(inputs * steps // lookback, steps // 2 + 1)
        bound = inputs**-0.5

        self.real = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.imaginary = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(2, outputs))
        self.analysis: Tensor
        self.synthesis: Tensor
        self.register_buffer("analysis", _analysis_matrix(lookback, inputs), persistent=False)
        self.register_buffer(
            "synthesis", _synthesis_matrix(lookback, horizon, outputs), persistent=False
        )

    def forward(self, past: Past) -> Future:
        """Map the spectrum of each channel's window and transform it back."""
        self.check_past(past)
        # The complex product as a real one over stacked real and imaginary parts.
        complex_map = torch.cat(
            [
                torch.cat([self.real, -self.imaginary], dim=1),
                torch.cat([self.imaginary, self.real], dim=1),
            ]
        )
        # Everything is linear in the window, and the weights are smaller than a batch, so the
        # three matrices are multiplied first.
        weight = self.synthesis @ (complex_map @ self.analysis)
        bias = self.synthesis @ self.bias.flatten()
        return nn.functional.linear(past.mT, weight, bias).mT


def _analysis_matrix(lookback: int, count: int) -> Tensor:
    """Return (2 count, lookback): real and imaginary parts of the lowest frequencies."""
    frequencies = torch.arange(count, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * frequencies * torch.arange(lookback, dtype=torch.float64) / lookback
    return torch.cat([angles.cos(), -angles.sin()]).to(torch.get_default_dtype())


def _synthesis_matrix(lookback: int, horizon: int, count: int) -> Tensor:
    """Return (horizon, 2 count): the last steps of the inverse transform, scaled by lengths."""
    steps = lookback + horizon
    frequencies = torch.arange(count, dtype=torch.float64)
    future = torch.arange(lookback, steps, dtype=torch.float64).unsqueeze(1)
    angles = 2 * torch.pi * frequencies * future / steps
    # The spectrum of a real series holds each frequency twice, except 0 and the Nyquist frequency.
    counts = torch.where((frequencies == 0) | (2 * frequencies == steps), 1.0, 2.0)
    matrix = torch.cat([counts * angles.cos(), -counts * angles.sin()], dim=1) / lookback
    return matrix.to(torch.get_default_dtype())
