"""The level as one more column of least squares, for `ShrunkLevel`."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from revin_forecast.closed_form.normal_equations import NormalEquations, solve_ridge
from revin_forecast.normalizers import ShrunkLevel
from revin_forecast.normalizers.level_head import LevelHead, LevelSums, build_level_head


def find_kept_level(normalizer: nn.Module) -> ShrunkLevel | None:
    """Return the normalizer if it keeps a share of some channel's level, else None."""
    if isinstance(normalizer, ShrunkLevel) and normalizer.shares.any():
        return normalizer
    return None


def centre_equations(
    equations: NormalEquations, weights: Tensor, keep_level: bool
) -> NormalEquations:
    """Return the equations of windows minus their level, with or without it as the first input."""
    return add_level_column(equations, weights) if keep_level else equations.centre(weights)


def add_level_column(equations: NormalEquations, weights: Tensor) -> NormalEquations:
    """Return the equations for the inputs m and x - m, and y - m, with the level m = weights . x.

    Args:
        equations: those of raw windows, minus the centre of their channel.
        weights: (lookback,).
    """
    input_products, target_products = equations.gram @ weights, equations.cross @ weights
    squares = input_products @ weights
    centred = equations.centre(weights)
    level_inputs = (input_products - squares).unsqueeze(0)
    first_row = torch.cat([squares.reshape(1, 1), level_inputs], dim=1)
    other_rows = torch.cat([level_inputs.mT, centred.gram], dim=1)
    return replace(
        centred,
        gram=torch.cat([first_row, other_rows]),
        cross=torch.cat([(target_products - squares).unsqueeze(1), centred.cross], dim=1),
        input_sums=torch.cat([(equations.input_sums @ weights).unsqueeze(0), centred.input_sums]),
    )


def drop_level_column(equations: NormalEquations) -> NormalEquations:
    """Return the equations without their first column."""
    return equations.truncate(len(equations.gram) - 1, len(equations.target_squares))


def solve_level_head(equations: NormalEquations, weight: Tensor, penalty: float) -> LevelHead:
    """Return the head that completes a ridge map to the map with the level as a column, exactly.

    Args:
        equations: with the level as their first column.
        weight: (steps, lookback), the ridge map of the other columns.
        penalty: that of the map, relative to the mean eigenvalue.
    """
    level_inputs = equations.gram[0, 1:]
    others = replace(drop_level_column(equations), cross=level_inputs.unsqueeze(0))
    sums = LevelSums(
        gram=others.gram,
        cross=equations.cross[:, 1:],
        level_squares=equations.gram[0, 0],
        level_inputs=level_inputs,
        level_targets=equations.cross[:, 0],
    )
    return build_level_head(sums, weight, solve_ridge(others, penalty)[0])


def join_level_heads(heads: list[LevelHead]) -> LevelHead:
    """Return the head of all steps from those of groups of steps.

    With missing targets, groups have other windows and so other readings. The layer has one, their
    mean over the steps.
    """
    slopes = torch.cat([head.slopes for head in heads])
    readings = torch.stack([len(head.slopes) * head.reading_weights for head in heads])
    return LevelHead(readings.sum(dim=0) / len(slopes), slopes)


def include_level_head(weight: Tensor, normalizer: ShrunkLevel, channel: int) -> Tensor:
    """Return a ridge map and one channel's head as a map of m and x - m, (steps, 1 + lookback).

    Args:
        weight: (steps, lookback), the ridge map.
        normalizer: with its head.
        channel: number of the channel.
    """
    slopes = (normalizer.shares * normalizer.slopes)[:, channel].double()
    reading = normalizer.reading_weights[channel].double()
    return torch.cat([slopes.unsqueeze(1), weight + torch.outer(slopes, reading)], dim=1)
