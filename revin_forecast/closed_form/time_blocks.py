"""Blocks of time, each held out of a fit once and used to score it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, pairwise

import torch
from torch import Tensor

from revin_forecast.closed_form.coarse_lags import coarsen_inputs, coarsen_residual
from revin_forecast.closed_form.normal_equations import NormalEquations, RidgePath
from revin_forecast.closed_form.seasonal_profile import seasonal_profile
from revin_forecast.closed_form.sweep_maps import subtract_window_mean
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.errors import InputError
from revin_forecast.utils.memory import release_freed_memory
from revin_forecast.utils.threads import thread_map

EquationSource = Callable[[], NormalEquations]
"""Computes equations."""
Range = tuple[int, int]
"""First origin of a range of windows, and the origin after the last."""


class HeldOutBlock:
    """A held-out block of time: fits maps without it and returns their errors on it.

    A map's error is a quadratic form in the block's equations, so no window is extracted. The
    equations are computed on each access and not stored: all blocks of a table together would take
    more memory than many tables do.

    Args:
        fit: computes the equations of all windows that share no target with the block's windows.
        held_out: computes the equations of the block's windows of a look-back or longer ones.
        held_out_count: number of the block's windows, of all series.
    """

    def __init__(
        self,
        fit: EquationSource,
        held_out: Callable[[int | None], NormalEquations],
        held_out_count: int,
    ):
        self._fit, self._held_out, self.held_out_count = fit, held_out, held_out_count

    @property
    def fit_equations(self) -> NormalEquations:
        """New equations of all windows that share no target with the block's; may be changed."""
        return self._fit()

    @property
    def held_out_equations(self) -> NormalEquations:
        """New equations of the block's windows; may be changed."""
        return self._held_out(None)

    def errors(
        self, lookbacks: Sequence[int], penalties: Sequence[float], ends: Sequence[int]
    ) -> Tensor:
        """Return the summed squared errors of every map, (lookbacks, groups, penalties).

        Args:
            lookbacks: candidate look-backs.
            penalties: candidate penalties.
            ends: the step after each group's last; a group begins where the previous one ends.
        """
        fit, held_out = self.fit_equations, self.held_out_equations

        errors = []
        for size in lookbacks:
            is_last = size == lookbacks[-1]
            centred = coarsen_inputs(subtract_window_mean(fit, size))
            if is_last:
                fit = held_out  # frees memory for the largest eigendecomposition
            release_freed_memory()
            path = RidgePath(centred, in_place=True)
            del centred
            held_out_centred = coarsen_inputs(
                subtract_window_mean(held_out, size, in_place=is_last)
            )
            errors.append(path.group_errors(held_out_centred, penalties, ends))
        return torch.stack(errors)

    def last_value_errors(self, ends: Sequence[int]) -> Tensor:
        """Return the summed squared errors of repeating the last value, (groups,)."""
        return sum_by_group(subtract_window_mean(self._held_out(1), 1).target_squares, ends)

    def channel_map_errors(
        self, shared: Tensor, penalties: Sequence[float], ends: Sequence[int]
    ) -> Tensor:
        """Return the summed squared errors of a shared map and of its penalized changes.

        Args:
            shared: (steps, lookback), for raw windows.
            penalties: candidate penalties of the change.
            ends: as for `errors`.

        Returns:
            (groups, 1 + penalties); the first column has the errors of the shared map.
        """
        # A ridge of the shared map's residuals is the penalized change.
        fit_residual, held_out_residual = (
            coarsen_residual(
                subtract_window_mean(equations, shared.shape[1], in_place=True), shared
            )
            for equations in (self.fit_equations, self.held_out_equations)
        )
        shared_errors = sum_by_group(held_out_residual.target_squares, ends)
        changed = RidgePath(fit_residual, in_place=True).group_errors(
            held_out_residual, penalties, ends
        )
        return torch.cat([shared_errors.unsqueeze(1), changed], dim=1)

    def map_errors(self, weight: Tensor, ends: Sequence[int]) -> Tensor:
        """Return the summed squared errors of a map of the longest raw windows, (groups,)."""
        residual = coarsen_residual(self.held_out_equations, weight)
        return sum_by_group(residual.target_squares, ends)


def sum_by_group(errors: Tensor, ends: Sequence[int]) -> Tensor:
    """Return the sum of the steps' errors over each group of steps, (groups,)."""
    return torch.stack([errors[first:stop].sum() for first, stop in pairwise((0, *ends))])


@dataclass(frozen=True)
class BlockRanges:
    """Ranges of origins of a table's windows of the longest size, and of the held-out blocks."""

    begin: int
    """First origin of all windows."""
    end: int
    """Origin after the last of all windows."""
    held_out: tuple[Range, ...]
    """Windows of each block."""
    overlapping: tuple[Range, ...]
    """Windows that share a target with those of each block, including themselves."""


def split_into_blocks(rows: int, lookback: int, horizon: int, number: int) -> BlockRanges:
    """Split the origins of a table's windows into blocks of equal length.

    Args:
        rows: rows of the table.
        lookback: longest look-back.
        horizon: longest horizon.
        number: number of blocks.

    Raises:
        InputError: there are too few rows for the number of blocks.
    """
    begin, end = lookback, rows - horizon + 1
    if number < 2 or (end - begin) // number < horizon:
        raise InputError(
            f"{number} blocks of {max(0, end - begin)} windows with look-back {lookback} and "
            f"horizon {horizon} can't be held out; there must be 2 or more blocks of "
            f"{horizon} windows or more. Pass more rows, fewer blocks, or shorter sizes."
        )
    edges = [begin + (end - begin) * part // number for part in range(number + 1)]
    held_out = tuple(pairwise(edges))
    # A window's targets span `horizon` rows, so as many windows on both sides share some of them.
    overlapping = ((max(begin, a - horizon + 1), min(end, b + horizon - 1)) for a, b in held_out)
    return BlockRanges(begin, end, held_out, tuple(overlapping))


def hold_out_blocks(
    sums: WindowSums, number: int, season: int = 1, share: float = 0.0
) -> list[HeldOutBlock]:
    """Split a table into blocks of time, each held out once.

    The equations without a block are the difference of two sums; nothing is summed twice. With a
    share of the seasonal profile, each block has its own profile, of the rows outside its targets,
    and therefore its own sums.

    Args:
        sums: sums over the table's windows.
        number: number of blocks, each with the same number of windows of the longest size.
        season: rows in a season of the profile.
        share: share of the profile to subtract from the table.

    Raises:
        InputError: there are too few rows for the number of blocks.
    """
    ranges = split_into_blocks(len(sums.values), sums.lookback, sums.horizon, number)
    begin, end, horizon = ranges.begin, ranges.end, sums.horizon
    pairs = list(zip(ranges.held_out, ranges.overlapping, strict=True))
    if not share:
        # Before the threads start: they only read the prepared sums.
        sums.prepare(*((sums.lookback, *ends) for ends in ((begin, end), *chain(*pairs))))
        sums.prepare(*((1, *ends) for ends in ranges.held_out))
        total = sums.equations_over(begin, end)
        return thread_map(lambda pair: _hold_out_block(sums, lambda: total, *pair), pairs)

    def deseasonalize_block(pair: tuple[Range, Range]) -> HeldOutBlock:
        (first, stop), overlap = pair
        profile = share * seasonal_profile(sums.values, season, (first, stop + horizon - 1))
        block_sums = WindowSums(sums.values, sums.lookback, horizon, profile)
        block_sums.prepare(*((sums.lookback, *ends) for ends in ((begin, end), *pair)))
        return _hold_out_block(
            block_sums, lambda: block_sums.equations_over(begin, end), (first, stop), overlap
        )

    return thread_map(deseasonalize_block, pairs)


def _hold_out_block(
    sums: WindowSums, total: EquationSource, held_out: Range, overlap: Range
) -> HeldOutBlock:
    """Return the block of one range of windows.

    Args:
        sums: sums over the table's windows, prepared for both ranges.
        total: computes the equations of all windows.
        held_out: range of the block's windows.
        overlap: range of the windows that share a target with them.

    Raises:
        InputError: a block or its fit has no window without a gap.
    """
    horizon = sums.horizon

    def compute_fit() -> NormalEquations:
        return sums.equations_over(*overlap).subtract_from_(total())

    def compute_held_out(lookback: int | None = None) -> NormalEquations:
        first, stop = held_out
        return sums.equations(lookback or sums.lookback, horizon, first, stop + horizon - 1)

    if not sums.has_gaps:
        count = (held_out[1] - held_out[0]) * sums.values.shape[1]
        return HeldOutBlock(compute_fit, compute_held_out, count)
    # With gaps, all windows of a range are summed; twice would take longer than storing the sums.
    fit, held = compute_fit(), compute_held_out()
    if min(fit.count, held.count) == 0:
        raise InputError(
            f"a block has no window without a gap: look-back {sums.lookback} and horizon {horizon} "
            f"take {sums.lookback + horizon} rows. Pass shorter sizes, or fill the gaps."
        )
    return HeldOutBlock(lambda: deepcopy(fit), lambda _: deepcopy(held), held.count)
