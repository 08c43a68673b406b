"""Wrappers that build one network for all channels, or one network per channel."""

from abc import ABC
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone, CovariateBackbone
from revin_forecast.backbones.linear import Linear
from revin_forecast.utils.shapes import Future, Known, Past

BackboneFactory = Callable[[int, int, int], Backbone]
"""A class constructed with (lookback, horizon, channels), or a functools.partial of one."""


class _SingleChannelNetworks(CovariateBackbone, ABC):
    """Base class: a network for each channel, or one for all of them."""

    channel_independent = True
    _is_shared: ClassVar[bool]

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        backbone: BackboneFactory = Linear,
        covariates: int = 0,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        # Without sharing each channel gets its own.
        count = 1 if self._is_shared else channels
        networks = [_build_network(backbone, lookback, horizon, covariates) for _ in range(count)]
        self.networks = nn.ModuleList(networks * (channels // count))


class Siamese(_SingleChannelNetworks):
    """One single-channel network shared by all channels (Bromley et al., NeurIPS 1993).

    `networks` has an entry per channel, all the same module, so that `shared_parameters` and saved
    files show the sharing. A call folds the channels into the batch and runs the network once. The
    number of parameters is that of the network, whatever the number of channels.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        backbone: class of the network, built with (lookback, horizon, 1).
        covariates: number of known inputs per step, if the backbone takes them.

    Raises:
        ValueError: the network takes another number of known inputs.
    """

    _is_shared = True

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Run the network on all channels as one batch."""
        self.check_past(past)
        extra = _known_arguments(self.check_known(past, known), self.channels)
        forecast = self.networks[0](past.mT.flatten(0, 1).unsqueeze(-1), **extra)
        return forecast.squeeze(-1).unflatten(0, (-1, self.channels)).mT


class PerChannel(_SingleChannelNetworks):
    """A separate network for each channel, the untied counterpart of `Siamese`.

    The number of parameters is that of one network times the number of channels.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        backbone: class of the networks, built with (lookback, horizon, 1) for each channel.
        covariates: number of known inputs per step, if the backbone takes them.

    Raises:
        ValueError: the network takes another number of known inputs.
    """

    _is_shared = False

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Run each channel's network on its channel."""
        self.check_past(past)
        extra = _known_arguments(self.check_known(past, known), 1)
        pairs = zip(self.networks, torch.split(past, 1, dim=-1), strict=True)
        return torch.cat([network(series, **extra) for network, series in pairs], dim=-1)


def _build_network(
    backbone: BackboneFactory, lookback: int, horizon: int, covariates: int
) -> nn.Module:
    """Build a network for one channel and check that it takes the wrapper's known inputs."""
    extra: dict[str, Any] = {"covariates": covariates} if covariates else {}
    network = backbone(lookback, horizon, 1, **extra)
    count = network.covariates if isinstance(network, CovariateBackbone) else 0
    if count != covariates:
        raise ValueError(
            f"{type(network).__name__} takes {count} known inputs but the wrapper was built for "
            f"{covariates}. Pass covariates={count} to the wrapper."
        )
    return network


def _known_arguments(known: Tensor | None, channels: int) -> dict[str, Tensor]:
    """Return the known inputs as keyword arguments, repeated for each channel of a window."""
    return {} if known is None else {"known": known.repeat_interleave(channels, dim=0)}
