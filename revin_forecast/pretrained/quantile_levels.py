"""Quantiles at any levels from those of the network."""

from bisect import bisect_right
from collections.abc import Sequence
from statistics import NormalDist

import torch
from torch import Tensor

TAIL_GROWTH = 1.1
"""Growth of the tails beyond the outermost levels, which are heavier than those of a normal."""


def interpolate_levels(known: Sequence[float], wanted: Sequence[float]) -> Tensor:
    """Return the matrix (known, wanted) that maps quantiles of some levels to those of others.

    Between two levels a quantile is linear in the quantile of the standard normal. Beyond the
    outermost ones it goes on 1.1 times as fast.

    Raises:
        ValueError: a level is not between 0 and 1.

    >>> interpolate_levels([0.1, 0.5, 0.9], [0.5, 0.9])
    tensor([[0., 0.],
            [1., 0.],
            [0., 1.]])
    """
    bad = [level for level in wanted if not 0 < level < 1]
    if bad:
        raise ValueError(f"quantile levels lie between 0 and 1 but got {bad[0]}. Pass 0.1 or 0.9.")
    normal = [NormalDist().inv_cdf(level) for level in known]
    matrix = torch.zeros(len(known), len(wanted), dtype=torch.float64)
    for column, level in enumerate(wanted):
        place = NormalDist().inv_cdf(level)
        right = min(max(bisect_right(normal, place), 1), len(known) - 1)
        low, high = normal[right - 1], normal[right]
        share = (place - low) / (high - low)
        # A level that is known up to rounding must not count as a tail.
        if share > 1 + 1e-9:
            share = 1 + TAIL_GROWTH * (share - 1)
        elif share < -1e-9:
            share *= TAIL_GROWTH
        matrix[right - 1, column] = 1 - share
        matrix[right, column] = share
    return matrix.float()
