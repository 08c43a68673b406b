"""The maps that a sweep chose, made from equations."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.closed_form.normal_equations import NormalEquations, solve_ridge

StepRange = tuple[int, int]
"""The first step of some that lie side by side, and the one after the last."""


@dataclass(frozen=True)
class SweepChoice:
    """The map of a group of steps: the mean of one or more."""

    lookbacks: tuple[int, ...]
    """Of a single step where the last value is repeated."""
    penalties: tuple[float, ...]
    """One for each look-back, relative to the mean eigenvalue."""
    error: float
    """Mean squared error over all blocks left out."""


LAST_VALUE = (1,), (math.inf,)
"""Look-backs and penalties of the forecast that repeats the window's last value."""


def subtract_window_mean(equations: NormalEquations, lookback: int) -> NormalEquations:
    """Return the equations of a shorter look-back, each window's mean taken away.

    Of a look-back of 1 that is the last value: a map of zeros repeats it.
    """
    weights = equations.gram.new_full((lookback,), 1 / lookback)
    return equations.truncate(lookback, len(equations.target_squares)).centre(weights)


def absorb_mean(weight: Tensor, lookback: int) -> Tensor:
    """Return W (x - mean) + mean as one map of raw windows of a longer look-back.

    (W + (1 - W 1) 1' / own look-back) x, the older steps with weight 0. Its rows sum to 1, so it
    does not matter which level is taken away before.
    """
    own = weight.shape[1]
    level = (1 - weight.sum(dim=1, keepdim=True)) / own
    return torch.nn.functional.pad(weight + level, (lookback - own, 0))


def build_map(
    equations: Callable[[int], NormalEquations],
    choices: Sequence[SweepChoice],
    groups: Sequence[StepRange],
    lookback: int,
) -> Tensor:
    """Return the map of all steps, (steps, lookback), for raw windows.

    Args:
        equations: of windows with a look-back; longer ones do as well.
        choices: one for each group.
        groups: of steps, one after the other.
        lookback: no shorter than any chosen.
    """
    parts = []
    for size in sorted({size for one in choices for size in one.lookbacks}):
        centred = subtract_window_mean(equations(size), size)
        weight = centred.cross.new_zeros(groups[-1][1], lookback)
        for penalty, (share, steps) in _steps_by_penalty(size, choices, groups).items():
            own = centred.select_steps(steps)  # groups of one penalty share a factor
            zeros = torch.zeros_like(own.cross)
            part = zeros if math.isinf(penalty) else solve_ridge(own, penalty)
            weight[steps] = share * absorb_mean(part, lookback)
        parts.append(weight)
    return torch.stack(parts).sum(dim=0)


def _steps_by_penalty(
    size: int, chosen: Sequence[SweepChoice], groups: Sequence[StepRange]
) -> dict[float, tuple[float, list[int]]]:
    """Return the share of a look-back in the mean and the steps it is used for, by penalty."""
    found: dict[float, tuple[float, list[int]]] = {}
    for one, group in zip(chosen, groups, strict=True):
        if size in one.lookbacks:
            penalty = one.penalties[one.lookbacks.index(size)]
            share = 1 / len(one.lookbacks)
            found.setdefault(penalty, (share, []))[1].extend(range(*group))
    return found
