"""Averages of old lags, which make the maps of long windows small."""

from dataclasses import replace

import torch
from torch import Tensor

from revin_forecast.closed_form.normal_equations import NormalEquations

RUN_LENGTHS = ((360, 1), (720, 4))
"""Number of newest steps, and the length of the runs that are averaged among them."""
OLDEST_RUN_LENGTH = 8
"""Length of the runs before those steps."""

CHECKED_STEPS = 4
"""Steps of a map that are checked for runs of equal weights."""


def list_run_lengths(lookback: int) -> list[int]:
    """Return the number of steps that each input of a map averages, oldest first.

    A map of a long window has many weights for old steps, and neighbours get nearly equal ones. So
    the newest 360 steps are inputs by themselves, those up to 720 in means of 4 and older ones in
    means of 8; the oldest run of each kind may be shorter.

    >>> lengths = list_run_lengths(1440)
    >>> len(lengths), lengths.count(8), lengths.count(4), lengths.count(1)
    (540, 90, 90, 360)
    """
    lengths: list[int] = []
    newest = 0
    for end, run in (*RUN_LENGTHS, (lookback, OLDEST_RUN_LENGTH)):
        full, rest = divmod(max(0, min(end, lookback) - newest), run)
        lengths += [run] * full + [rest] * (rest > 0)
        newest = max(newest, min(end, lookback))
    return lengths[::-1]


def coarsen_inputs(equations: NormalEquations) -> NormalEquations:
    """Return the equations of the means of `list_run_lengths`; a short window stays as it is."""
    lookback = len(equations.gram)
    lengths = list_run_lengths(lookback)
    if len(lengths) == lookback:
        return equations
    return replace(
        equations,
        gram=_average_runs(_average_runs(equations.gram, lengths).mT, lengths).contiguous(),
        cross=_average_runs(equations.cross, lengths),
        input_sums=_average_runs(equations.input_sums, lengths),
    )


def refine_weights(weight: Tensor, lookback: int) -> Tensor:
    """Return a map of the means as a map of the steps, (..., lookback).

    Args:
        weight: (..., inputs), for the inputs of `coarsen_inputs`.
        lookback: steps of the window.
    """
    if weight.shape[-1] == lookback:
        return weight
    lengths = torch.tensor(list_run_lengths(lookback), device=weight.device)
    return (weight / lengths).repeat_interleave(lengths, dim=-1)


def coarsen_residual(equations: NormalEquations, weight: Tensor) -> NormalEquations:
    """Return the equations for the means and the residual y - W x of a map of all steps.

    Args:
        equations: for windows of the map's look-back.
        weight: W (steps, lookback).
    """
    coarse, small = coarsen_problem(equations, weight)
    residual = coarse.subtract_map(small)
    return residual if coarse is not equations else coarsen_inputs(residual)


def coarsen_problem(
    equations: NormalEquations, *maps: Tensor
) -> tuple[NormalEquations, *tuple[Tensor, ...]]:
    """Return equations and maps for the means, or as they are if a map needs single steps.

    Maps that were solved for the means, and the level that they absorbed, are constant over the
    runs, so nothing is lost; products then take a small part of the time.

    Args:
        equations: for windows of the maps' look-back.
        maps: (steps, lookback) each.
    """
    lookback = len(equations.gram)
    lengths = torch.tensor(list_run_lengths(lookback))
    if len(lengths) == lookback:
        return equations, *maps
    coarse = [_average_runs(weight, lengths.tolist()) * lengths for weight in maps]
    for weight, small in zip(maps, coarse, strict=True):
        # A few steps suffice: the look-backs decide whether maps are constant over the runs.
        some = slice(None, None, max(1, len(weight) // CHECKED_STEPS))
        if not torch.allclose(refine_weights(small[some], lookback), weight[some], atol=1e-12):
            return equations, *maps
    return coarsen_inputs(equations), *coarse


def _average_runs(values: Tensor, lengths: list[int]) -> Tensor:
    """Return the means of consecutive runs of the last axis."""
    parts, first = [], 0
    while lengths:
        run = lengths[0]
        count = next((i for i, length in enumerate(lengths) if length != run), len(lengths))
        part = values[..., first : first + run * count]
        parts.append(part if run == 1 else part.unflatten(-1, (count, run)).mean(dim=-1))
        first, lengths = first + run * count, lengths[count:]
    return torch.cat(parts, dim=-1)
