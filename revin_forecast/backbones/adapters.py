"""Adapters that turn existing networks with other axes or signatures into backbones."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.utils.shapes import Future, Known, Past


class ChannelFirstAdapter(nn.Module):
    """Adapter for networks that map (batch, channels, lookback) -> (batch, targets, horizon).

    This is the axis order of torch's convolutions.

    Args:
        net: the wrapped network.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, past: Past) -> Future:
        """Swap the axes, run the network and swap them back."""
        return self.net(past.mT).mT


class SingleSeriesAdapter(nn.Module):
    """Adapter that applies a network (batch, lookback) -> (batch, horizon) to every channel.

    Args:
        net: the wrapped network; all channels share its weights.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, past: Past) -> Future:
        """Forecast each channel as a separate series."""
        ahead = self.net(past.mT.flatten(0, 1))
        return ahead.unflatten(0, (-1, past.shape[-1])).mT


class TSLibAdapter(CovariateBackbone):
    """Adapter for Time-Series-Library networks, forward(x_enc, x_mark_enc, x_dec, x_mark_dec).

    x_dec holds the last `label` steps of the window followed by zeros for the horizon. The marks
    are the known inputs of the same steps, or None if there are none. The forecast is the last
    `horizon` steps of the output, or of its first element if the network returns a tuple.

    Args:
        net: the wrapped network, with its own normalization off if it has a switch (`use_norm=0` of
            TimeMixer and TimeXer). Around one without a switch use `RevIN(channels, affine=False)`.
            The inner normalization then changes almost nothing. Learned weights outside of it would
            have no effect, or fail in the backward pass.
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        label: number of window steps passed to the decoder; None: half the window.
        covariates: number of time marks per step; 0: none.

    Raises:
        ValueError: the label is longer than the look-back, or negative.
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
                f"TSLibAdapter needs a label within the look-back of {lookback} but got {label}."
            )
        self.net = net

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Build the four arguments and return the last `horizon` steps of the output."""
        self.check_past(past)
        known = self.check_known(past, known)
        label_start = self.lookback - self.label
        decoder_input = functional.pad(past[:, label_start:], (0, 0, 0, self.horizon))
        encoder_marks = decoder_marks = None
        if known is not None:
            encoder_marks, decoder_marks = known[:, : self.lookback], known[:, label_start:]
        output: Tensor | tuple[Tensor, ...] = self.net(
            past, encoder_marks, decoder_input, decoder_marks
        )
        # Networks that return their attention return a tuple whose first element is the forecast.
        forecast = output if isinstance(output, torch.Tensor) else output[0]
        return forecast[:, -self.horizon :]
