"""Divide a forecast into contributions of its window, by the structure of the model."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from revin_forecast.backbones import ETS, Pretrained
from revin_forecast.backbones.target_channels import TargetChannels, unwrap
from revin_forecast.models.contributions import (
    Contributions,
    ExplainedScope,
    ExplainedWindow,
    NotLinearError,
    make_linear,
    make_member,
)
from revin_forecast.models.ensemble import Ensemble, WeightedCombination
from revin_forecast.models.linear_weights import (
    TOLERANCE,
    attribute_linear,
    compute_location,
    find_class_name,
    find_location_weights,
    run_module,
)
from revin_forecast.models.log_weights import attribute_logarithms, attribute_smoothing
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity, LocationScaleNormalizer, LogMean
from revin_forecast.normalizers.affine import AffineNormalizer
from revin_forecast.normalizers.statistics import LocationScale


def attribute_forecast(
    module: nn.Module, window: ExplainedWindow, scope: ExplainedScope
) -> Contributions:
    """Return the contributions of a window's values to its forecast.

    A combination is the weighted sum of its members' contributions. A member that is not linear
    contributes as a whole. Around a linear map W, a normalizer with the location c'x adds
    (1 - W 1) c' to the weights, whatever its scale. Exponential smoothing is linear given the
    weights of its parameters; on logarithms, contributions are the logarithmic mean times the
    change of the logarithm (Ang, Energy Policy 2004), which add up exactly, too.

    Args:
        module: a backbone, or one in a normalizer, in float64 and evaluation mode.
        window: the window to explain.
        scope: the values to explain.

    Raises:
        NotLinearError: the module is not linear, and not a combination with linear members.
    """
    if isinstance(module, TargetChannels):
        return attribute_forecast(module.backbone, window, scope.take_all_channels())
    if isinstance(module, WeightedCombination):
        return _attribute_combination(module, window, scope)
    if isinstance(module, Ensemble):
        shares = module.weights.double()[:, None].expand(-1, len(scope.outputs))
        return _attribute_members(
            list(module.members), shares, [window] * len(module.members), scope
        )
    if isinstance(module, ETS):
        return attribute_smoothing(module, window, scope)
    if isinstance(module, Pretrained):
        raise NotLinearError(find_class_name(module))
    if isinstance(module, Reversible):
        return _attribute_reversible(module, window, scope)
    return attribute_linear(
        module, window, scope, bool(getattr(module, "channel_independent", False))
    )


def _attribute_combination(
    module: WeightedCombination, window: ExplainedWindow, scope: ExplainedScope
) -> Contributions:
    weights = module.weights.double()
    windows = [window.select_last(steps) for steps in module.lookbacks]
    shares = (weights / weights.sum(0))[:, scope.channels]
    return _attribute_members(list(module.members), shares, windows, scope)


def _attribute_members(
    members: list[nn.Module],
    shares: Float[Tensor, "members targets"],
    windows: list[ExplainedWindow],
    scope: ExplainedScope,
) -> Contributions:
    """Return the weighted sum of the members' contributions."""
    lookback = max(window.past.shape[1] for window in windows)
    total: Contributions | None = None
    for member, share, window in zip(members, shares, windows, strict=True):
        if not bool((share > 0).any()):
            continue
        part = _attribute_member(member, window, scope, share).pad(lookback)
        total = part if total is None else total.add(part, scope)
    assert total is not None  # the shares of a series sum to 1
    return total


def _attribute_member(
    member: nn.Module, window: ExplainedWindow, scope: ExplainedScope, share: Tensor
) -> Contributions:
    """Return the contributions of a member, as a whole if it is not linear."""
    name = find_class_name(member)
    try:
        part = attribute_forecast(member, window, scope).scale(share)
        # On logarithms, a level at or below zero has no contributions.
        if part.is_finite:
            return part
    except NotLinearError as error:
        name = error.name
    with torch.no_grad():
        forecast = scope.select(run_module(member, window.past, window))[0]
    return make_member(name, forecast, window.past.shape[1], scope).scale(share)


def _attribute_reversible(
    module: Reversible, window: ExplainedWindow, scope: ExplainedScope
) -> Contributions:
    if module.levels:
        raise NotLinearError(f"{find_class_name(module)} with quantiles")
    normalizer, backbone = module.normalizer, module.backbone
    if isinstance(normalizer, Identity):
        past, _ = normalizer.normalize(window.past, window.observed)
        return attribute_forecast(backbone, replace(window, past=past), scope)
    if isinstance(normalizer, LogMean):
        return _attribute_growth(module, normalizer, window, scope)
    if isinstance(normalizer, LocationScaleNormalizer):
        location = compute_location(normalizer, window)
        if location.shape[1] == 1:
            return _attribute_normalized(module, normalizer, window, scope)
    if isinstance(normalizer, AffineNormalizer):
        return _attribute_affine(module, normalizer, window, scope)
    is_own = bool(getattr(unwrap(backbone), "channel_independent", False))
    return attribute_linear(module, window, scope, is_own)


def _attribute_normalized(
    module: Reversible,
    normalizer: LocationScaleNormalizer,
    window: ExplainedWindow,
    scope: ExplainedScope,
) -> Contributions:
    """Return the contributions to the forecast of a backbone in a location and a scale."""
    z, stats = normalizer.normalize(window.past, window.observed)
    inner = _attribute_inner(module.backbone, replace(window, past=z.detach()), scope)
    weights, constant = _map_back(inner, normalizer, stats, scope)
    weights = _add_location(weights, find_location_weights(normalizer, window), scope)
    with torch.no_grad():
        forecast = scope.select(run_module(module, window.past, window))[0]
    total = make_linear(weights, forecast, window, scope)
    # Only a bias may be left over: another difference would be a part that is not linear.
    size = max(float(forecast.abs().amax()), float(window.past.abs().amax()))
    if not bool(((total.constant - constant).abs() <= TOLERANCE * size).all()):
        raise NotLinearError(find_class_name(module))
    return total


def _attribute_affine(
    module: Reversible,
    normalizer: AffineNormalizer[Any],
    window: ExplainedWindow,
    scope: ExplainedScope,
) -> Contributions:
    """Return the contributions inside a normalizer with another location for the forecast.

    A bias counts in units of the window's scale, which is not linear; the map without it may be.
    """
    flat, _ = normalizer.normalize(torch.zeros_like(window.past), window.observed)
    affine = normalizer.inverse_affine_parameters(torch.float64)
    _, offset = _read_affine(affine, normalizer.channels)
    targets = slice(None) if normalizer.targets is None else list(normalizer.targets)
    without = Reversible(_WithoutBias(module.backbone, flat.detach(), offset[targets]), normalizer)
    is_own = bool(getattr(unwrap(module.backbone), "channel_independent", False))
    try:
        linear = attribute_linear(without, window, scope, is_own)
    except NotLinearError:
        raise NotLinearError(find_class_name(module)) from None
    with torch.no_grad():
        forecast = scope.select(run_module(module, window.past, window))[0]
    return make_linear(linear.weights, forecast, window, scope)


class _WithoutBias(nn.Module):
    """A backbone that maps a constant window to the same constant on the common scale."""

    def __init__(self, backbone: nn.Module, flat: Tensor, offset: Tensor):
        super().__init__()
        self.backbone = backbone
        self.flat = flat
        self.offset = offset
        self.accepts_observed = getattr(backbone, "accepts_observed", False)

    def forward(self, past: Tensor, **inputs: Tensor) -> Tensor:
        constant = self.backbone(self.flat.expand_as(past), **inputs)
        return self.backbone(past, **inputs) - constant + self.offset


def _map_back(
    inner: Contributions,
    normalizer: LocationScaleNormalizer,
    stats: LocationScale,
    scope: ExplainedScope,
) -> tuple[Tensor, Tensor]:
    """Return the weights of differences to the location and the constant, in units of the data.

    Args:
        inner: contributions on the common scale, relative to 0.
        normalizer: maps the window there.
        stats: statistics of the window.
        scope: the values to explain.
    """
    channels = normalizer.channels
    gain, offset = _read_affine(normalizer.affine_parameters(stats.scale.dtype), channels)
    inverse = _read_affine(normalizer.inverse_affine_parameters(stats.scale.dtype), channels)
    scale = stats.scale.expand(1, 1, channels)[0, 0]
    # (targets, inputs) index of the channel of each input.
    every = torch.arange(channels).expand(len(scope.channels), -1)
    inputs = scope.channels[:, None] if inner.is_own else every
    factor = (scale / inverse[0])[scope.channels]
    weights = inner.weights * (gain / scale)[inputs][:, None] * factor[:, None, None]
    shift = (inner.level_weights * offset[inputs]).sum(-1) - inverse[1][scope.channels]
    return weights, (inner.constant + shift) * factor


def _attribute_growth(
    module: Reversible, normalizer: LogMean, window: ExplainedWindow, scope: ExplainedScope
) -> Contributions:
    """Return the contributions to the forecast of a linear map of logarithms."""
    z, _ = normalizer.normalize(window.past, window.observed)
    amounts = window.past[0] - normalizer.zero
    known = window.observed[0] & (amounts > 0)
    positive = replace(window, observed=known.unsqueeze(0))
    inner = _attribute_inner(module.backbone, replace(positive, past=z.detach()), scope)
    if not inner.is_own:
        raise NotLinearError(find_class_name(module))
    mean = known.to(z) / known.sum(0).clamp(min=1)
    exponents = _add_location(inner.weights, mean, scope)
    with torch.no_grad():
        forecast = scope.select(run_module(module, window.past, window))[0]
    zero = normalizer.zero[scope.channels]
    return attribute_logarithms(exponents[..., 0], forecast, zero, positive, scope)


def _attribute_inner(
    backbone: nn.Module, window: ExplainedWindow, scope: ExplainedScope
) -> Contributions:
    """Return the contributions on the common scale, relative to 0.

    Raises:
        NotLinearError: a part of the backbone is not linear.
    """
    inner = attribute_forecast(backbone, window, scope.start_from_zero())
    if inner.members:
        raise NotLinearError(next(iter(inner.members)))
    return inner


def _add_location(
    weights: Float[Tensor, "steps targets lookback inputs"],
    location: Float[Tensor, "lookback channels"],
    scope: ExplainedScope,
) -> Float[Tensor, "steps targets lookback inputs"]:
    """Return the weights of values, from weights of differences to the location.

    W (x - c'x) + c'x = (W + (1 - W 1) c') x; the 1 belongs to the own channel.
    """
    # Unobserved values count as the location, so their differences are 0.
    total = weights.sum(2)
    if weights.shape[3] == 1:
        own = location[:, scope.channels].mT.unsqueeze(-1)
        return weights + (1 - total).unsqueeze(2) * own
    is_own = torch.nn.functional.one_hot(scope.channels, location.shape[1]).to(weights)
    return weights + (is_own - total).unsqueeze(2) * location


def _read_affine(affine: tuple[Tensor, Tensor] | None, channels: int) -> tuple[Tensor, Tensor]:
    """Return gain and offset of each channel."""
    if affine is None:
        one = torch.ones(channels, dtype=torch.float64)
        return one, torch.zeros_like(one)
    return affine[0].detach(), affine[1].detach()
