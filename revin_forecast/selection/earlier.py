"""Forecast errors of earlier rows, for intervals where the validation part is short."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from revin_forecast.selection.selector import Selector, Tried
from revin_forecast.selection.validation import Validation

BLOCKS = 4
ORIGINS = 15
"""Of a block: maps are solved once for so many windows."""


def earlier_residuals(
    selector: Selector, members: Sequence[Tried], weights: Tensor, lookback: int
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
    for _ in range(BLOCKS):
        last = stop - task.horizon
        cut = max(lookback + 1, last - ORIGINS + 1)
        if cut > last:
            return
        models = [model for member in members if (model := member.refit(cut)) is not None]
        if len(models) < len(members):
            return
        windows = Validation.of(task.values[:stop], cut, lookback, task.horizon, selector.season)
        forecast = torch.zeros_like(windows.truth)
        for model, member, weight in zip(models, members, weights, strict=True):
            forecast += weight * windows.forecast(model, member.candidate.lookback)
        yield windows.truth - forecast, windows.past
        stop = cut + task.horizon - 1  # the next block's windows begin before this one's
