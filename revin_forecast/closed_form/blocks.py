"""Blocks of time, each left out of a fit in turn and scored by it."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from revin_forecast.closed_form.equations import NormalEquations, PenaltyPath
from revin_forecast.closed_form.maps import mean_taken
from revin_forecast.closed_form.profile import profile_rows, seasonal_profile
from revin_forecast.closed_form.sums import WindowSums
from revin_forecast.closed_form.threads import in_threads
from revin_forecast.errors import InputError


class Block:
    """A block of time: all maps that are fitted without it, and their errors on it.

    A map's error is a quadratic form in the block's own equations, so no window is made.

    Args:
        fitted: equations of all windows that share no target with the block's.
        held: equations of the block's windows.
    """

    def __init__(self, fitted: NormalEquations, held: NormalEquations):
        self.fitted, self.held = fitted, held

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
            path = PenaltyPath(mean_taken(self.fitted, size))
            return path.errors_between(mean_taken(self.held, size), penalties, ends)

        return torch.stack([of(size) for size in lookbacks])

    def repeated(self, ends: Sequence[int]) -> Tensor:
        """Return the squared errors of repeating the last value, (groups,)."""
        return by_group(mean_taken(self.held, 1).squares, ends)

    def own_errors(self, shared: Tensor, penalties: Sequence[float], ends: Sequence[int]) -> Tensor:
        """Return the squared errors of maps that are drawn to a shared one.

        Args:
            shared: (steps, lookback), for raw windows.
            penalties: to try.
            ends: as for `errors`.

        Returns:
            (groups, 1 + penalties); the first are those of the shared map.
        """
        left = [mean_taken(one, shared.shape[1]).rest(shared) for one in (self.fitted, self.held)]
        drawn = PenaltyPath(left[0]).errors_between(left[1], penalties, ends)
        return torch.cat([by_group(left[1].squares, ends).unsqueeze(1), drawn], dim=1)

    def scored(self, weight: Tensor, ends: Sequence[int]) -> Tensor:
        """Return the squared errors of a map of raw windows of the longest size, (groups,)."""
        return by_group(self.held.rest(weight).squares, ends)


def by_group(errors: Tensor, ends: Sequence[int]) -> Tensor:
    """Return the sum of steps' errors over each group of them, (groups,)."""
    return torch.stack([errors[first:stop].sum() for first, stop in pairwise((0, *ends))])


def blocks_of(sums: WindowSums, number: int, season: int = 1, share: float = 0.0) -> list[Block]:
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

        def profiled(pair: tuple[tuple[int, int], tuple[int, int]]) -> Block:
            (first, stop), apart = pair
            profile = seasonal_profile(sums.values, season, (first, stop + horizon - 1))
            rest = sums.values - profile_rows(share * profile, len(sums.values))
            own = WindowSums(rest, sums.lookback, horizon)
            return Block(own.over(begin, end) - own.over(*apart), own.over(first, stop))

        blocks = in_threads(profiled, pairs)
    else:
        sums.prepare(*sorted({origin for pair in (*held, *touched) for origin in pair}))
        whole = sums.over(begin, end)
        blocks = in_threads(
            lambda pair: Block(whole - sums.over(*pair[1]), sums.over(*pair[0])), pairs
        )
    if min(min(block.fitted.count, block.held.count) for block in blocks) == 0:
        raise InputError(
            f"a block has no window without a gap: look-back {sums.lookback} and horizon {horizon} "
            f"take {sums.lookback + horizon} rows. Pass shorter ones, or fill the gaps."
        )
    return blocks
