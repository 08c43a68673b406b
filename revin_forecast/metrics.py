"""Errors of forecasts: pure functions of (batch, horizon, channels), unobserved targets left out.

A target counts as observed where it is finite and `observed`, if given, says so. Each mean is over
observed targets. A batch without any gives 0 with zero gradient, so that a loss over it neither
moves nor poisons a model. A forecast that is not finite where the target was observed shows in the
result. Sums are in float32 for half precision, else in the dtype of the tensors: average many
batches in Python floats or float64.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Values = Float[Tensor, "batch horizon channels"]
ObservedTargets = Bool[Tensor, "batch horizon channels"]
Score = Float[Tensor, ""]


def mse(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Mean squared error: mean of (forecast - truth)^2.

    >>> mse(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [torch.nan]]]))
    tensor(4.)
    """
    error, seen = _observed_errors(forecast, truth, observed)
    return _observed_mean(error.square(), seen)


def mae(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Mean absolute error: mean of |forecast - truth|.

    >>> mae(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [torch.nan]]]))
    tensor(2.)
    """
    error, seen = _observed_errors(forecast, truth, observed)
    return _observed_mean(error.abs(), seen)


def rmse(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Root of the mean squared error, in the units of the truth; its gradient at 0 is 0."""
    squared = mse(forecast, truth, observed)
    # The root has no slope at 0: inf * 0 would make the gradient of a perfect forecast NaN.
    zero = squared == 0
    return torch.where(zero, 0, torch.where(zero, 1, squared).sqrt())


def smape(forecast: Values, truth: Values, observed: ObservedTargets | None = None) -> Score:
    """Symmetric mean absolute percentage error: mean of 200 |f - y| / (|f| + |y|), 0 / 0 = 0.

    (Makridakis, 1993, as the M competitions take it; 0 to 200.) It jumps to 200 near zero, changes
    when a constant is added to everything, and punishes too low forecasts more: `mase` does not.

    >>> smape(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [4.0]]]))
    tensor(50.)
    """
    error, seen = _observed_errors(forecast, truth, observed)
    size = forecast.abs() + truth.abs()
    return _observed_mean(200 * error.abs() / torch.where(size > 0, size, 1), seen)


def mase(
    forecast: Values,
    truth: Values,
    scale: Float[Tensor, " channels"],
    observed: ObservedTargets | None = None,
) -> Score:
    """Mean absolute error in units of a seasonal naive one: mean of |forecast - truth| / scale.

    (Hyndman & Koehler, 2006.) It is not finite when a channel with observed targets has scale 0,
    constant in the training part, or NaN: leave such channels out.

    Args:
        forecast: in the units of truth.
        truth: what came.
        scale: `seasonal_scale` of the training part.
        observed: True where truth was really measured.

    >>> mase(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [3.0]]]), torch.tensor([2.0]))
    tensor(0.7500)
    """
    error, seen = _observed_errors(forecast, truth, observed)
    if scale.shape != truth.shape[-1:]:
        raise ValueError(
            f"the scale has shape {tuple(scale.shape)} but the truth {tuple(truth.shape)}; "
            "pass one number for each channel, as seasonal_scale gives."
        )
    return _observed_mean(error.abs() / scale, seen)


def seasonal_scale(
    values: Float[Tensor, "time channels"],
    season: int,
    observed: Bool[Tensor, "time channels"] | None = None,
) -> Float[Tensor, " channels"]:
    """Return mean |x_t - x_{t - season}| of each channel, over pairs that were both observed.

    The scale of `mase` (Hyndman & Koehler, 2006). NaN for a channel without any such pair.

    Args:
        values: the training part, in the units of the forecasts.
        season: rows in one; 1 for the last value.
        observed: True where values were really measured; what is not finite never counts.

    Raises:
        ValueError: no season fits the rows.

    >>> seasonal_scale(torch.tensor([[1.0], [5.0], [2.0], [7.0]]), season=2)
    tensor([1.5000])
    """
    if not 1 <= season < len(values):
        raise ValueError(
            f"a season of 1 to {len(values) - 1} fits {len(values)} rows; got {season}"
        )
    seen = _observed_targets(values, observed)
    values = _promote_to_float32(values)
    both = seen[season:] & seen[:-season]
    change = torch.where(both, values[season:] - values[:-season], 0).abs()
    return change.sum(0) / both.sum(0)


def quantile_loss(
    forecast: Float[Tensor, "batch horizon channels levels"],
    truth: Values,
    levels: Sequence[float],
    observed: ObservedTargets | None = None,
) -> Score:
    """Pinball loss, the mean over levels q of max(q e, (q - 1) e) with e = truth - forecast.

    (Koenker & Bassett, 1978.) At the median, q = 0.5, it is half the absolute error.

    Args:
        forecast: one column a level.
        truth: what came.
        levels: between 0 and 1, in the order of the columns.
        observed: True where truth was really measured.

    >>> low_and_high = torch.tensor([[[[1.0, 6.0]]]])
    >>> quantile_loss(low_and_high, torch.tensor([[[3.0]]]), [0.25, 0.75])
    tensor(0.6250)
    """
    if not levels or not all(0 < level < 1 for level in levels):
        raise ValueError(f"levels lie between 0 and 1; got {list(levels)}. Pass 0.9 for 90 %.")
    if forecast.shape[-1] != len(levels):
        raise ValueError(
            f"the forecast has {forecast.shape[-1]} levels but {len(levels)} were named; "
            "pass one number for each."
        )
    _check_shape("forecast", forecast[..., 0], truth)
    seen = _observed_targets(truth, observed).unsqueeze(-1).expand_as(forecast)
    error, seen = _observed_errors(forecast, truth.unsqueeze(-1).expand_as(forecast), seen)
    level = error.new_tensor(levels)
    return _observed_mean(torch.maximum(-level * error, (1 - level) * error), seen)


def wql(
    forecast: Float[Tensor, "batch horizon channels levels"],
    truth: Values,
    levels: Sequence[float],
    observed: ObservedTargets | None = None,
) -> Score:
    """Weighted quantile loss, the mean over levels of 2 sum(pinball) / sum |truth|.

    (Salinas et al., Int. J. Forecasting 2020; the score of GluonTS and fev.) At the median alone it
    is sum |error| / sum |truth|. 0 where all is forecast without error, infinite or NaN where the
    truth is 0 throughout.

    Args:
        forecast: one column a level, in the units of truth.
        truth: what came.
        levels: between 0 and 1, in the order of the columns.
        observed: True where truth was really measured.

    >>> low_and_high = torch.tensor([[[[1.0, 6.0]]]])
    >>> wql(low_and_high, torch.tensor([[[5.0]]]), [0.25, 0.75])
    tensor(0.2500)
    """
    seen = _observed_targets(truth, observed)
    size, _ = _observed_errors(torch.zeros_like(truth), truth, seen)
    loss = 2 * quantile_loss(forecast, truth, levels, observed)
    # A batch with nothing observed scores 0, as everywhere here.
    return torch.where(seen.any(), loss / _observed_mean(size.abs(), seen), 0)


def crps(
    forecast: Float[Tensor, "batch horizon channels levels"],
    truth: Values,
    levels: Sequence[float],
    observed: ObservedTargets | None = None,
) -> Score:
    """Continuous ranked probability score from quantiles on an even grid, in the truth's units.

    CRPS = 2 * integral of the pinball loss over levels (Gneiting & Raftery, JASA 2007), taken as 2
    * the mean over the midpoints of equal parts of (0, 1), or over k / (n + 1): the more levels,
    the nearer. At the median alone it is the absolute error.

    Args:
        forecast: one column a level.
        truth: what came.
        levels: evenly spaced, symmetric about 0.5, in the order of the columns.
        observed: True where truth was really measured.

    Raises:
        ValueError: levels that are not.

    >>> low_and_high = torch.tensor([[[[1.0, 6.0]]]])
    >>> crps(low_and_high, torch.tensor([[[3.0]]]), [0.25, 0.75])
    tensor(1.2500)
    """
    steps = [high - low for low, high in pairwise(levels)]
    even = all(step > 0 and math.isclose(step, steps[0], abs_tol=1e-6) for step in steps)
    if levels and not (even and math.isclose(levels[0] + levels[-1], 1, abs_tol=1e-6)):
        raise ValueError(
            f"CRPS needs evenly spaced levels, symmetric about 0.5, but got {list(levels)}. Pass "
            "[0.1, 0.2, ..., 0.9], or take quantile_loss."
        )
    return 2 * quantile_loss(forecast, truth, levels, observed)


def coverage(
    low: Values, high: Values, truth: Values, observed: ObservedTargets | None = None
) -> Score:
    """Share of observed truths within [low, high], ends included.

    >>> truth = torch.tensor([[[0.0], [1.0], [2.0], [torch.nan]]])
    >>> coverage(torch.full_like(truth, 0.5), torch.full_like(truth, 1.5), truth)
    tensor(0.3333)
    """
    below, seen = _observed_errors(low, truth, observed)
    above, _ = _observed_errors(high, truth, observed)
    inside = (below <= 0) & (above >= 0)
    return _observed_mean(inside.to(below.dtype), seen)


def _observed_errors(
    forecast: Tensor, truth: Tensor, observed: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return forecast - truth, 0 where unobserved, and where observed; None: everywhere."""
    _check_shape("forecast", forecast, truth)
    if observed is None and _is_all_finite(truth):
        return _promote_to_float32(forecast) - truth, None
    seen = _observed_targets(truth, observed)
    # Both are masked before anything is computed, so that no NaN is there to reach a gradient.
    forecast = torch.where(seen, _promote_to_float32(forecast), 0)
    return forecast - torch.where(seen, truth, 0), seen


def _is_all_finite(truth: Tensor) -> bool:
    """Return whether all is finite, where to look at the values costs little: in CPU memory.

    The masks of a small model's loss took a tenth of its training step.
    """
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    if truth.device.type != "cpu" or torch._C._are_functorch_transforms_active():
        return False
    return bool(truth.sum(dtype=torch.promote_types(truth.dtype, torch.float32)).isfinite())


def _observed_targets(truth: Tensor, observed: Tensor | None) -> Tensor:
    if observed is None:
        return truth.isfinite()
    _check_shape("observed", observed, truth)
    return truth.isfinite() & observed


def _promote_to_float32(values: Tensor) -> Tensor:
    # A sum of 65,504 ones is as far as half precision goes; a batch is often longer.
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _observed_mean(errors: Tensor, seen: Tensor | None) -> Tensor:
    if seen is None:
        return errors.sum() / max(1, errors.numel())
    return torch.where(seen, errors, 0).sum() / seen.sum().clamp(min=1)


def _check_shape(name: str, part: Tensor, truth: Tensor) -> None:
    if part.shape != truth.shape:
        raise ValueError(
            f"the {name} has shape {tuple(part.shape)} but the truth {tuple(truth.shape)}; "
            "pass the same windows, steps and channels."
        )
