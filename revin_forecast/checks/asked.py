"""What the backbone contract asks with: windows, sizes, and what is known of each step."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from revin_forecast.backbones.base import CovariateBackbone
from revin_forecast.checks.run import perturb

BackboneFactory = Callable[[int, int, int], nn.Module]
"""A class or call of (lookback, horizon, channels) that builds a backbone."""

SIZES = ((48, 12, 3), (37, 11, 1), (24, 25, 2))
"""(lookback, horizon, channels): even, odd with one channel, horizon beyond the look-back."""


def build_backbone(make: BackboneFactory, sizes: tuple[int, int, int] = SIZES[0]) -> nn.Module:
    """Build away from initialization, in float64, in evaluation mode."""
    return perturb(make(*sizes)).double().eval()


def random_windows(sizes: tuple[int, int, int] = SIZES[0], windows: int = 5) -> Tensor:
    """Return random float64 windows."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn((windows, sizes[0], sizes[2]), generator=generator, dtype=torch.float64)


class BackboneHarness(nn.Module):
    """A backbone with what it wants to know of each step.

    A single known input is the running number, several are waves within a half of zero, as calendar
    features are.
    """

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone

    def forward(self, past: Tensor, first: Tensor) -> Tensor:
        """Forecast; `first` is (batch,), the number of each window's first step."""
        backbone = self.backbone
        if not isinstance(backbone, CovariateBackbone) or backbone.covariates == 0:
            return backbone(past)
        steps = torch.arange(backbone.lookback + backbone.horizon, device=past.device)
        known = (first.unsqueeze(1) + steps).unsqueeze(-1).to(past.dtype)
        if backbone.covariates > 1:
            speeds = torch.arange(1, backbone.covariates + 1, device=past.device)
            known = torch.sin(2 * math.pi / 24 * known * speeds) / 2
        return backbone(past, known=known)


def forecast_batch(backbone: nn.Module, past: Tensor, start: int = 0) -> Tensor:
    """Forecast windows, the first of which begins at a running number."""
    return BackboneHarness(backbone)(past, 7 * (start + torch.arange(len(past))))
