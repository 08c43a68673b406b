"""Forecast errors of earlier rows, for intervals where the validation part is short."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from revin_forecast.models.intervals import window_scale
from revin_forecast.selection.selector import EvaluatedCandidate, Selector
from revin_forecast.selection.validation import ValidationWindows

MAX_BLOCKS = 4
MAX_BLOCK_ORIGINS = 15
"""Of a block: maps are solved once for so many windows."""
MAX_ERROR_RATIO = 3.0
"""Mean error of a block, in that of the validation windows, at most."""


def pre_validation_residuals(
    selector: Selector, members: Sequence[EvaluatedCandidate], weights: Tensor, lookback: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield truth less forecast, and the past, of blocks of windows before validation.

    Each block is forecast by the same combination, its maps solved on the rows before the block
    only, with the penalties that were chosen. Backbones that are trained aren't trained again, so
    nothing is yielded where one has weight.

    Args:
        selector: with the values.
        members: of the combination.
        weights: (members, channels).
        lookback: steps of the past.

    Yields:
        (windows, horizon, channels) and (windows, lookback, channels), latest block first.
    """
    task = selector.task
    stop = task.train
    for _ in range(MAX_BLOCKS):
        last = stop - task.horizon
        cut = max(lookback + 1, last - MAX_BLOCK_ORIGINS + 1)
        if cut > last:
            return
        models = [model for member in members if (model := member.refit(cut)) is not None]
        if len(models) < len(members):
            return
        filled = None if task.filled is None else task.filled[:stop]
        windows = ValidationWindows.from_values(
            task.values[:stop], cut, lookback, task.horizon, selector.season, filled
        )
        forecast = torch.zeros_like(windows.truth)
        for model, member, weight in zip(models, members, weights, strict=True):
            forecast += weight * windows.forecast(model, member.candidate.lookback)
        yield windows.truth - forecast, windows.past
        stop = cut + task.horizon - 1  # the next block's windows begin before this one's


def limit_block_errors(
    blocks: Iterable[tuple[Tensor, Tensor]], residuals: Tensor, past: Tensor
) -> list[tuple[Tensor, Tensor]]:
    """Scale errors down where a block's are far beyond those of validation.

    The fewer rows a map was solved on, the worse it is: one that extrapolates the level of a trend
    may miss by many times what the forecaster does that is fitted on all rows. So the mean error
    of a block, in the units of its windows' scales, counts for `WORST` times that of the validation
    windows at most. Those are few, and the choice was made on them: less would be too little. Where
    they have none, or nothing of them was observed, errors stay as they are.

    Args:
        blocks: (windows, horizon, channels) errors and (windows, lookback, channels) past of each.
        residuals: of validation.
        past: of validation.
    """
    most = MAX_ERROR_RATIO * _mean_scaled_error(residuals, past)
    if most == 0:
        return list(blocks)
    return [
        (errors * (most / max(_mean_scaled_error(errors, before), most)), before)
        for errors, before in blocks
    ]


def _mean_scaled_error(residuals: Tensor, past: Tensor) -> float:
    """Return the mean absolute error over the scale of its window, 0 where none was observed."""
    scores = (residuals / window_scale(past).unsqueeze(1)).abs()
    seen = scores[scores.isfinite()]
    return float(seen.mean()) if len(seen) else 0.0
