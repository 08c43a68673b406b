"""Shapes of tensors across the package: (batch, time, channels)."""

from typing import NamedTuple

from jaxtyping import Bool, Float, Float32, Float64
from torch import Tensor

Past = Float[Tensor, "batch lookback channels"]
"""Look-back windows, the input of a forecast."""

Future = Float[Tensor, "batch horizon targets *levels"]
"""Forecasts or their truth, one column per target; quantile levels or samples on a last axis."""

Observed = Bool[Tensor, "batch lookback channels"]
"""True where the past was measured."""

Known = Float[Tensor, "batch steps covariates"]
"""Known covariates of every step: those of the look-back, then those of the horizon."""

Statistic = Float32[Tensor, "batch steps channels"] | Float64[Tensor, "batch steps channels"]
"""One number per window and channel (steps = 1) or per step; never in half precision."""


class DestationaryFactors(NamedTuple):
    """Factors that de-stationary attention takes from the raw window (Liu et al., NeurIPS 2022).

    The logits of attention become (Q K^T tau + delta) / sqrt(d): tau for every layer, delta where
    the keys are the look-back window itself.
    """

    tau: Tensor
    """(batch,), positive."""
    delta: Tensor
    """(batch, lookback)."""
