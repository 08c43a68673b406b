"""The scale of MASE: the error of the seasonal naive forecast in the training part."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from revin_forecast.metrics.targets import observed_targets, promote_to_float32


def seasonal_scale(
    values: Float[Tensor, "time channels"],
    season: int,
    observed: Bool[Tensor, "time channels"] | None = None,
) -> Float[Tensor, " channels"]:
    """Return each channel's mean `|x_t - x_{t - season}|` over pairs of observed values.

    The scale of `mase` (Hyndman & Koehler, 2006). NaN for a channel without such a pair.

    Args:
        values: the training part, in the units of the forecasts.
        season: rows per season; 1 for the last-value forecast.
        observed: True where values were measured; non-finite values never count.

    Raises:
        ValueError: the season is not shorter than the rows.

    >>> seasonal_scale(torch.tensor([[1.0], [5.0], [2.0], [7.0]]), season=2)
    tensor([1.5000])
    """
    if not 1 <= season < len(values):
        raise ValueError(
            f"a season of 1 to {len(values) - 1} fits {len(values)} rows; got {season}"
        )
    is_observed = observed_targets(values, observed)
    values = promote_to_float32(values)
    both = is_observed[season:] & is_observed[:-season]
    change = torch.where(both, values[season:] - values[:-season], 0).abs()
    return change.sum(0) / both.sum(0)


def naive_scale(
    values: Float[Tensor, "time channels"], season: int, min_scale: float = 0.0
) -> Float[Tensor, " channels"]:
    """Return `seasonal_scale`, or for some channels the mean change from row to row.

    The latter for a channel that is too short for the season or repeats it exactly; NaN if that is
    undefined or too small, too.

    Args:
        values: (time, channels) of the training part, NaN where unobserved.
        season: steps in a season.
        min_scale: the scale must be larger.
    """
    scale = values.new_full(values.shape[1:], torch.nan)
    for lag in (1, season):
        if lag < len(values):
            lag_scale = seasonal_scale(values, lag)
            scale = torch.where(lag_scale > min_scale, lag_scale, scale)
    return scale
