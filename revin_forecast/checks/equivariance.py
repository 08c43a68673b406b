from collections.abc import Callable

import torch
from torch import Tensor, nn

from revin_forecast.checks.runner import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    NormalizerFactory,
    build_normalizer,
    construct_normalizer,
    expect,
    sample_windows,
)
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers.base import Equivariance

MAX_FLOAT64_ERROR = 1e-9
"""Allowed gap in float64, in deviations of the window, at levels up to 1e6 deviations."""

MAX_FLOAT32_ERROR = 128 * torch.finfo(torch.float32).eps
"""Allowed gap in float32, times (deviation + level): what rounding of the input alone makes."""


def check_shift_equivariance(make: NormalizerFactory) -> None:
    """f(x + b) = f(x) + b for b up to 1e6 deviations, another b for each channel."""
    for level in (1.0, -1e3, 1e6):
        _check_equivariance(make, 1.0, level, common=True)


def check_scale_equivariance(make: NormalizerFactory) -> None:
    """f(a x + b) = a f(x) + b for a from 1e-6 to 1e6, others for each channel; b = 0 without shift.

    The levels b go up to 1e6 a.
    """
    shifts = "shift" in construct_normalizer(make).equivariant_to
    for scale in (1e-6, 1e-3, 1e3, 1e6):
        _check_equivariance(make, scale, 0.0)
        if shifts:
            _check_equivariance(make, scale, 1e6 * scale)


def check_common_scale_equivariance(make: NormalizerFactory) -> None:
    """f(a x) = a f(x) for a from 1e-6 to 1e6, the same for all channels."""
    for scale in (1e-6, 1e-3, 1e3, 1e6):
        _check_equivariance(make, scale, 0.0, common=True)


EQUIVARIANCE_CHECKS: dict[Equivariance, tuple[str, Callable[[NormalizerFactory], None]]] = {
    "shift": ("forecasts follow a change of level", check_shift_equivariance),
    "scale": ("forecasts follow a change of scale", check_scale_equivariance),
    "common scale": (
        "forecasts follow a change of scale of all channels",
        check_common_scale_equivariance,
    ),
}


class _MixingBackbone(nn.Module):
    """A nonlinear backbone that mixes channels: equivariance must not lean on a simple one."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(LOOKBACK * CHANNELS, 16)
        self.out = nn.Linear(16, HORIZON * CHANNELS)

    def forward(self, past: Tensor) -> Tensor:
        hidden = torch.tanh(self.hidden(past.flatten(1)))
        return self.out(hidden).reshape(len(past), HORIZON, CHANNELS)


def _check_equivariance(
    make: NormalizerFactory, scale: float, level: float, common: bool = False
) -> None:
    model = Reversible(_MixingBackbone(), build_normalizer(make))
    spread = torch.tensor([1.0, 1.0, 1.0] if common else [1.0, 0.5, 2.0], dtype=torch.float64)
    levels = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64) * level
    scales = spread * scale
    for dtype in (torch.float64, torch.float32):
        model = model.to(dtype)
        past = sample_windows(level=0.0, deviation=1.0).to(dtype)
        # Round in the narrow dtype first: both sides then start from the same numbers.
        moved = past * scales.to(dtype) + levels.to(dtype)
        with torch.no_grad():
            plain, follow = model(past).double(), model(moved).double()
        gap = ((follow - (scales * plain + levels)).abs() / scales).max().item()
        size = plain.abs().max().item() + abs(level) / scale
        bound = MAX_FLOAT64_ERROR if dtype == torch.float64 else MAX_FLOAT32_ERROR * max(1.0, size)
        message = f"f({scale:g} x + {level:g}) is {gap:.3g} deviations off in {dtype}"
        expect(gap <= bound, f"{message}, allowed is {bound:.3g}")
