"""Linear maps that a sweep selected, solved from normal equations."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.closed_form.coarse_lags import (
    coarsen_inputs,
    coarsen_residual,
    refine_weights,
)
from revin_forecast.closed_form.normal_equations import NormalEquations, solve_ridge
from revin_forecast.utils.memory import release_freed_memory

StepRange = tuple[int, int]
"""First step of a range of steps, and the step after the last."""


@dataclass(frozen=True)
class SweepChoice:
    """The map selected for a group of steps: the mean of one or more ridge maps."""

    lookbacks: tuple[int, ...]
    """Look-back of each map; a single 1 if the last value is repeated."""
    penalties: tuple[float, ...]
    """Penalty of each map, relative to the mean eigenvalue."""
    error: float
    """Mean squared error over all held-out blocks."""


LAST_VALUE = (1,), (math.inf,)
"""Look-backs and penalties of the forecast that repeats the window's last value."""


def subtract_window_mean(
    equations: NormalEquations, lookback: int, in_place: bool = False
) -> NormalEquations:
    """Return the equations of a shorter look-back with each window's mean subtracted.

    With a look-back of 1, the mean is the last value, and a map of zeros repeats it. With
    `in_place`, the result takes the memory of the equations, which become invalid.
    """
    weights = equations.gram.new_full((lookback,), 1 / lookback)
    return equations.truncate(lookback, len(equations.target_squares)).centre(weights, in_place)


def absorb_mean(weight: Tensor, lookback: int) -> Tensor:
    """Return W (x - mean) + mean as one map of raw windows of a longer look-back.

    The map is (W + (1 - W 1) 1' / n) x for a W of n steps; older steps have weight 0. Its rows sum
    to 1, so it is the same whichever level is subtracted first.
    """
    steps = weight.shape[1]
    absorbed = weight + (1 - weight.sum(dim=1, keepdim=True)) / steps
    if steps == lookback:
        return absorbed
    return torch.nn.functional.pad(absorbed, (lookback - steps, 0))


def build_map(
    equations: Callable[[int], NormalEquations],
    choices: Sequence[SweepChoice],
    groups: Sequence[StepRange],
    lookback: int,
) -> Tensor:
    """Return the map of all steps, (steps, lookback), for raw windows.

    Args:
        equations: returns the equations of windows with at least the given look-back.
        choices: the selected map of each group.
        groups: consecutive ranges of steps.
        lookback: look-back of the result, at least that of every choice.
    """
    weight = None
    for size in sorted({size for choice in choices for size in choice.lookbacks}):
        release_freed_memory()
        centred = coarsen_inputs(subtract_window_mean(equations(size), size))
        if weight is None:
            weight = centred.cross.new_zeros(groups[-1][1], lookback)
        for penalty, (share, steps) in _steps_by_penalty(size, choices, groups).items():
            # Groups with the same penalty are solved together, with one Cholesky factor.
            if math.isinf(penalty):
                solution = centred.cross.new_zeros(len(steps), size)
            else:
                solution = solve_ridge(centred.select_steps(steps), penalty)
                solution = refine_weights(solution, size)
            release_freed_memory()
            index = torch.tensor(steps, device=weight.device)
            weight.index_add_(0, index, absorb_mean(solution, lookback), alpha=share)
            del solution
        del centred  # before the next size's equations are computed
    assert weight is not None  # there is a choice
    return weight


def _steps_by_penalty(
    size: int, choices: Sequence[SweepChoice], groups: Sequence[StepRange]
) -> dict[float, tuple[float, list[int]]]:
    """Return penalty -> (share of the look-back in the mean, steps that use it)."""
    steps_by_penalty: dict[float, tuple[float, list[int]]] = {}
    for choice, group in zip(choices, groups, strict=True):
        if size in choice.lookbacks:
            penalty = choice.penalties[choice.lookbacks.index(size)]
            share = 1 / len(choice.lookbacks)
            steps_by_penalty.setdefault(penalty, (share, []))[1].extend(range(*group))
    return steps_by_penalty


def is_last_value(choice: SweepChoice) -> bool:
    """Return whether the selected forecast repeats the last value."""
    return choice.lookbacks == LAST_VALUE[0]


def solve_change(equations: NormalEquations, shared: Tensor, penalty: float) -> Tensor:
    """Return a channel's penalized change of the shared map, for raw windows.

    Args:
        equations: the channel's equations for the steps of the map.
        shared: (steps, lookback), for raw windows.
        penalty: penalty of the change.
    """
    lookback = shared.shape[1]
    residual = coarsen_residual(subtract_window_mean(equations, lookback), shared)
    change = refine_weights(solve_ridge(residual, penalty), lookback)
    # As in `absorb_mean`: the change applies to the window minus its mean.
    return change - change.mean(dim=1, keepdim=True)


def add_change(
    equations: NormalEquations,
    shared: Tensor,
    penalties: Sequence[float | None],
    groups: Sequence[StepRange],
) -> Tensor:
    """Return a channel's map: the shared map plus a penalized change where there is a penalty.

    Args:
        equations: the channel's equations.
        shared: (steps, lookback), for raw windows.
        penalties: penalty of each group's change; None: the group uses the shared map.
        groups: consecutive ranges of steps.
    """
    steps_by_penalty: dict[float, list[int]] = {}
    for group, penalty in zip(groups, penalties, strict=True):
        if penalty is not None:
            steps_by_penalty.setdefault(penalty, []).extend(range(*group))
    result = shared.clone()
    for penalty, steps in steps_by_penalty.items():
        # Groups with the same penalty are solved together, with one Cholesky factor.
        result[steps] += solve_change(equations.select_steps(steps), shared[steps], penalty)
    return result
