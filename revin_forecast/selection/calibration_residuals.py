"""Forecast errors on rows before validation, to calibrate intervals if validation is short."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from revin_forecast.metrics import mae
from revin_forecast.models.intervals import window_scale
from revin_forecast.selection.candidates import EvaluatedCandidate
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.validation import ValidationWindows
from revin_forecast.utils.shapes import Future, Past

MAX_BLOCKS = 4
MAX_BLOCK_ORIGINS = 15
"""Most windows in a block: all of them share maps that are solved once."""
MAX_ERROR_RATIO = 3.0
"""Largest mean error of a block, relative to that of the validation windows."""


def iter_pre_validation_residuals(
    selector: Selector, members: Sequence[EvaluatedCandidate], weights: Tensor, lookback: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield residuals and look-backs of blocks of windows before validation.

    The same combination forecasts each block, with maps solved only on the rows before the block
    and with the penalties selected on validation. Trained backbones would have to be trained again;
    if one of them has weight, nothing is yielded.

    Args:
        selector: the selector, with its values.
        members: members of the combination.
        weights: (members, channels).
        lookback: steps of the look-backs to yield.

    Yields:
        Truth minus forecast, (windows, horizon, channels), and past, (windows, lookback, channels);
        the latest block first.
    """
    task = selector.task
    stop = task.train
    for _ in range(MAX_BLOCKS):
        last_origin = stop - task.horizon
        first_origin = max(lookback + 1, last_origin - MAX_BLOCK_ORIGINS + 1)
        if first_origin > last_origin:
            return
        models = [model for member in members if (model := member.refit(first_origin)) is not None]
        if len(models) < len(members):
            return
        filled = None if task.filled is None else task.filled[:stop]
        windows = ValidationWindows.from_values(
            task.values[:stop], first_origin, lookback, task.horizon, selector.season, filled
        )
        forecast = torch.zeros_like(windows.truth)
        for model, member, weight in zip(models, members, weights, strict=True):
            forecast += weight * windows.forecast(model, member.candidate.lookback)
        yield windows.truth - forecast, windows.past
        # The origins of the next, earlier block end right before those of this one.
        stop = first_origin + task.horizon - 1


def limit_block_errors(
    blocks: Iterable[tuple[Tensor, Tensor]], residuals: Future, past: Past
) -> list[tuple[Tensor, Tensor]]:
    """Scale down the errors of blocks whose mean error is far above that of validation.

    A map solved on fewer rows is worse: one that extrapolates the level of a trend may miss by many
    times the error of the final forecaster, which is fitted on all rows. So the mean error of a
    block, relative to its windows' scales, is limited to `MAX_ERROR_RATIO` times that of the
    validation windows. The limit is well above 1 because the validation windows are few and the
    model was selected on them, so that their error is too low. If validation has no error, or none
    was observed, the blocks are returned unchanged.

    Args:
        blocks: errors, (windows, horizon, channels), and past, (windows, lookback, channels).
        residuals: (windows, horizon, channels) of validation.
        past: (windows, lookback, channels) of validation.
    """
    max_error = MAX_ERROR_RATIO * _mean_scaled_error(residuals, past)
    if max_error == 0:
        return list(blocks)
    return [
        (errors * (max_error / max(_mean_scaled_error(errors, block_past), max_error)), block_past)
        for errors, block_past in blocks
    ]


def _mean_scaled_error(residuals: Future, past: Past) -> float:
    """Return the mean absolute error relative to the windows' scales; 0 if none was observed."""
    errors = residuals / window_scale(past).unsqueeze(1)
    return float(mae(torch.zeros_like(errors), errors))
