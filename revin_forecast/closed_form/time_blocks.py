"""Blocks of time, each left out of a fit in turn and scored by it."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from revin_forecast.closed_form.normal_equations import NormalEquations, RidgePath
from revin_forecast.closed_form.seasonal_profile import repeat_profile, seasonal_profile
from revin_forecast.closed_form.sweep_maps import subtract_window_mean
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.errors import InputError
from revin_forecast.utils.threads import thread_map


class HeldOutBlock:
    """A block of time: all maps that are fitted without it, and their errors on it.

    A map's error is a quadratic form in the block's own equations, so no window is made.

    Args:
        fit_equations: equations of all windows that share no target with the block's.
        held_out_equations: equations of the block's windows.
    """

    def __init__(self, fit_equations: NormalEquations, held_out_equations: NormalEquations):
        self.fit_equations, self.held_out_equations = fit_equations, held_out_equations

    def errors(
        self, lookbacks: Sequence[int], penalties: Sequence[float], ends: Sequence[int]
    ) -> Tensor:
        """Return the squared errors of every map, (lookbacks, groups, penalties).

        Args:
            lookbacks: to try.
            penalties: to try.
            ends: the step after each group's last; a group begins where the one before ends.
        """

        def of(size: int) -> Tensor:
            path = RidgePath(subtract_window_mean(self.fit_equations, size))
            return path.group_errors(
                subtract_window_mean(self.held_out_equations, size), penalties, ends
            )

        return torch.stack([of(size) for size in lookbacks])

    def last_value_errors(self, ends: Sequence[int]) -> Tensor:
        """Return the squared errors of repeating the last value, (groups,)."""
        return sum_by_group(subtract_window_mean(self.held_out_equations, 1).target_squares, ends)

    def channel_map_errors(
        self, shared: Tensor, penalties: Sequence[float], ends: Sequence[int]
    ) -> Tensor:
        """Return the squared errors of maps that are drawn to a shared one.

        Args:
            shared: (steps, lookback), for raw windows.
            penalties: to try.
            ends: as for `errors`.

        Returns:
            (groups, 1 + penalties); the first are those of the shared map.
        """
        left = [
            subtract_window_mean(one, shared.shape[1]).subtract_map(shared)
            for one in (self.fit_equations, self.held_out_equations)
        ]
        drawn = RidgePath(left[0]).group_errors(left[1], penalties, ends)
        return torch.cat([sum_by_group(left[1].target_squares, ends).unsqueeze(1), drawn], dim=1)

    def map_errors(self, weight: Tensor, ends: Sequence[int]) -> Tensor:
        """Return the squared errors of a map of raw windows of the longest size, (groups,)."""
        return sum_by_group(self.held_out_equations.subtract_map(weight).target_squares, ends)


def sum_by_group(errors: Tensor, ends: Sequence[int]) -> Tensor:
    """Return the sum of steps' errors over each group of them, (groups,)."""
    return torch.stack([errors[first:stop].sum() for first, stop in pairwise((0, *ends))])


def hold_out_blocks(
    sums: WindowSums, number: int, season: int = 1, share: float = 0.0
) -> list[HeldOutBlock]:
    """Leave each of several blocks of time out: sums are subtracted, never made anew.

    With a share of the seasonal profile taken off, each block's profile is that of the rows outside
    its targets, and the sums are its own.

    Args:
        sums: of the table.
        number: of blocks, of equally many windows of the longest size.
        season: rows that the profile takes.
        share: of the profile, that is taken off the table.

    Raises:
        InputError: too few rows for so many blocks.
    """
    horizon = sums.horizon
    begin, end = sums.lookback, len(sums.values) - horizon + 1
    if number < 2 or (end - begin) // number < horizon:
        raise InputError(
            f"{number} blocks of {max(0, end - begin)} windows of look-back {sums.lookback} and "
            f"horizon {horizon} were to be left out in turn; there must be 2 or more, each of "
            f"{horizon} windows or more. Pass more rows, fewer blocks, or shorter sizes."
        )
    edges = [begin + (end - begin) * part // number for part in range(number + 1)]
    held = list(pairwise(edges))
    # Targets of a window reach `horizon` rows on, so as many windows on both sides share some.
    touched = [(max(begin, a - horizon + 1), min(end, b + horizon - 1)) for a, b in held]
    pairs = list(zip(held, touched, strict=True))
    if share:

        def profiled(pair: tuple[tuple[int, int], tuple[int, int]]) -> HeldOutBlock:
            (first, stop), apart = pair
            profile = seasonal_profile(sums.values, season, (first, stop + horizon - 1))
            rest = sums.values - repeat_profile(share * profile, len(sums.values))
            own = WindowSums(rest, sums.lookback, horizon)
            return HeldOutBlock(
                own.equations_over(begin, end) - own.equations_over(*apart),
                own.equations_over(first, stop),
            )

        blocks = thread_map(profiled, pairs)
    else:
        sums.prepare_origins(*sorted({origin for pair in (*held, *touched) for origin in pair}))
        whole = sums.equations_over(begin, end)
        blocks = thread_map(
            lambda pair: HeldOutBlock(
                whole - sums.equations_over(*pair[1]), sums.equations_over(*pair[0])
            ),
            pairs,
        )
    if min(min(block.fit_equations.count, block.held_out_equations.count) for block in blocks) == 0:
        raise InputError(
            f"a block has no window without a gap: look-back {sums.lookback} and horizon {horizon} "
            f"take {sums.lookback + horizon} rows. Pass shorter ones, or fill the gaps."
        )
    return blocks
