"""Numerical checks of a whole net: precision, gaps, gradients and equivariance."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from revin_forecast.checks.model_behaviour import NOT_REPEATABLE
from revin_forecast.checks.model_call import ModelCall
from revin_forecast.checks.model_under_check import ModelUnderCheck
from revin_forecast.checks.module_state import copy_module, format_names
from revin_forecast.checks.runner import (
    CheckError,
    Remark,
    expect,
    expect_at_most,
    expect_close,
    is_explained,
    shorten,
)
from revin_forecast.checks.samples import perturb
from revin_forecast.normalizers.base import Equivariance

LEVELS = (1e6, -9e5, 8e5, 7e5)
"""Levels in deviations, where float32 numbers are 1/16 apart."""
MAX_FLOAT64_ERROR = 1e-6
"""Largest float64 error of an equivariant net, in deviations of the window."""
MAX_FLOAT32_ERROR = 128 * torch.finfo(torch.float32).eps
"""Largest float32 error, relative to deviation + level: the effect of rounding the input alone."""

MAX_MOVES = 8
"""Largest number of random places at which a gradient is computed again."""


def check_precision(subject: ModelUnderCheck) -> str | None:
    """At a level of 1e6 deviations, float32 forecasts are those of float64 but for their rounding.

    The allowance is one float32 spacing, and ten times the error of the same net at level 0.
    """
    if not subject.is_repeatable:
        return NOT_REPEATABLE
    if subject.wide is None:
        return "the net can't run in float64, so its error can't be measured"
    narrow = subject.copy().float()
    centre = subject.call.windows.double().mean(1, keepdim=True)
    deviation = subject.call.deviation
    baseline = _measure_rounding(subject.wide, narrow, _move(subject.call, -centre))[0].max().item()
    for level in LEVELS:
        shift = deviation * level - centre
        error, spacing = _measure_rounding(subject.wide, narrow, _move(subject.call, shift))
        bound = 10 * baseline + spacing
        worst = (error / bound).argmax()
        found, allowed = error.flatten()[worst].item(), bound.flatten()[worst].item()
        message = f"float32 is {found:.3g} deviations off at a level of {level:g} deviations"
        expect_at_most(found, allowed, f"{message}, allowed is {allowed:.3g}")
    return None


def check_gaps(subject: ModelUnderCheck) -> str | Remark | None:
    """A NaN or infinity affects only its window, and makes no other channel NaN; or it is refused.

    It may make the forecast of its own channel NaN, which is printed.
    """
    if not subject.is_repeatable:
        return NOT_REPEATABLE
    net, clean = subject.copy(), subject.forecast
    is_spreading = False
    for value in (torch.nan, torch.inf):
        windows = subject.call.windows.clone()
        middle = windows.shape[1] // 2
        windows[(1, middle, -1) if windows.ndim == 3 else (1, middle)] = value
        try:
            with torch.no_grad():
                forecast = subject.call.with_windows(windows).clone().forecast(net)
        except Exception as error:
            if not is_explained(error):
                raise
            return Remark(f"refused: {shorten(str(error))}")
        is_other = torch.arange(len(clean), device=clean.device) != 1
        promise = f"the other windows of a batch with one {value}"
        tolerance = subject.reordered_rounding
        expect_close(forecast[is_other], clean[is_other], tolerance, promise, "leak")
        own = forecast[1]
        if subject.call.matches_channels(forecast) and forecast.shape[2] > 1:
            message = f"one {value} in a channel makes forecasts of other channels NaN or infinite"
            expect(own[:, :-1].isfinite().all(), message, "not finite")
        is_spreading = is_spreading or not bool(own.isfinite().all())
    return Remark("the forecast of its own channel is not finite") if is_spreading else None


def check_gradients(subject: ModelUnderCheck) -> str | Remark | None:
    """Every trainable parameter gets a finite gradient that is not 0 everywhere.

    One that is 0 counts only if it stays 0 wherever all parameters are moved: a layer that begins
    with zeros hides others from the first gradient, and a gate may choose others for few windows.
    """
    net = subject.copy()
    frozen = [name for name, value in net.named_parameters() if not value.requires_grad]
    if all(not value.requires_grad for value in net.parameters()):
        return "all parameters are frozen" if frozen else "no parameters"
    without = _find_without_gradient(net, subject.call)
    for seed in range(MAX_MOVES):
        if not without:
            break
        moved = _find_without_gradient(perturb(subject.copy(), seed), subject.call)
        without = [name for name in without if name in moved]
    expect(not without, f"no gradient reaches {format_names(without)}")
    return Remark(f"frozen and exempt: {format_names(frozen)}") if frozen else None


def check_shift(subject: ModelUnderCheck, is_claimed: bool) -> str | None:
    """f(x + b) = f(x) + b for b up to 1e6 deviations, with a different b for each channel.

    Forecasts of other channels than those of the window get the same b for all channels.
    """
    changes = [_Change(1.0, level, False) for level in (1.0, -1e3, 1e6)]
    return _check_changes(subject, changes, is_claimed)


def check_scale(subject: ModelUnderCheck, is_claimed: bool) -> str | None:
    """f(a x) = a f(x) for a from 1e-6 to 1e6, with a different a for each channel."""
    if not subject.call.matches_channels(subject.forecast):
        return "the forecast does not have the channels of the windows"
    changes = [_Change(scale, 0.0, False) for scale in (1e-6, 1e-3, 1e3, 1e6)]
    return _check_changes(subject, changes, is_claimed)


def check_common_scale(subject: ModelUnderCheck, is_claimed: bool) -> str | None:
    """f(a x) = a f(x) for a from 1e-6 to 1e6, the same for all channels."""
    changes = [_Change(scale, 0.0, True) for scale in (1e-6, 1e-3, 1e3, 1e6)]
    return _check_changes(subject, changes, is_claimed)


EQUIVARIANCES: dict[
    Equivariance, tuple[str, Callable[[ModelUnderCheck, bool], str | Remark | None]]
] = {
    "shift": ("forecasts follow a change of level", check_shift),
    "scale": ("forecasts follow a change of scale", check_scale),
    "common scale": ("forecasts follow a change of scale of all channels", check_common_scale),
}


@dataclass(frozen=True)
class _Change:
    """A change of the data, a x + b."""

    scale: float
    """a of the first channel."""
    level: float
    """b of the first channel, in deviations."""
    is_common: bool
    """Whether all channels have the same a and b."""


def _check_changes(
    subject: ModelUnderCheck, changes: list[_Change], is_claimed: bool
) -> str | None:
    """Raise CheckError unless forecasts follow all changes; if not claimed, return the error."""
    if not subject.is_repeatable:
        return NOT_REPEATABLE
    failures: list[CheckError] = []
    for change in changes:
        try:
            _check_change(subject, change)
        except CheckError as error:
            failures.append(error)
    if not failures:
        return None
    worst = max(failures, key=lambda error: error.excess)
    if is_claimed:
        raise worst
    return f"not claimed: {worst}"


def _check_change(subject: ModelUnderCheck, change: _Change) -> None:
    """Raise CheckError unless the forecast follows the change."""
    # Not `or`: a compiled module has no truth value.
    net = subject.copy() if subject.wide is None else subject.wide
    dtype = torch.float64 if subject.wide is not None else subject.forecast.dtype
    call = subject.call.to(dtype)
    deviation = call.deviation
    channels = deviation.shape[2] if deviation.ndim == 3 else 1
    places = torch.arange(channels, device=deviation.device)
    is_common = change.is_common or not call.matches_channels(subject.forecast)
    equal = torch.ones_like(places)
    # Ratios 1/2, 1, 2 of the scales and signs 1, 0, -1 of the levels, in turn.
    ratios = equal if is_common or change.level else 2.0 ** (places % 3 - 1)
    signs = equal if is_common else 1 - places % 3
    scale = change.scale * ratios.double()
    if is_common:
        deviation = deviation.flatten(1).mean(1).reshape(-1, *[1] * (deviation.ndim - 1))
    level = change.level * signs * deviation
    changed = call.change(lambda values: (scale * values + level).to(values.dtype))
    with torch.no_grad():
        before, after = call.forecast(net).double(), changed.forecast(net).double()
    size = call.broadcast(deviation.expand(len(before), *deviation.shape[1:]), before)
    factor = call.broadcast(scale.expand_as(call.deviation), before)
    offset = call.broadcast(level.expand_as(call.deviation), before)
    error = ((after - (factor * before + offset)).abs() / (factor * size)).max().item()
    reach = max(1.0, (before.abs() / size).max().item() + abs(change.level))
    narrow = max(MAX_FLOAT32_ERROR, 128 * torch.finfo(dtype).eps) * reach
    bound = MAX_FLOAT64_ERROR if dtype == torch.float64 else narrow
    message = f"f({change.scale:g} x + {change.level:g}) is {error:.3g} deviations off"
    expect_at_most(error, bound, f"{message}, allowed is {bound:.3g}")


def _move(call: ModelCall, shift: Tensor) -> ModelCall:
    """Return the call in float32 with its data shifted."""
    return call.change(lambda values: values.double() + shift).to(torch.float32)


def _measure_rounding(wide: nn.Module, narrow: nn.Module, call: ModelCall) -> tuple[Tensor, Tensor]:
    """Return the error of float32 forecasts and their float32 spacing, in deviations."""
    with torch.no_grad():
        rounded = call.clone().forecast(narrow)
        exact = call.to(torch.float64).forecast(wide)
    size = call.broadcast(call.deviation, exact)
    exponent = exact.abs().clamp(min=torch.finfo(torch.float32).tiny).log2().floor()
    spacing = torch.finfo(torch.float32).eps * 2**exponent
    return (rounded.double() - exact).abs() / size, spacing / size


def _find_without_gradient(net: nn.Module, call: ModelCall) -> list[str]:
    """Return the trainable parameters without a gradient; raise CheckError if one is not finite."""
    net = copy_module(net)
    with torch.enable_grad():
        forecast = call.clone().forecast(net)
        size = call.broadcast(call.deviation, forecast)
        centre = call.broadcast(call.windows.double().mean(1, keepdim=True), forecast)
        loss = ((forecast.double() - centre) / size).square().mean()
        trainable = {name: value for name, value in net.named_parameters() if value.requires_grad}
        if not loss.requires_grad:
            return list(trainable)
        gradients = torch.autograd.grad(loss, list(trainable.values()), allow_unused=True)
    found = dict(zip(trainable, gradients, strict=True))
    wrong = [
        name for name, value in found.items() if value is not None and not value.isfinite().all()
    ]
    expect(not wrong, f"the gradient of {format_names(wrong)} is not finite", "not finite")
    return [name for name, value in found.items() if value is None or not bool(value.any())]
