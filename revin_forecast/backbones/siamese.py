from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import Backbone, CovariateBackbone
from revin_forecast.backbones.linear import Linear
from revin_forecast.shapes import Future, Known, Past

BackboneFactory = Callable[[int, int, int], Backbone]
"""A class of (lookback, horizon, channels), any nn.Module, or functools.partial of one."""


class Siamese(CovariateBackbone):
    """One network, built for one channel, that serves every channel (Bromley et al., NeurIPS 1993).

    `networks` has an entry for each channel, all the same module, so that `shared_parameters` and
    saved files tell what is shared; a call folds the channels into the batch and runs it once.
    The network's number of parameters, whatever the number of channels.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        backbone: what is built of (lookback, horizon, 1).
        covariates: known inputs of a step, if the backbone takes them.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        backbone: BackboneFactory = Linear,
        covariates: int = 0,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        network = _build_network(backbone, lookback, horizon, covariates)
        self.networks = nn.ModuleList([network] * channels)

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Run the network on all channels as on one batch."""
        self.check_past(past)
        extra = _known_arguments(self.check_known(past, known), self.channels)
        ahead = self.networks[0](past.mT.flatten(0, 1).unsqueeze(-1), **extra)
        return ahead.squeeze(-1).unflatten(0, (-1, self.channels)).mT


class PerChannel(CovariateBackbone):
    """A network of its own for every channel: the untied counterpart of `Siamese`.

    The network's number of parameters, times the channels.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        backbone: what is built of (lookback, horizon, 1), once for each channel.
        covariates: known inputs of a step, if the backbone takes them.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        backbone: BackboneFactory = Linear,
        covariates: int = 0,
    ):
        super().__init__(lookback, horizon, channels, covariates)
        self.networks = nn.ModuleList(
            _build_network(backbone, lookback, horizon, covariates) for _ in range(channels)
        )

    def forward(self, past: Past, *, known: Known | None = None) -> Future:
        """Run each channel's network on its channel."""
        self.check_past(past)
        extra = _known_arguments(self.check_known(past, known), 1)
        pairs = zip(self.networks, past.split(1, dim=-1), strict=True)
        return torch.cat([network(one, **extra) for network, one in pairs], dim=-1)


def _build_network(
    backbone: BackboneFactory, lookback: int, horizon: int, covariates: int
) -> nn.Module:
    extra: dict[str, Any] = {"covariates": covariates} if covariates else {}
    network = backbone(lookback, horizon, 1, **extra)
    asks = network.covariates if isinstance(network, CovariateBackbone) else 0
    if asks != covariates:
        raise ValueError(
            f"{type(network).__name__} wants {asks} known inputs but the wrapper was built for "
            f"{covariates}. Pass covariates={asks} to the wrapper."
        )
    return network


def _known_arguments(known: Tensor | None, channels: int) -> dict[str, Tensor]:
    """Return the known inputs of each window once for each of its channels."""
    return {} if known is None else {"known": known.repeat_interleave(channels, dim=0)}
