"""The rule that admits an addition to a sweep: a gain on held-out blocks above its noise."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Admission:
    """An addition that was tried on held-out blocks."""

    name: str
    """Name of the addition."""
    gain: float
    """Relative reduction of the squared error on the blocks by the admitted part; 0: not admitted.
    It is the gain on the blocks that decided, and so a little optimistic."""
    admitted: int
    """Number of parts (groups of steps, or channels and groups) that it was admitted for."""
    tried: int
    """Number of these parts that it was tried for."""


def is_significant(gains: Tensor) -> Tensor:
    """Return whether the mean gain over the blocks, (blocks, ...), exceeds its standard error."""
    return gains.mean(dim=0) > gains.std(dim=0) / math.sqrt(len(gains))


def choose_share(errors: Tensor, shares: tuple[float, ...]) -> tuple[float, Tensor]:
    """Return the share of a change with the least error, 0 if its gain is not significant.

    Args:
        errors: (3, blocks): the error without the change, and its linear and quadratic terms:
            the error with a share a of the change is errors[0] + a errors[1] + a^2 errors[2].
        shares: candidate shares, positive.

    Returns:
        The share, and the gain on each block, (blocks,).
    """
    candidates = torch.tensor(shares, dtype=errors.dtype).unsqueeze(1)
    gains = -(candidates * errors[1] + candidates.square() * errors[2])
    best = int(gains.sum(dim=1).argmax())
    if gains[best].isfinite().all() and bool(is_significant(gains[best])):
        return shares[best], gains[best]
    return 0.0, torch.zeros_like(errors[0])
