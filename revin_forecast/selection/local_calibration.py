"""Intervals of a table's series from the errors of their combinations at expanding origins."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.models.series_intervals import SeriesIntervals, count_gap, measure_amplitude
from revin_forecast.models.step_dependence import StepDependence
from revin_forecast.selection.local_models import LocalCombination, SeriesBlock


def calibrate_blocks(
    blocks: Sequence[tuple[SeriesBlock, LocalCombination]],
    zero: Float[Tensor, " channels"],
    order: np.ndarray,
) -> SeriesIntervals:
    """Return intervals of each channel.

    Args:
        blocks: series of similar length with their combinations.
        zero: value of each channel in the final model's windows that stands for 0 in the blocks.
        order: (channels,) position of each channel in the concatenated blocks.
    """
    parts = [_calibrate_block(block, combination) for block, combination in blocks]
    positions = torch.from_numpy(order)
    reference, growth = (
        torch.cat([getattr(part, name) for part in parts])[positions]
        for name in ("reference", "growth")
    )
    scores = partial(_join_scores, parts, order)
    dependence = partial(_join_dependence, parts, order)
    return SeriesIntervals(scores, reference, zero, growth, dependence_source=dependence)


def _calibrate_block(block: SeriesBlock, combination: LocalCombination) -> SeriesIntervals:
    """Return intervals of a block's series."""
    windows = [block.values[None, :origin] for origin in block.all_origins]
    amplitudes = torch.cat([measure_amplitude(window) for window in windows])
    gaps = torch.cat([count_gap(window).double() for window in windows])
    count = np.full(block.values.shape[1], block.window_count)
    last, residuals = amplitudes[-1], combination.residuals
    # A block without origins has residuals of one window, which are unknown.
    before = slice(len(residuals))
    return SeriesIntervals.calibrate(
        residuals,
        amplitudes[before],
        last,
        torch.zeros_like(last),
        count,
        torch.cat([gaps[before], gaps[-1:]]),
        None if combination.distances is None else combination.distances.numpy(),
    )


def _join_scores(parts: Sequence[SeriesIntervals], order: np.ndarray) -> np.ndarray:
    return np.concatenate([part.scores for part in parts], axis=2)[:, :, order]


def _join_dependence(parts: Sequence[SeriesIntervals], order: np.ndarray) -> StepDependence:
    dependences = [part.dependence for part in parts if part.dependence is not None]
    common = np.concatenate([dependence.common for dependence in dependences])
    decay = np.concatenate([dependence.decay for dependence in dependences])
    return StepDependence(common[order], decay[order])
