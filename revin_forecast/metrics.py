"""Errors of forecasts: pure functions of (batch, horizon, channels), unobserved targets left out.

Each mean is over observed targets. A batch without any gives 0 with zero gradient, so that a loss
over it neither moves nor poisons a model.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Values = Float[Tensor, "batch horizon channels"]
Seen = Bool[Tensor, "batch horizon channels"]


def mse(forecast: Values, truth: Values, observed: Seen | None = None) -> Tensor:
    """Mean squared error.

    >>> mse(torch.tensor([[[1.0], [4.0]]]), torch.tensor([[[3.0], [torch.nan]]]))
    tensor(4.)
    """
    error, seen = _errors(forecast, truth, observed)
    return _mean(error.square(), seen)


def mae(forecast: Values, truth: Values, observed: Seen | None = None) -> Tensor:
    """Mean absolute error."""
    error, seen = _errors(forecast, truth, observed)
    return _mean(error.abs(), seen)


def rmse(forecast: Values, truth: Values, observed: Seen | None = None) -> Tensor:
    """Root of the mean squared error."""
    return mse(forecast, truth, observed).sqrt()


def mase(
    forecast: Values,
    truth: Values,
    scale: Float[Tensor, " channels"],
    observed: Seen | None = None,
) -> Tensor:
    """Mean absolute error in units of a seasonal naive one (Hyndman & Koehler, 2006).

    Args:
        forecast: in the units of truth.
        truth: what came.
        scale: `seasonal_scale` of the training part.
        observed: True where truth was really measured.
    """
    error, seen = _errors(forecast, truth, observed)
    return _mean(error.abs() / scale, seen)


def seasonal_scale(values: Float[Tensor, "time channels"], season: int) -> Tensor:
    """Return mean |x_t - x_{t - season}| of each channel, over pairs that were both observed.

    Raises:
        ValueError: no season fits the rows.
    """
    if not 1 <= season < len(values):
        raise ValueError(
            f"a season of 1 to {len(values) - 1} fits {len(values)} rows; got {season}"
        )
    change = values[season:] - values[:-season]
    seen = change.isfinite()
    return torch.where(seen, change, 0).abs().sum(0) / seen.sum(0).clamp(min=1)


def quantile_loss(
    forecast: Float[Tensor, "batch horizon channels levels"],
    truth: Values,
    levels: Sequence[float],
    observed: Seen | None = None,
) -> Tensor:
    """Pinball loss, the mean over levels of max(q e, (q - 1) e) with e = truth - forecast.

    (Koenker & Bassett, 1978.)
    """
    if forecast.shape[-1] != len(levels):
        raise ValueError(
            f"the forecast has {forecast.shape[-1]} levels but {len(levels)} were named; "
            "pass one number for each."
        )
    losses = []
    for level, column in zip(levels, forecast.unbind(-1), strict=True):
        error, seen = _errors(column, truth, observed)
        losses.append(_mean(torch.maximum(-level * error, (1 - level) * error), seen))
    return torch.stack(losses).mean()


def coverage(low: Values, high: Values, truth: Values, observed: Seen | None = None) -> Tensor:
    """Share of observed truths within [low, high]."""
    _check_shapes(high, truth)
    below, seen = _errors(low, truth, observed)
    inside = (below <= 0) & (truth <= high)
    return _mean(inside.to(truth.dtype), seen)


def _errors(forecast: Tensor, truth: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return forecast - truth, 0 where unobserved, and where observed."""
    _check_shapes(forecast, truth)
    seen = truth.isfinite() if observed is None else truth.isfinite() & observed
    # The truth is masked before the subtraction: a NaN under the mask would reach the gradient.
    error = torch.where(seen, forecast - torch.where(seen, truth, 0), 0)
    return error, seen


def _mean(errors: Tensor, seen: Tensor) -> Tensor:
    return torch.where(seen, errors, 0).sum() / seen.sum().clamp(min=1)


def _check_shapes(forecast: Tensor, truth: Tensor) -> None:
    if forecast.shape != truth.shape:
        raise ValueError(
            f"the forecast has shape {tuple(forecast.shape)} but the truth {tuple(truth.shape)}; "
            "pass the same windows, steps and channels."
        )
