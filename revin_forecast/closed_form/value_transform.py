"""Logarithm and square root of positive tables, and models of the transformed window."""

from typing import Literal

import torch
from torch import Tensor, nn

from revin_forecast.closed_form.seasonal_profile import DeseasonalizedModel
from revin_forecast.models.reversible import Reversible
from revin_forecast.utils.shapes import Future, Known, Observed, Past

TransformKind = Literal["log", "sqrt"]
KINDS: tuple[TransformKind, ...] = ("log", "sqrt")
"""Transformations to try."""
OFFSET_SHARE = 0.01
"""Share of a channel's mean that is added before the logarithm, so that small values do not
dominate."""
MAX_EXPONENT = 80.0
"""Largest exponent of the way back: exp stays finite in float32."""


class ValueTransform(nn.Module):
    """An invertible transformation of each value of a standardized table.

    "log": log(x + 1 % of the channel's mean), "sqrt": the square root of x, both of the values x in
    the data's units, and then standardized by their own mean and deviation. Negative values count
    as 0. Because it is monotone, it maps a median to the median; the mean of the forecast
    distribution would be higher (Granger and Newbold, JRSS B 1976).

    Args:
        kind: the transformation.
        location: (channels,) mean of the data that the table was standardized with; positive.
        scale: (channels,) deviation that the table was standardized with.
    """

    location: Tensor
    scale: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, kind: TransformKind, location: Tensor, scale: Tensor):
        super().__init__()
        self.kind: TransformKind = kind
        self.register_buffer("location", location.double())
        self.register_buffer("scale", scale.double())
        self.register_buffer("mean", torch.zeros_like(self.location))
        self.register_buffer("deviation", torch.ones_like(self.location))

    @classmethod
    def fit(
        cls, kind: TransformKind, values: Tensor, location: Tensor, scale: Tensor
    ) -> "ValueTransform":
        """Return a transformation that gives a table mean 0 and deviation 1.

        Args:
            kind: the transformation.
            values: (time, channels) standardized; NaN is unobserved.
            location: as for the class.
            scale: as for the class.
        """
        transform = cls(kind, location, scale)
        transformed = transform(values)
        observed = transformed.isfinite()
        mean = torch.where(observed, transformed, torch.nan).nanmean(dim=0).nan_to_num()
        squares = torch.where(observed, transformed - mean, torch.nan).square().nanmean(dim=0)
        deviation = squares.nan_to_num().sqrt()
        transform.mean.copy_(mean)
        transform.deviation.copy_(torch.where(deviation > 0, deviation, 1))
        return transform

    def forward(self, values: Tensor) -> Tensor:
        """Transform standardized values, (..., channels); NaN stays NaN."""
        amounts = (values.double() * self.scale + self.location).clamp(min=0)
        if self.kind == "log":
            transformed = (amounts + OFFSET_SHARE * self.location).log()
        else:
            transformed = amounts.sqrt()
        return ((transformed - self.mean) / self.deviation).to(values.dtype)

    def invert(self, transformed: Tensor) -> Tensor:
        """Map transformed values back to standardized values, (..., channels)."""
        return self._invert(transformed, slice(None))

    def invert_channel(self, transformed: Tensor, channel: int) -> Tensor:
        """Map transformed values of one channel back, of any shape."""
        return self._invert(transformed, channel)

    def _invert(self, transformed: Tensor, channel: slice | int) -> Tensor:
        location, scale, mean, deviation = (
            part[channel] for part in (self.location, self.scale, self.mean, self.deviation)
        )
        wide = transformed.double() * deviation + mean
        if self.kind == "log":
            amounts = wide.clamp(max=MAX_EXPONENT).exp() - OFFSET_SHARE * location
        else:
            amounts = wide.clamp(min=0).square()
        return ((amounts - location) / scale).to(transformed.dtype)


def is_positive(values: Tensor, location: Tensor, scale: Tensor) -> bool:
    """Return whether all observed values of a standardized table are positive in its units."""
    lowest = torch.stack([column.nan_to_num(nan=torch.inf).min() for column in values.unbind(1)])
    return bool((lowest * scale + location > 0).all())


class TransformedModel(nn.Module):
    """A model of the transformed window, whose forecast is mapped back.

    Args:
        model: model of the transformed window.
        transform: the transformation.
    """

    def __init__(self, model: Reversible | DeseasonalizedModel, transform: ValueTransform):
        super().__init__()
        self.model = model
        self.transform = transform

    def forward(
        self, past: Past, observed: Observed | None = None, known: Known | None = None
    ) -> Future:
        """Return the median forecast in the units of the window.

        Args:
            past: (batch, lookback, channels). NaN and infinities count as unobserved.
            observed: True where a value was measured; None: wherever `past` is finite.
            known: row numbers for a `DeseasonalizedModel`.
        """
        return self.transform.invert(self.model(self.transform(past), observed, known))
