"""Nets that people have, as backbones: other axes, other signatures."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.shapes import Future, Known, Past


class ChannelFirstAdapter(nn.Module):
    """Run a net of (batch, channels, lookback) -> (batch, targets, horizon), as convolutions are.

    Args:
        net: the net.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, past: Past) -> Future:
        """Forecast with the axes that the net wants."""
        return self.net(past.mT).mT


class SingleSeriesAdapter(nn.Module):
    """Run a net of (batch, lookback) -> (batch, horizon) on every channel alike.

    Args:
        net: the net.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, past: Past) -> Future:
        """Forecast each channel as a series of its own."""
        ahead = self.net(past.mT.flatten(0, 1))
        return ahead.unflatten(0, (-1, past.shape[-1])).mT


class TSLibAdapter(CovariateBackbone):
    """Run a net of the Time-Series-Library's `forward(x_enc, x_mark_enc, x_dec, x_mark_dec)`.

    x_dec is the last `label` steps of the window, then zeros for the horizon; the marks are the
    known inputs of the window and of those steps, None without any. Of what the net returns, the
    first part if it is a tuple, the last `horizon` steps are the forecast.

    Args:
        net: the net, its own normalization switched off.
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        label: steps of the window that its decoder starts from; None: half the window.
        covariates: time marks of a step; 0: none.
    """

    def __init__(
        self,
        net: nn.Module,
        lookback: int,
        horizon: int,
        channels: int,
        label: int | None = None,
        covariates: int = 0,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        self.label = lookback // 2 if label is None else label
        if not 0 <= self.label <= lookback:
            raise ValueError(
                f"TimeSeriesLibrary needs a label within the look-back of {lookback} but got "
                f"{label}."
            )
        self.net = net

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Forecast with the four arguments that the net wants."""
        self.check_past(past)
        known = self.check_known(past, known)
        begin = self.lookback - self.label
        decoded = functional.pad(past[:, begin:], (0, 0, 0, self.horizon))
        marks = (None, None) if known is None else (known[:, : self.lookback], known[:, begin:])
        ahead: Tensor | tuple[Tensor, ...] = self.net(past, marks[0], decoded, marks[1])
        ahead = ahead if isinstance(ahead, torch.Tensor) else ahead[0]
        return ahead[:, -self.horizon :]
