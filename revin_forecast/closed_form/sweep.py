"""Selection of look-backs and penalties for all horizons at once, on held-out blocks of time."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from revin_forecast.closed_form.sweep_maps import LAST_VALUE, SweepChoice, build_map
from revin_forecast.closed_form.sweep_result import SweepGrid, SweepResult
from revin_forecast.closed_form.time_blocks import HeldOutBlock, hold_out_blocks
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.utils.progress import progress
from revin_forecast.utils.threads import thread_map

MAX_EXCESS_ERROR = 0.01
"""Largest relative error above the best look-back's for a look-back in the average."""
PROFILE_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Candidate shares of the seasonal profile to subtract."""
CHANNEL_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Candidate penalties of a channel's change of the shared map."""


@torch.no_grad()
def sweep_ridge(values: Tensor, grid: SweepGrid = SweepGrid()) -> SweepResult:  # noqa: B008
    """Select look-backs and penalties of Ridge inside RevIN, for all horizons at once.

    The sums over the longest windows serve all shorter look-backs and horizons. The sums of a block
    of time are subtracted for a fit without the block, and then score that fit. One
    eigendecomposition per look-back and block serves all penalties. Each group of steps, between
    two horizons, has its own penalty. Look-backs whose total error is within one percent of the
    best are averaged with equal weights, which are hard to beat (Bates and Granger, 1969). If the
    result loses to repeating the last value, the last value is repeated.

    With `per_channel`, a channel's map is the shared map plus a penalized change (Evgeniou and
    Pontil, KDD 2004), so a channel deviates as far as its own rows support it. With a `season`, a
    share of each channel's seasonal profile is subtracted first, because a map of one window can
    hardly separate a season that repeats every year from a pattern of that window. Either is used
    only if the mean gain over the blocks exceeds its standard error (Breiman et al., 1984).

    The level is always subtracted, because held-out blocks between past and future rows do not show
    whether levels drift.

    Args:
        values: (time, channels) float64, standardized: training and validation rows. Windows with
            a gap (NaN) are left out.
        grid: the candidates.

    Returns:
        The selected maps, which `SweepResult.solve` fits.

    Raises:
        InputError: there are too few rows, or windows without a gap, for the number of blocks.
    """
    sums = grid.window_sums(values)
    blocks = hold_out_blocks(sums, grid.blocks)
    shared, squares = _choose_maps(blocks, grid)
    if all(choice.lookbacks == LAST_VALUE[0] for choice in shared):
        # A map that helps no group of steps on all channels hardly helps a single channel.
        return SweepResult(grid, shared, ())
    share = 0.0
    if grid.season is not None:
        share, blocks = _choose_profile_share(sums, blocks, shared, squares, grid)
        if share:
            shared, _ = _choose_maps(blocks, grid)
    if not grid.per_channel or values.shape[1] == 1:
        return SweepResult(grid, shared, (), share)
    longest = max(max(choice.lookbacks) for choice in shared)
    fitted = thread_map(lambda block: _fit_map(block, shared, grid), blocks)
    maps = [weight[:, -longest:] for weight in fitted]
    del sums, blocks  # frees their memory before each channel has sums of its own
    channels = values.split(1, dim=1)
    with progress("trying a map for each channel", len(channels)) as advance:

        def choose_and_advance(channel: Tensor) -> tuple[float | None, ...]:
            penalties = _channel_penalties(channel, maps, grid, share)
            advance()
            return penalties

        channel_penalties = thread_map(choose_and_advance, channels)
    return SweepResult(grid, shared, tuple(channel_penalties), share)


def _choose_profile_share(
    sums: WindowSums,
    blocks: list[HeldOutBlock],
    shared: Sequence[SweepChoice],
    squares: Tensor,
    grid: SweepGrid,
) -> tuple[float, list[HeldOutBlock]]:
    """Return the share of the seasonal profile to subtract, and the blocks without it.

    All shares are compared with the look-backs and penalties selected without a profile.
    """
    assert grid.season is not None  # checked by the caller
    plain_errors = squares.sum(dim=1)
    best, least_errors = (0.0, blocks), plain_errors
    for share in PROFILE_SHARES:
        share_blocks = hold_out_blocks(sums, grid.blocks, grid.season, share)
        errors = _fitted_map_errors(share_blocks, shared, grid).sum(dim=1)
        if errors.sum() < least_errors.sum():
            best, least_errors = (share, share_blocks), errors
    return best if _is_significant(plain_errors - least_errors) else (0.0, blocks)


def _is_significant(gains: Tensor) -> Tensor:
    """Return whether the mean gain over the blocks, (blocks, ...), exceeds its standard error."""
    return gains.mean(dim=0) > gains.std(dim=0) / math.sqrt(len(gains))


def _choose_maps(
    blocks: list[HeldOutBlock], grid: SweepGrid
) -> tuple[tuple[SweepChoice, ...], Tensor]:
    """Return the selected map of each group, and its squared errors, (blocks, groups)."""
    lookbacks = grid.lookbacks
    errors = torch.stack(
        thread_map(lambda block: block.errors(lookbacks, grid.penalties, grid.horizons), blocks)
    ).nan_to_num(math.inf)
    best = errors.sum(dim=0).argmin(dim=2)  # (lookbacks, groups)
    least = errors.gather(3, best.expand(len(blocks), -1, -1).unsqueeze(3)).squeeze(3)
    # All groups use the same look-backs; only their penalties differ.
    total = least.sum(dim=(0, 2))
    near_best = (total <= (1 + MAX_EXCESS_ERROR) * total.min()).nonzero().flatten().tolist()
    sizes = tuple(lookbacks[index] for index in near_best)
    candidates = [
        (sizes, tuple(grid.penalties[index] for index in best[near_best, group].tolist()))
        for group in range(len(grid.groups))
    ]
    squares = least[:, near_best[0]]
    if len(near_best) > 1:
        averaged = [SweepChoice(*candidate, math.nan) for candidate in candidates]
        squares = _fitted_map_errors(blocks, averaged, grid)
    last_value = torch.stack([block.last_value_errors(grid.horizons) for block in blocks])
    choices = []
    for group, (first, stop) in enumerate(grid.groups):
        candidate = candidates[group]
        if last_value[:, group].sum() <= squares[:, group].sum():
            candidate, squares[:, group] = LAST_VALUE, last_value[:, group]
        count = (stop - first) * sum(block.held_out_count for block in blocks)
        choices.append(SweepChoice(*candidate, float(squares[:, group].sum()) / count))
    return tuple(choices), squares


def _fit_map(block: HeldOutBlock, choices: Sequence[SweepChoice], grid: SweepGrid) -> Tensor:
    """Return the map fitted without a block, (steps, longest look-back), for raw windows."""
    equations = block.fit_equations
    return build_map(lambda _: equations, choices, grid.groups, grid.lookbacks[-1])


def _fitted_map_errors(
    blocks: list[HeldOutBlock], choices: Sequence[SweepChoice], grid: SweepGrid
) -> Tensor:
    """Return the squared errors of the maps fitted without each block on it, (blocks, groups)."""
    return torch.stack(
        thread_map(
            lambda block: block.map_errors(_fit_map(block, choices, grid), grid.horizons), blocks
        )
    )


def _channel_penalties(
    channel: Tensor, shared: list[Tensor], grid: SweepGrid, share: float
) -> tuple[float | None, ...]:
    """Return each group's penalty of a channel's change; None if the gain is not significant.

    Args:
        channel: (time, 1).
        shared: the shared maps fitted without each block, for raw windows of the look-back.
        grid: the candidates.
        share: share of the seasonal profile to subtract.
    """
    blocks = hold_out_blocks(grid.window_sums(channel), grid.blocks, grid.season or 1, share)
    pairs = zip(blocks, shared, strict=True)
    errors = torch.stack(
        [
            block.channel_map_errors(weight, CHANNEL_PENALTIES, grid.horizons)
            for block, weight in pairs
        ]
    ).nan_to_num(math.inf)  # (blocks, groups, 1 + penalties)
    best = errors[..., 1:].sum(dim=0).argmin(dim=1)
    least = errors[..., 1:].gather(2, best.expand(len(blocks), -1).unsqueeze(2)).squeeze(2)
    is_better = _is_significant(errors[..., 0] - least)
    pairs = zip(best.tolist(), is_better.tolist(), strict=True)
    return tuple(CHANNEL_PENALTIES[index] if better else None for index, better in pairs)
