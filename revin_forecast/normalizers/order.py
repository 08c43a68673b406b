"""Order statistics of the observed values of each window and channel."""

import torch
from torch import Tensor


def observed_quantiles(
    values: Tensor, observed: Tensor | None, quantiles: list[float]
) -> list[Tensor]:
    """Return quantiles over time, each (batch, 1, channels); 0 where nothing is observed.

    Between two order statistics the value is interpolated linearly, as NumPy does it.

    Args:
        values: (batch, time, channels).
        observed: where a value counts; None: everywhere.
        levels: from 0 to 1.
    """
    if observed is None:
        ordered = values.sort(dim=1).values
        last = ordered.new_full((), values.shape[1] - 1)
        return [_interpolate_sorted(ordered, level * last.expand_as(ordered[:, :1])) for level in quantiles]
    ordered = torch.where(observed, values, torch.inf).sort(dim=1).values
    last = observed.sum(dim=1, keepdim=True) - 1
    places = [level * last.clamp(min=0).to(values.dtype) for level in quantiles]
    return [torch.where(last >= 0, _interpolate_sorted(ordered, place), 0) for place in places]


def observed_median(values: Tensor, observed: Tensor | None) -> Tensor:
    """Return the median over time, the two middle values of an even count averaged."""
    return observed_quantiles(values, observed, [0.5])[0]


def _interpolate_sorted(ordered: Tensor, place: Tensor) -> Tensor:
    low = ordered.gather(1, place.floor().long())
    high = ordered.gather(1, place.ceil().long())
    return low + (high - low) * (place - place.floor())
