"""Backbones, known inputs and windows that the backbone checks run on."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.checks.samples import perturb

BackboneFactory = Callable[[int, int, int], nn.Module]
"""A class or function of (lookback, horizon, channels) that builds a backbone."""

SIZES = ((48, 12, 3), (37, 11, 1), (24, 25, 2))
"""(lookback, horizon, channels): even; odd with one channel; horizon beyond the look-back."""


class BackboneHarness(nn.Module):
    """A backbone together with artificial known inputs, if it takes any.

    A single known input is the running number of the step. Several are waves between -0.5 and 0.5,
    the range of calendar features.
    """

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone

    def forward(self, past: Tensor, first: Tensor) -> Tensor:
        """Forecast; `first` (batch,) holds the running number of each window's first step."""
        backbone = self.backbone
        if not isinstance(backbone, CovariateBackbone) or backbone.covariates == 0:
            return backbone(past)
        steps = torch.arange(backbone.lookback + backbone.horizon, device=past.device)
        known = (first.unsqueeze(1) + steps).unsqueeze(-1).to(past.dtype)
        if backbone.covariates > 1:
            frequencies = torch.arange(1, backbone.covariates + 1, device=past.device)
            known = torch.sin(2 * math.pi / 24 * known * frequencies) / 2
        return backbone(past, known=known)


def build_backbone(make: BackboneFactory, sizes: tuple[int, int, int] = SIZES[0]) -> nn.Module:
    """Return a float64 backbone in evaluation mode with perturbed parameters."""
    # Perturbed, as initial zeros and ones would hide faults.
    return perturb(make(*sizes)).double().eval()


def random_windows(sizes: tuple[int, int, int] = SIZES[0], windows: int = 5) -> Tensor:
    """Return random float64 windows, (windows, lookback, channels)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn((windows, sizes[0], sizes[2]), generator=generator, dtype=torch.float64)


def forecast_batch(backbone: nn.Module, past: Tensor, start: int = 0) -> Tensor:
    """Forecast windows whose first steps are 7 steps apart, beginning with window `start`."""
    return BackboneHarness(backbone)(past, 7 * (start + torch.arange(len(past))))
