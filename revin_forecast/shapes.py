"""The one shape vocabulary: every tensor is (batch, time, channels)."""

from jaxtyping import Bool, Float, Float32, Float64
from torch import Tensor

Past = Float[Tensor, "batch lookback channels"]
"""The look-back window a forecast is made from."""

Future = Float[Tensor, "batch horizon targets *levels"]
"""The forecast: one column a forecast channel, with trailing quantile levels or samples if any."""

Observed = Bool[Tensor, "batch lookback channels"]
"""True where the past was really measured."""

Statistic = Float32[Tensor, "batch 1 channels"] | Float64[Tensor, "batch 1 channels"]
"""One number a window and channel, never in half precision."""
