"""Ridge: a linear map that is solved in closed form."""

from collections.abc import Sequence

import torch
from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.utils.shapes import Future, Past

DEFAULT_PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Candidate penalties, relative to the mean eigenvalue of the Gram matrix."""


class Ridge(Backbone):
    """A linear map that is solved, not trained: exact least squares over all training windows.

    y = W x + b with W minimizing sum ||y - W x - b||^2 + penalty * s * ||W||^2, where s is the
    mean eigenvalue of the windows' Gram matrix (Hoerl & Kennard, 1970). `closed_form.fit_ridge`
    solves it in the data's units for its normalizer; b stays 0 unless the normalizer keeps the
    level. Before it is solved, the forecast is 0.
    (lookback + 1) * horizon parameters, times the number of channels with `per_channel`.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        per_channel: whether each channel has its own map instead of one for all.
        penalties: candidate penalties; validation selects the one with the least squared error.

    Raises:
        ValueError: there are no candidates, or one is not positive.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        per_channel: bool = False,
        penalties: Sequence[float] = DEFAULT_PENALTIES,
    ):
        super().__init__(lookback, horizon, channels)
        if not penalties or min(penalties) <= 0:
            raise ValueError(f"Ridge needs positive penalties but got {tuple(penalties)}.")
        self.per_channel = per_channel
        self.penalties = tuple(float(penalty) for penalty in penalties)
        maps = (channels,) if per_channel else ()
        self.weight = nn.Parameter(torch.zeros(*maps, horizon, lookback))
        self.bias = nn.Parameter(torch.zeros(*maps, horizon))

    def forward(self, past: Past) -> Future:
        """Map each channel's window to its horizon."""
        self.check_past(past)
        if not self.per_channel:
            return nn.functional.linear(past.mT, self.weight, self.bias).mT
        forecast = torch.einsum("blc,chl->bhc", past, self.weight)
        return forecast + self.bias.mT
