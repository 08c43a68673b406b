"""The loss of the pretraining: pinball in units of the width that is predicted for it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

MAX_ERROR = 1e3
"""Largest error on the common scale: a series that explodes has no say beyond."""
MIN_WIDTH = 0.1
"""Least width of the 80 % interval, on the common scale, that a loss is divided by."""
LOWER, MIDDLE, UPPER = 0.1, 0.5, 0.9
"""Levels of the median and the ends of the 80 % interval."""


def scale_truth(
    future: Float[Tensor, "series steps"],
    location: Float[Tensor, "series 1 1"],
    scale: Float[Tensor, "series 1 1"],
) -> Float[Tensor, "series steps"]:
    """Return true values on the common scale, (y - location) / scale."""
    return (future - location[..., 0]) / scale[..., 0]


def compute_pinball(
    quantiles: Float[Tensor, "series steps levels"],
    truth: Float[Tensor, "series steps"],
    levels: Sequence[float],
) -> Float[Tensor, "series steps levels"]:
    """Return max(q e, (q - 1) e) for each level q and its error e = truth - quantile.

    >>> compute_pinball(torch.zeros(1, 1, 2), torch.tensor([[4.0]]), (0.25, 0.5)).tolist()
    [[[1.0, 2.0]]]
    """
    error = truth[..., None] - quantiles
    level = quantiles.new_tensor(levels)
    return torch.maximum(level * error, (level - 1) * error)


def compute_loss(
    quantiles: Float[Tensor, "series steps levels"],
    truth: Float[Tensor, "series steps"],
    levels: Sequence[float],
) -> Float[Tensor, ""]:
    """Return the mean over series and steps of pinball / width of the step's own 80 % interval.

    The width is a constant for the gradient. So the loss stays proper: at any width, the true
    quantiles are the best ones. Without it, noisy series and late steps would outweigh all others.

    Args:
        quantiles: forecasts on the common scale, ascending.
        truth: true values on the same scale.
        levels: levels of the quantiles; 0.1, 0.5 and 0.9 are among them.
    """
    # From the forecast, not from the last row: an exact season is far from it and well forecast.
    middle = quantiles[..., levels.index(MIDDLE)].detach()
    truth = middle + (truth - middle).clamp(-MAX_ERROR, MAX_ERROR)
    pinball = compute_pinball(quantiles, truth, levels).mean(dim=2)
    width = quantiles[..., levels.index(UPPER)] - quantiles[..., levels.index(LOWER)]
    return (pinball / width.detach().clamp(min=MIN_WIDTH)).mean()
