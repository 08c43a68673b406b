import torch
from torch import Tensor

from revin_forecast.backbones.ridge import Ridge
from revin_forecast.closed_form.equations import squared_error
from revin_forecast.closed_form.sums import window_equations
from revin_forecast.errors import InputError
from revin_forecast.normalizers import LocationScaleNormalizer
from revin_forecast.reversible import Reversible


@torch.no_grad()
def ridge_mse(model: Reversible, values: Tensor) -> float:
    """Return a Ridge's mean squared error over all windows, without making one.

    The forecast is one linear map of the raw window, W x + location (1 - W 1) + b, so the sum of
    its squared errors is a quadratic form in the windows' own sums: what `evaluation.score` finds
    window by window, in milliseconds whatever their number.

    Args:
        model: a Ridge inside a normalizer whose location is a fixed mean of the window.
        values: (time, channels) float64, all finite.

    Raises:
        InputError: another model, or gaps.
    """
    ridge, normalizer = model.backbone, model.normalizer
    weights = (
        normalizer.location_weights(ridge.lookback)
        if isinstance(ridge, Ridge) and isinstance(normalizer, LocationScaleNormalizer)
        else None
    )
    if not isinstance(ridge, Ridge) or weights is None:
        raise InputError(
            f"only a Ridge inside a normalizer that takes away a fixed mean of the window has a "
            f"closed-form error but got {type(ridge).__name__} inside "
            f"{type(normalizer).__name__}. Use evaluation.score, which makes the windows."
        )
    if not bool(values.isfinite().all()):
        raise InputError(
            "the closed-form error is for tables without gaps but some values are not observed. "
            "Use evaluation.score, which leaves them out."
        )
    parts = values.split(1, dim=1) if ridge.per_channel else [values]
    maps = ridge.weight.double().reshape(len(parts), ridge.horizon, ridge.lookback)
    biases = ridge.bias.double().reshape(len(parts), ridge.horizon)
    total = torch.zeros((), dtype=torch.float64)
    for part, weight, bias in zip(parts, maps, biases, strict=True):
        equations = window_equations(part, ridge.lookback, ridge.horizon).centre(weights)
        total += squared_error(weight, equations.subtract_means(torch.zeros_like(weights), bias))
    windows = len(values) - ridge.lookback - ridge.horizon + 1
    return float(total) / (windows * ridge.horizon * values.shape[1])
