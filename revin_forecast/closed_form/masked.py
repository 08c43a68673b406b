from collections.abc import Iterator

import torch
from torch import Tensor

from revin_forecast.closed_form.equations import NormalEquations
from revin_forecast.normalizers import LocationScaleNormalizer

VALUES_AT_ONCE = 2**23
"""Numbers in a block of windows and in a group of Gram matrices: 64 MiB each."""


def masked_equations(
    values: Tensor, normalizer: LocationScaleNormalizer, lookback: int, horizon: int
) -> Iterator[NormalEquations]:
    """Yield the normal equations of each step of the horizon, for series with gaps.

    An unobserved input stands at the window's location, where the normalizer puts it when it
    forecasts. An unobserved target takes its window out of that step's sums only, so each step
    has a Gram matrix of its own: the one of all windows less those that lack the step.

    Args:
        values: (time, channels) float64; NaN is unobserved.
        normalizer: gives each window's location; in float64, with as many channels.
        lookback: steps seen.
        horizon: steps forecast.
    """
    all_inputs = values.new_zeros(lookback, lookback)
    all_sums = values.new_zeros(lookback)
    group = max(1, min(horizon, VALUES_AT_ONCE // lookback**2))
    for first in range(0, horizon, group):
        steps = range(first, min(first + group, horizon))
        gaps = values.new_zeros(len(steps), lookback, lookback)
        gap_sums = values.new_zeros(len(steps), lookback)
        cross = values.new_zeros(len(steps), lookback)
        squares, sums = values.new_zeros(len(steps)), values.new_zeros(len(steps))
        counts = [0] * len(steps)
        for past, future, seen in _centred_blocks(values, normalizer, lookback, horizon):
            if first == 0:
                all_inputs += past.mT @ past
                all_sums += past.sum(dim=0)
            targets = future[:, first : first + len(steps)]
            cross += targets.mT @ past
            squares += targets.square().sum(dim=0)
            sums += targets.sum(dim=0)
            for place, step in enumerate(steps):
                lacking = past[~seen[:, step]]
                gaps[place] += lacking.mT @ lacking
                gap_sums[place] += lacking.sum(dim=0)
                counts[place] += len(past) - len(lacking)
        for i, count in enumerate(counts):
            yield NormalEquations(
                inputs=all_inputs - gaps[i],
                cross=cross[i : i + 1],
                squares=squares[i : i + 1],
                input_sums=all_sums - gap_sums[i],
                target_sums=sums[i : i + 1],
                count=count,
            )


def _centred_blocks(
    values: Tensor, normalizer: LocationScaleNormalizer, lookback: int, horizon: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield blocks of (windows, steps) rows: inputs and targets less location, 0 if unobserved."""
    windows = values.unfold(0, lookback + horizon, 1).mT
    rows = max(1, VALUES_AT_ONCE // windows[0].numel())
    for block in windows.split(rows):
        past, future = block[:, :lookback], block[:, lookback:]
        observed, seen = past.isfinite(), future.isfinite()
        stats = normalizer.statistics(past, observed)
        # A window with nothing observed has no location: its targets teach nothing.
        seen = seen & observed.any(dim=1, keepdim=True)
        centred = torch.where(observed, stats.centre(past), 0)
        targets = torch.where(seen, stats.centre(future), 0)
        yield _by_series(centred), _by_series(targets), _by_series(seen)


def _by_series(block: Tensor) -> Tensor:
    return block.transpose(1, 2).flatten(0, 1)
