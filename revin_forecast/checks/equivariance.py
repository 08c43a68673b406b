"""Equivariance checks: forecasts follow changes of level and scale."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.checks.runner import expect, expect_at_most
from revin_forecast.checks.samples import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    NormalizerFactory,
    build_normalizer,
    construct_normalizer,
    sample_windows,
)
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers.base import Equivariance, Normalizer
from revin_forecast.normalizers.partial_shift import PartialShift
from revin_forecast.utils.shapes import Future, Past

MAX_FLOAT64_ERROR = 1e-9
"""Largest float64 error, in deviations of the window, at levels up to 1e6 deviations."""

MAX_FLOAT32_ERROR = 128 * torch.finfo(torch.float32).eps
"""Largest float32 error, relative to deviation + level: the effect of rounding the input alone."""


def check_shift_equivariance(make: NormalizerFactory) -> None:
    """f(x + b) = f(x) + b for b up to 1e6 deviations, with a different b for each channel."""
    for level in (1.0, -1e3, 1e6):
        _check_equivariance(make, 1.0, level, common=True)


def check_scale_equivariance(make: NormalizerFactory) -> None:
    """f(a x + b) = a f(x) + b for a from 1e-6 to 1e6, with different a and b for each channel.

    b is up to 1e6 a, or 0 if the normalizer does not claim shift equivariance.
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


def check_partial_shift(make: NormalizerFactory) -> None:
    """f(x + b) = f(x) + share b for b up to 1e6 deviations, with the share that is claimed."""
    normalizer = build_normalizer(make)
    assert isinstance(normalizer, PartialShift)
    shares = normalizer.shift_shares
    expect(((shares >= 0) & (shares <= 1)).all(), "a share of a change of level is not in [0, 1]")
    for level in (1.0, -1e3, 1e6):
        _check_equivariance(make, 1.0, level, common=True)


def check_centred_scale(make: NormalizerFactory) -> None:
    """f(c + a (x - c) + b) = c + a (f(x) - c) + share b for a from 1e-3 to 1e3, c the centre."""
    for scale in (1e-3, 1e3):
        _check_equivariance(make, scale, 0.0)
        _check_equivariance(make, scale, 1e6 * scale)


PARTIAL_CHECKS: dict[str, Callable[[NormalizerFactory], None]] = {
    "forecasts follow the claimed share of a change of level": check_partial_shift,
    "forecasts follow a change of scale about the centre": check_centred_scale,
}
"""Checks of a normalizer that follows a part of a change of level."""

EQUIVARIANCE_CHECKS: dict[Equivariance, tuple[str, Callable[[NormalizerFactory], None]]] = {
    "shift": ("forecasts follow a change of level", check_shift_equivariance),
    "scale": ("forecasts follow a change of scale", check_scale_equivariance),
    "common scale": (
        "forecasts follow a change of scale of all channels",
        check_common_scale_equivariance,
    ),
}


class _MixingBackbone(nn.Module):
    """A nonlinear backbone that mixes channels, as a linear one is partly equivariant itself."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(LOOKBACK * CHANNELS, 16)
        self.out = nn.Linear(16, HORIZON * CHANNELS)

    def forward(self, past: Past) -> Future:
        hidden = torch.tanh(self.hidden(past.flatten(1)))
        return self.out(hidden).reshape(len(past), HORIZON, CHANNELS)


def _check_equivariance(
    make: NormalizerFactory, scale: float, level: float, common: bool = False
) -> None:
    """Raise CheckError unless forecasts follow a change of scale and level in both dtypes."""
    normalizer = build_normalizer(make)
    model = Reversible(_MixingBackbone(), normalizer)
    ratios = torch.tensor([1.0, 1.0, 1.0] if common else [1.0, 0.5, 2.0], dtype=torch.float64)
    levels = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64) * level
    scales = ratios * scale
    for dtype in (torch.float64, torch.float32):
        model = model.to(dtype)
        past = sample_windows(level=0.0, deviation=1.0).to(dtype)
        shares, centre = _read_claim(normalizer)
        # The change is rounded in the narrow dtype, so that both sides start from equal numbers.
        offsets = ((1 - scales) * centre + levels).to(dtype)
        changed = past * scales.to(dtype) + offsets
        offsets = offsets.double() + (shares - 1) * levels
        with torch.no_grad():
            before, after = model(past).double(), model(changed).double()
        error = ((after - (scales * before + offsets)).abs() / scales).max().item()
        size = before.abs().max().item() + (offsets.abs() / scales).max().item()
        bound = MAX_FLOAT64_ERROR if dtype == torch.float64 else MAX_FLOAT32_ERROR * max(1.0, size)
        message = f"f({scale:g} x + {level:g}) is {error:.3g} deviations off in {dtype}"
        expect_at_most(error, bound, f"{message}, allowed is {bound:.3g}")


def _read_claim(normalizer: Normalizer[Any]) -> tuple[Tensor, Tensor]:
    """Return the share of a level that is followed and the centre of scales: 1 and 0 in full."""
    if isinstance(normalizer, PartialShift):
        return normalizer.shift_shares.double(), normalizer.centre.double()
    return torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
