from collections.abc import Callable

import torch
from torch import Tensor, nn

from revin_forecast.checks.run import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    Make,
    build,
    construct,
    expect,
    windows,
)
from revin_forecast.normalizers.base import Equivariance
from revin_forecast.reversible import Reversible

FLOAT64_BOUND = 1e-9
"""Allowed gap in float64, in deviations of the window, at levels up to 1e6 deviations."""

FLOAT32_BOUND = 128 * torch.finfo(torch.float32).eps
"""Allowed gap in float32, times (deviation + level): what rounding of the input alone makes."""


def check_shift(make: Make) -> None:
    """f(x + b) = f(x) + b for b up to 1e6 deviations, another b for each channel."""
    for level in (1.0, -1e3, 1e6):
        _compare(make, 1.0, level, common=True)


def check_scale(make: Make) -> None:
    """f(a x + b) = a f(x) + b for a from 1e-6 to 1e6, others for each channel; b = 0 without shift.

    The levels b go up to 1e6 a.
    """
    shifts = "shift" in construct(make).equivariant_to
    for scale in (1e-6, 1e-3, 1e3, 1e6):
        _compare(make, scale, 0.0)
        if shifts:
            _compare(make, scale, 1e6 * scale)


def check_common_scale(make: Make) -> None:
    """f(a x) = a f(x) for a from 1e-6 to 1e6, the same for all channels."""
    for scale in (1e-6, 1e-3, 1e3, 1e6):
        _compare(make, scale, 0.0, common=True)


EQUIVARIANCE_CHECKS: dict[Equivariance, tuple[str, Callable[[Make], None]]] = {
    "shift": ("forecasts follow a change of level", check_shift),
    "scale": ("forecasts follow a change of scale", check_scale),
    "common scale": ("forecasts follow a change of scale of all channels", check_common_scale),
}


class _Mixing(nn.Module):
    """A nonlinear backbone that mixes channels: equivariance must not lean on a simple one."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(LOOKBACK * CHANNELS, 16)
        self.out = nn.Linear(16, HORIZON * CHANNELS)

    def forward(self, past: Tensor) -> Tensor:
        hidden = torch.tanh(self.hidden(past.flatten(1)))
        return self.out(hidden).reshape(len(past), HORIZON, CHANNELS)


def _compare(make: Make, scale: float, level: float, common: bool = False) -> None:
    model = Reversible(_Mixing(), build(make))
    spread = torch.tensor([1.0, 1.0, 1.0] if common else [1.0, 0.5, 2.0], dtype=torch.float64)
    levels = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64) * level
    scales = spread * scale
    for dtype in (torch.float64, torch.float32):
        model = model.to(dtype)
        past = windows(level=0.0, deviation=1.0).to(dtype)
        # Round in the narrow dtype first: both sides then start from the same numbers.
        moved = past * scales.to(dtype) + levels.to(dtype)
        with torch.no_grad():
            plain, follow = model(past).double(), model(moved).double()
        gap = ((follow - (scales * plain + levels)).abs() / scales).max().item()
        size = plain.abs().max().item() + abs(level) / scale
        bound = FLOAT64_BOUND if dtype == torch.float64 else FLOAT32_BOUND * max(1.0, size)
        message = f"f({scale:g} x + {level:g}) is {gap:.3g} deviations off in {dtype}"
        expect(gap <= bound, f"{message}, allowed is {bound:.3g}")
