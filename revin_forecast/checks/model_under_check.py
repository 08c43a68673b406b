"""A net and a call of it, with the copies that its checks run on."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from revin_forecast.checks.model_call import ModelCall
from revin_forecast.checks.module_state import copy_module


@dataclass(frozen=True)
class ModelUnderCheck:
    """A net, which is never called itself, and a call of its copies."""

    net: nn.Module
    """The net of the user."""
    call: ModelCall
    """The arguments to call it with."""

    def copy(self) -> nn.Module:
        """Return a copy of the net in evaluation mode, as the user passed it."""
        return copy_module(self.net).eval()

    @cached_property
    def forecast(self) -> Tensor:
        """The forecast of an unused copy."""
        with torch.no_grad():
            return self.call.clone().forecast(self.copy())

    @cached_property
    def is_repeatable(self) -> bool:
        """Whether another copy gives the same forecast."""
        with torch.no_grad():
            again = self.call.clone().forecast(self.copy())
        return again.shape == self.forecast.shape and not bool(
            (again - self.forecast).abs().max() > self.rounding
        )

    @cached_property
    def wide(self) -> nn.Module | None:
        """A copy in float64; None if the net can't run in float64."""
        try:
            with torch.no_grad():
                net = self.copy().double()
                forecast = self.call.clone().to(torch.float64).forecast(net)
        except Exception:  # user code may raise anything
            return None
        return net if forecast.dtype == torch.float64 else None

    @property
    def rounding(self) -> float:
        """Allowed difference of two results of the same operations."""
        forecast = self.forecast
        return 16 * torch.finfo(forecast.dtype).eps * forecast.abs().max().item()

    @property
    def reordered_rounding(self) -> float:
        """Allowed difference of two results of the same sums in another order."""
        eps = torch.finfo(self.forecast.dtype).eps
        return self.rounding + 1000 * eps * self.call.deviation.max().item()
