"""Every look-back, penalty and horizon at once, chosen on blocks of time left out."""

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
"""How much more error than the best a look-back may have to be averaged with it."""
PROFILE_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of a seasonal profile."""
CHANNEL_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Of a channel's change of the shared map."""


@torch.no_grad()
def sweep_ridge(values: Tensor, grid: SweepGrid = SweepGrid()) -> SweepResult:  # noqa: B008
    """Choose look-backs and penalties of Ridge inside RevIN, for all horizons at once.

    The sums over the longest windows serve every shorter look-back and horizon; those of a block of
    time are subtracted for a fit without it, and score it; one eigendecomposition a look-back and
    block serves all penalties. Each group of steps, between two horizons, has a penalty of its own.
    Look-backs whose errors over all steps are within one percent of the best one's are averaged
    with equal weights, which are hard to beat (Bates and Granger, 1969). Where all of that loses to
    the last value, that is repeated.

    With `per_channel`, a channel's map is the shared one plus a change whose size is penalized
    (Evgeniou and Pontil, KDD 2004), so that it learns as much of its own as its rows can tell. With
    a `season`, a share of each channel's seasonal profile is taken off first: a map of a window can
    hardly tell a season that is the same every year from one that it saw by chance. Either is kept
    only where the blocks' mean gain is more than a standard error (Breiman et al., 1984).

    Blocks with past and future around them don't tell whether levels move, so the level is always
    taken away.

    Args:
        values: (time, channels) float64, standardized: training and validation rows. Windows with
            a gap (NaN) are left out.
        grid: what is tried.

    Raises:
        InputError: too few rows, or windows without a gap, for so many blocks.
    """
    sums = grid.window_sums(values)
    blocks = hold_out_blocks(sums, grid.blocks)
    shared, squares = _choose_maps(blocks, grid)
    if all(
        one.lookbacks == LAST_VALUE[0] for one in shared
    ):  # where nothing helps all channels there is little to find for each
        return SweepResult(grid, shared, ())
    share = 0.0
    if grid.season is not None:
        share, blocks = _choose_profile_share(sums, blocks, shared, squares, grid)
        if share:
            shared, _ = _choose_maps(blocks, grid)
    if not grid.per_channel or values.shape[1] == 1:
        return SweepResult(grid, shared, (), share)
    longest = max(max(one.lookbacks) for one in shared)
    maps = [one[:, -longest:] for one in _fit_maps(blocks, shared, grid)]
    del sums, blocks
    channels = values.split(1, dim=1)
    with progress("trying a map for each channel", len(channels)) as advance:

        def tried(channel: Tensor) -> tuple[float | None, ...]:
            found = _channel_penalties(channel, maps, grid, share)
            advance()
            return found

        own = thread_map(tried, channels)
    return SweepResult(grid, shared, tuple(own), share)


def _choose_profile_share(
    sums: WindowSums,
    blocks: list[HeldOutBlock],
    shared: Sequence[SweepChoice],
    squares: Tensor,
    sweep: SweepGrid,
) -> tuple[float, list[HeldOutBlock]]:
    """Return the share of the seasonal profile that is taken off, and the blocks without it.

    Look-backs and penalties are those chosen without any, whatever the share.
    """
    assert sweep.season is not None  # the caller looks
    whole = squares.sum(dim=1)
    best, least = (0.0, blocks), whole
    for share in PROFILE_SHARES:
        trial = hold_out_blocks(sums, sweep.blocks, sweep.season, share)
        maps = _fit_maps(trial, shared, sweep)
        errors = _map_errors(trial, maps, sweep).sum(dim=1)
        if errors.sum() < least.sum():
            best, least = (share, trial), errors
    return best if _is_significant(whole - least) else (0.0, blocks)


def _is_significant(gains: Tensor) -> Tensor:
    """Return whether the mean gain over the blocks, (blocks, ...), exceeds its standard error."""
    return gains.mean(dim=0) > gains.std(dim=0) / math.sqrt(len(gains))


def _choose_maps(
    blocks: list[HeldOutBlock], sweep: SweepGrid
) -> tuple[tuple[SweepChoice, ...], Tensor]:
    """Return the choice of each group, and its squared errors, (blocks, groups)."""
    lookbacks = sweep.lookbacks
    errors = torch.stack(
        thread_map(lambda block: block.errors(lookbacks, sweep.penalties, sweep.horizons), blocks)
    ).nan_to_num(math.inf)
    best = errors.sum(dim=0).argmin(dim=2)  # (lookbacks, groups)
    least = errors.gather(3, best.expand(len(blocks), -1, -1).unsqueeze(3)).squeeze(3)
    total = least.sum(dim=(0, 2))
    near = (total <= (1 + MAX_EXCESS_ERROR) * total.min()).nonzero().flatten().tolist()
    sizes = tuple(lookbacks[place] for place in near)
    ways = [
        (sizes, tuple(sweep.penalties[place] for place in best[near, group].tolist()))
        for group in range(len(sweep.groups))
    ]
    squares = least[:, near[0]]
    if len(near) > 1:
        averaged = [SweepChoice(*way, math.nan) for way in ways]
        maps = _fit_maps(blocks, averaged, sweep)
        squares = _map_errors(blocks, maps, sweep)
    repeated = torch.stack([block.last_value_errors(sweep.horizons) for block in blocks])
    chosen = []
    for group, (first, stop) in enumerate(sweep.groups):
        way = ways[group]
        if repeated[:, group].sum() <= squares[:, group].sum():
            way, squares[:, group] = LAST_VALUE, repeated[:, group]
        count = (stop - first) * sum(block.held_out_equations.count for block in blocks)
        chosen.append(SweepChoice(*way, float(squares[:, group].sum()) / count))
    return tuple(chosen), squares


def _fit_maps(
    blocks: list[HeldOutBlock], chosen: Sequence[SweepChoice], sweep: SweepGrid
) -> list[Tensor]:
    """Return the maps fitted without each block, (steps, longest look-back), for raw windows."""

    def fitted(block: HeldOutBlock) -> Tensor:
        return build_map(lambda _: block.fit_equations, chosen, sweep.groups, sweep.lookbacks[-1])

    return thread_map(fitted, blocks)


def _map_errors(blocks: list[HeldOutBlock], maps: list[Tensor], sweep: SweepGrid) -> Tensor:
    """Return the squared errors of maps on their blocks, (blocks, groups)."""
    pairs = zip(blocks, maps, strict=True)
    return torch.stack(thread_map(lambda pair: pair[0].map_errors(pair[1], sweep.horizons), pairs))


def _channel_penalties(
    channel: Tensor, shared: list[Tensor], sweep: SweepGrid, share: float
) -> tuple[float | None, ...]:
    """Return the penalty of a channel's change of the shared map; None where it is not clear.

    Args:
        channel: (time, 1).
        shared: the shared maps without each block, for raw windows of the look-back.
        sweep: what is tried.
        share: of the seasonal profile, that is taken off.
    """
    blocks = hold_out_blocks(sweep.window_sums(channel), sweep.blocks, sweep.season or 1, share)
    pairs = zip(blocks, shared, strict=True)
    errors = torch.stack(
        [
            block.channel_map_errors(weight, CHANNEL_PENALTIES, sweep.horizons)
            for block, weight in pairs
        ]
    ).nan_to_num(math.inf)  # (blocks, groups, 1 + penalties)
    best = errors[..., 1:].sum(dim=0).argmin(dim=1)
    least = errors[..., 1:].gather(2, best.expand(len(blocks), -1).unsqueeze(2)).squeeze(2)
    clear = _is_significant(errors[..., 0] - least)
    pairs = zip(best.tolist(), clear.tolist(), strict=True)
    return tuple(CHANNEL_PENALTIES[place] if better else None for place, better in pairs)
