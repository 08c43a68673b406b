"""Means of errors over the observed targets."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from revin_forecast.metrics.targets import (
    check_shape,
    is_covered,
    mask_gaps,
    observed_targets,
    percentage_errors,
    pinball_losses,
    promote_to_float32,
)

Values = Float[Tensor, "batch horizon channels"]
"""Forecasts or truths."""
ObservedTargets = Bool[Tensor, "batch horizon channels"]
"""True where the truth was measured."""
Score = Float[Tensor, ""]
"""A differentiable scalar."""


def mse(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Mean squared error: mean of (forecast - truth)^2.

    >>> mse(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [torch.nan]]]))
    tensor(4.)
    """
    error, is_observed = _observed_errors(forecast, truth, observed)
    return _observed_mean(error.square(), is_observed)


def mae(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Mean absolute error: mean of `|forecast - truth|`.

    >>> mae(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [torch.nan]]]))
    tensor(2.)
    """
    error, is_observed = _observed_errors(forecast, truth, observed)
    return _observed_mean(error.abs(), is_observed)


def rmse(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Root mean squared error, in the units of the truth; its gradient at 0 is 0."""
    squared = mse(forecast, truth, observed)
    # The root's derivative at 0 is infinite: inf * 0 would make a perfect forecast's gradient NaN.
    is_zero = squared == 0
    return torch.where(is_zero, 0, torch.where(is_zero, 1, squared).sqrt())


def smape(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Symmetric mean absolute percentage error: mean of `200 |f - y| / (|f| + |y|)`.

    0 / 0 counts as 0 (Makridakis, 1993, as in the M competitions; 0 to 200). It jumps to 200 near
    zero, changes when a constant is added to all values, and penalizes low forecasts more. `mase`
    does not.

    >>> smape(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [4.0]]]))
    tensor(50.)
    """
    error, is_observed = _observed_errors(forecast, truth, observed)
    size = forecast.abs() + truth.abs()
    return _observed_mean(percentage_errors(error, size), is_observed)


def mase(
    forecast: Values,
    truth: Values,
    scale: Float[Tensor, " channels"],
    observed: ObservedTargets | None = None,
) -> Score:
    """Mean absolute scaled error: mean of `|forecast - truth| / scale`.

    (Hyndman & Koehler, 2006.) The scale is the error of the seasonal naive forecast. The result is
    not finite if a channel with observed targets has scale NaN or 0, as when it is constant in the
    training part: leave such channels out.

    Args:
        forecast: in the units of truth.
        truth: observed values of the horizon.
        scale: `seasonal_scale` of the training part.
        observed: True where truth was measured.

    >>> mase(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [3.0]]]), torch.tensor([2.0]))
    tensor(0.7500)
    """
    error, is_observed = _observed_errors(forecast, truth, observed)
    if scale.shape != truth.shape[-1:]:
        raise ValueError(
            f"the scale has shape {tuple(scale.shape)} but the truth {tuple(truth.shape)}; "
            "pass one number for each channel, as seasonal_scale returns."
        )
    return _observed_mean(error.abs() / scale, is_observed)


def quantile_loss(
    forecast: Float[Tensor, "batch horizon channels levels"],
    truth: Values,
    levels: Sequence[float],
    observed: ObservedTargets | None = None,
) -> Score:
    """Pinball loss, the mean over levels q of max(q e, (q - 1) e) with e = truth - forecast.

    (Koenker & Bassett, 1978.) At the median, q = 0.5, it is half the absolute error.

    Args:
        forecast: one column per level.
        truth: observed values of the horizon.
        levels: between 0 and 1, in the order of the columns.
        observed: True where truth was measured.

    Raises:
        ValueError: levels outside (0, 1), or not one per column.

    >>> low_and_high = torch.tensor([[[[1.0, 6.0]]]])
    >>> quantile_loss(low_and_high, torch.tensor([[[3.0]]]), [0.25, 0.75])
    tensor(0.6250)
    """
    if not levels or not all(0 < level < 1 for level in levels):
        raise ValueError(f"levels must be in (0, 1) but got {list(levels)}. Pass 0.9 for 90 %.")
    if forecast.shape[-1] != len(levels):
        raise ValueError(
            f"the forecast has {forecast.shape[-1]} levels but {len(levels)} were named; "
            "pass one number for each."
        )
    # Checked before the truth is expanded, which would hide a mismatch.
    check_shape("forecast", forecast[..., 0], truth)
    is_observed = observed_targets(truth, observed).unsqueeze(-1).expand_as(forecast)
    truth_per_level = truth.unsqueeze(-1).expand_as(forecast)
    error, is_observed = _observed_errors(forecast, truth_per_level, is_observed)
    level = error.new_tensor(levels)
    return _observed_mean(pinball_losses(error, level), is_observed)


def wql(
    forecast: Float[Tensor, "batch horizon channels levels"],
    truth: Values,
    levels: Sequence[float],
    observed: ObservedTargets | None = None,
) -> Score:
    """Weighted quantile loss, the mean over levels of `2 sum(pinball) / sum |truth|`.

    (Salinas et al., Int. J. Forecasting 2020; the score of GluonTS and fev.) At the median alone it
    is `sum |error| / sum |truth|`. Perfect forecasts score 0; it is not finite if all truths are 0.

    Args:
        forecast: one column per level, in the units of truth.
        truth: observed values of the horizon.
        levels: between 0 and 1, in the order of the columns.
        observed: True where truth was measured.

    >>> low_and_high = torch.tensor([[[[1.0, 6.0]]]])
    >>> wql(low_and_high, torch.tensor([[[5.0]]]), [0.25, 0.75])
    tensor(0.2500)
    """
    is_observed = observed_targets(truth, observed)
    size, _ = _observed_errors(torch.zeros_like(truth), truth, is_observed)
    loss = 2 * quantile_loss(forecast, truth, levels, observed)
    # A batch without observed targets scores 0, as in every metric of this module.
    return torch.where(is_observed.any(), loss / _observed_mean(size.abs(), is_observed), 0)


def crps(
    forecast: Float[Tensor, "batch horizon channels levels"],
    truth: Values,
    levels: Sequence[float],
    observed: ObservedTargets | None = None,
) -> Score:
    """Continuous ranked probability score from quantiles on an even grid, in the truth's units.

    CRPS = 2 * integral of the pinball loss over levels (Gneiting & Raftery, JASA 2007),
    approximated by 2 * the mean over the midpoints of equal parts of (0, 1), or over k / (n + 1).
    More levels are more accurate. At the median alone it is the absolute error.

    Args:
        forecast: one column per level.
        truth: observed values of the horizon.
        levels: evenly spaced, symmetric about 0.5, in the order of the columns.
        observed: True where truth was measured.

    Raises:
        ValueError: the levels are not evenly spaced and symmetric.

    >>> low_and_high = torch.tensor([[[[1.0, 6.0]]]])
    >>> crps(low_and_high, torch.tensor([[[3.0]]]), [0.25, 0.75])
    tensor(1.2500)
    """
    steps = [high - low for low, high in pairwise(levels)]
    is_even = all(step > 0 and math.isclose(step, steps[0], abs_tol=1e-6) for step in steps)
    if levels and not (is_even and math.isclose(levels[0] + levels[-1], 1, abs_tol=1e-6)):
        raise ValueError(
            f"CRPS needs evenly spaced levels, symmetric about 0.5, but got {list(levels)}. Pass "
            "[0.1, 0.2, ..., 0.9], or use quantile_loss."
        )
    return 2 * quantile_loss(forecast, truth, levels, observed)


def coverage(
    low: Values, high: Values, truth: Values, observed: ObservedTargets | None = None
) -> Score:
    """Share of observed truths within [low, high], both ends included.

    >>> truth = torch.tensor([[[0.0], [1.0], [2.0], [torch.nan]]])
    >>> coverage(torch.full_like(truth, 0.5), torch.full_like(truth, 1.5), truth)
    tensor(0.3333)
    """
    low_error, is_observed = _observed_errors(low, truth, observed)
    high_error, _ = _observed_errors(high, truth, observed)
    inside = is_covered(low_error, high_error).to(low_error.dtype)
    return _observed_mean(inside, is_observed)


def _observed_errors(
    forecast: Tensor, truth: Tensor, observed: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return forecast - truth, 0 where unobserved, and where it is observed (None: everywhere)."""
    check_shape("forecast", forecast, truth)
    is_observed = mask_gaps(truth, observed)
    forecast = promote_to_float32(forecast)
    if is_observed is None:
        return forecast - truth, None
    # Both are masked before the difference, so that no NaN can reach a gradient.
    return torch.where(is_observed, forecast, 0) - torch.where(is_observed, truth, 0), is_observed


def _observed_mean(errors: Tensor, is_observed: Tensor | None) -> Tensor:
    if is_observed is None:
        return errors.sum() / max(1, errors.numel())
    return torch.where(is_observed, errors, 0).sum() / is_observed.sum().clamp(min=1)
