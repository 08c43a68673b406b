"""The one shape vocabulary: every tensor is (batch, time, channels)."""

from typing import NamedTuple

from jaxtyping import Bool, Float, Float32, Float64
from torch import Tensor

Past = Float[Tensor, "batch lookback channels"]
"""The look-back window a forecast is made from."""

Future = Float[Tensor, "batch horizon targets *levels"]
"""The forecast: one column a forecast channel, with trailing quantile levels or samples if any."""

Observed = Bool[Tensor, "batch lookback channels"]
"""True where the past was really measured."""

Known = Float[Tensor, "batch steps covariates"]
"""What is known of every step of the look-back and of the horizon, in this order."""

Statistic = Float32[Tensor, "batch steps channels"] | Float64[Tensor, "batch steps channels"]
"""One number a window and channel, or one for each step of it; never in half precision."""


class DestationaryFactors(NamedTuple):
    """What de-stationary attention takes from the raw window (Liu et al., NeurIPS 2022).

    The logits of attention become (Q K^T tau + delta) / sqrt(d): tau for every layer, delta where
    the keys are the look-back window itself.
    """

    tau: Tensor
    """(batch,), positive."""
    delta: Tensor
    """(batch, lookback)."""
