"""Contributions to forecasts on logarithms and to exponential smoothing."""

import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.backbones import ETS
from revin_forecast.backbones.ets import SmoothingForecast, forecast_by_smoothing
from revin_forecast.models.contributions import (
    Contributions,
    ExplainedScope,
    ExplainedWindow,
    make_linear,
)

MAX_SMOOTHED_SERIES = 16
"""Most series that are smoothed at once, since gradients hold the states of every row."""


def attribute_logarithms(
    exponents: Float[Tensor, "steps targets lookback"],
    forecast: Float[Tensor, "steps targets"],
    zero: Float[Tensor, " targets"],
    window: ExplainedWindow,
    scope: ExplainedScope,
) -> Contributions:
    """Return the contributions to a product of powers, F - zero = k prod_l (x_l - zero)^w_l.

    F - level = L(F, level) (sum_l w_l ln(x_l / level) + constant) with the logarithmic mean
    L(a, b) = (a - b) / (ln a - ln b) of the amounts above zero (Ang, Energy Policy 2004). The
    weight of a lag is the slope w_l L(F, level) / L(x_l, level).

    Args:
        exponents: w, 0 for values that are unobserved or not above zero.
        forecast: F.
        zero: value that stands for 0.
        window: the window, observed where an amount has a logarithm.
        scope: series and steps; the level of each series is above zero.
    """
    known = window.observed[0][:, scope.channels].mT
    level = scope.levels[scope.channels] - zero
    values = window.past[0][:, scope.channels].mT - zero[:, None]
    amounts = torch.where(known, values, level[:, None])
    mean = compute_log_mean(forecast - zero, level)
    growth = (forecast - zero).log() - level.log()
    explained = torch.einsum("stl,tl->st", exponents, amounts.log() - level[:, None].log())
    slopes = exponents * mean[..., None] / compute_log_mean(amounts, level[:, None])
    return Contributions(
        slopes.unsqueeze(-1),
        torch.ones_like(mean).unsqueeze(-1),
        mean * (growth - explained),
    )


def compute_log_mean(first: Tensor, second: Tensor) -> Tensor:
    """Return the logarithmic mean (a - b) / (ln a - ln b) of positive numbers, a if both are equal.

    >>> compute_log_mean(torch.tensor([1.0, 2.0]), torch.tensor([2.718281828, 2.0]))
    tensor([1.7183, 2.0000])
    """
    growth = first.log() - second.log()
    is_equal = growth.abs() < torch.finfo(growth.dtype).tiny
    safe = torch.where(is_equal, 1, growth)
    return torch.where(is_equal, second, second * torch.expm1(growth) / safe)


def attribute_smoothing(
    backbone: ETS, window: ExplainedWindow, scope: ExplainedScope
) -> Contributions:
    """Return the contributions to exponential smoothing, given the weights of its parameters.

    Given these, first states, levels, slopes and seasons are linear in the window, with medians of
    its differences as first slopes.
    """
    parts: list[Contributions] = []
    for start in range(0, len(scope.channels), MAX_SMOOTHED_SERIES):
        positions = slice(start, start + MAX_SMOOTHED_SERIES)
        few = ExplainedScope(
            scope.channels[positions], scope.outputs[positions], scope.steps, scope.levels
        )
        parts.append(_attribute_few(backbone, window, few))
    return Contributions(
        torch.cat([part.weights for part in parts], dim=1),
        torch.cat([part.level_weights for part in parts], dim=1),
        torch.cat([part.constant for part in parts], dim=1),
    )


def _attribute_few(backbone: ETS, window: ExplainedWindow, scope: ExplainedScope) -> Contributions:
    channels = scope.channels
    values = window.past[0][:, channels].detach().clone().requires_grad_()
    observed = window.observed[0][:, channels]
    zero = backbone.zero.double()[channels] if backbone.logs else None
    (result,) = forecast_by_smoothing(
        values,
        None if bool(observed.all()) else observed,
        backbone.season,
        backbone.horizon,
        [backbone.lookback],
        zero,
        detach_weights=True,
    )
    share = result.log_share.detach()
    plain, on_logs = _split_parts(result, share)
    weights = _differentiate(plain[scope.steps], values)
    total = make_linear(weights.unsqueeze(-1), plain.detach()[scope.steps], window, scope)
    if on_logs is None or zero is None or not bool((share > 0).any()):
        return total
    # Series without logarithms get the share 0 of any finite contributions.
    has_logs = (share > 0) & zero.isfinite()
    level = scope.levels[channels]
    safe_zero = torch.where(has_logs, zero, level - 1)
    forecast = torch.where(has_logs, on_logs.detach()[scope.steps], level)
    gradients = _differentiate(on_logs[scope.steps], values)
    amounts = (window.past[0][:, channels] - safe_zero).mT
    exponents = gradients * amounts / (forecast - safe_zero)[..., None]
    kept = observed.mT & has_logs[:, None]
    exponents = torch.where(kept, exponents, 0)
    mask = torch.zeros_like(window.observed)
    mask[0][:, channels] = kept.mT
    part = attribute_logarithms(
        exponents, forecast, safe_zero, ExplainedWindow(window.past, mask), scope
    )
    return total.add(part.scale(torch.where(has_logs, share, 0)), scope)


def _split_parts(
    result: SmoothingForecast, share: Float[Tensor, " series"]
) -> tuple[Tensor, Tensor | None]:
    """Return the part of a forecast on values, and the forecast on logarithms."""
    if result.on_logs is None:
        return result.values, None
    return result.values - share * result.on_logs, result.on_logs


def _differentiate(
    forecast: Float[Tensor, "steps series"], values: Float[Tensor, "time series"]
) -> Float[Tensor, "steps series time"]:
    """Return the derivative of each series' forecast by its values."""
    grads = [torch.autograd.grad(step.sum(), values, retain_graph=True)[0].mT for step in forecast]
    return torch.stack(grads)
