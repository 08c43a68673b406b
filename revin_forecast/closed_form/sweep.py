"""Every look-back, penalty and horizon at once, chosen on blocks of time left out."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from revin_forecast.closed_form.blocks import Block, blocks_of
from revin_forecast.closed_form.maps import LAST_VALUE, Chosen, chosen_map
from revin_forecast.closed_form.sums import WindowSums
from revin_forecast.closed_form.swept import Sweep, Swept
from revin_forecast.closed_form.threads import in_threads
from revin_forecast.progress import progress

NEAR = 0.01
"""How much more error than the best a look-back may have to be averaged with it."""
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of a seasonal profile."""
OWN_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Of a channel's change of the shared map."""


@torch.no_grad()
def sweep_ridge(values: Tensor, sweep: Sweep = Sweep()) -> Swept:  # noqa: B008
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
        sweep: what is tried.

    Raises:
        InputError: too few rows, or windows without a gap, for so many blocks.
    """
    sums = sweep.sums(values)
    blocks = blocks_of(sums, sweep.blocks)
    shared, squares = _choose(blocks, sweep)
    if all(
        one.lookbacks == LAST_VALUE[0] for one in shared
    ):  # where nothing helps all channels there is little to find for each
        return Swept(sweep, shared, ())
    share = 0.0
    if sweep.season is not None:
        share, blocks = _share(sums, blocks, shared, squares, sweep)
        if share:
            shared, _ = _choose(blocks, sweep)
    if not sweep.per_channel or values.shape[1] == 1:
        return Swept(sweep, shared, (), share)
    longest = max(max(one.lookbacks) for one in shared)
    maps = [one[:, -longest:] for one in _maps(blocks, shared, sweep)]
    del sums, blocks
    channels = values.split(1, dim=1)
    with progress("trying a map for each channel", len(channels)) as advance:

        def tried(channel: Tensor) -> tuple[float | None, ...]:
            found = _own(channel, maps, sweep, share)
            advance()
            return found

        own = in_threads(tried, channels)
    return Swept(sweep, shared, tuple(own), share)


def _share(
    sums: WindowSums,
    blocks: list[Block],
    shared: Sequence[Chosen],
    squares: Tensor,
    sweep: Sweep,
) -> tuple[float, list[Block]]:
    """Return the share of the seasonal profile that is taken off, and the blocks without it.

    Look-backs and penalties are those chosen without any, whatever the share.
    """
    assert sweep.season is not None  # the caller looks
    whole = squares.sum(dim=1)
    best, least = (0.0, blocks), whole
    for share in SHARES:
        trial = blocks_of(sums, sweep.blocks, sweep.season, share)
        maps = _maps(trial, shared, sweep)
        errors = _scored(trial, maps, sweep).sum(dim=1)
        if errors.sum() < least.sum():
            best, least = (share, trial), errors
    return best if _clear(whole - least) else (0.0, blocks)


def _clear(gains: Tensor) -> Tensor:
    """Return whether the mean gain over the blocks, (blocks, ...), exceeds its standard error."""
    return gains.mean(dim=0) > gains.std(dim=0) / math.sqrt(len(gains))


def _choose(blocks: list[Block], sweep: Sweep) -> tuple[tuple[Chosen, ...], Tensor]:
    """Return the choice of each group, and its squared errors, (blocks, groups)."""
    lookbacks = sweep.lookbacks
    errors = torch.stack(
        in_threads(lambda block: block.errors(lookbacks, sweep.penalties, sweep.horizons), blocks)
    ).nan_to_num(math.inf)
    best = errors.sum(dim=0).argmin(dim=2)  # (lookbacks, groups)
    least = errors.gather(3, best.expand(len(blocks), -1, -1).unsqueeze(3)).squeeze(3)
    total = least.sum(dim=(0, 2))
    near = (total <= (1 + NEAR) * total.min()).nonzero().flatten().tolist()
    sizes = tuple(lookbacks[place] for place in near)
    ways = [
        (sizes, tuple(sweep.penalties[place] for place in best[near, group].tolist()))
        for group in range(len(sweep.groups))
    ]
    squares = least[:, near[0]]
    if len(near) > 1:
        averaged = [Chosen(*way, math.nan) for way in ways]
        maps = _maps(blocks, averaged, sweep)
        squares = _scored(blocks, maps, sweep)
    repeated = torch.stack([block.repeated(sweep.horizons) for block in blocks])
    chosen = []
    for group, (first, stop) in enumerate(sweep.groups):
        way = ways[group]
        if repeated[:, group].sum() <= squares[:, group].sum():
            way, squares[:, group] = LAST_VALUE, repeated[:, group]
        count = (stop - first) * sum(block.held.count for block in blocks)
        chosen.append(Chosen(*way, float(squares[:, group].sum()) / count))
    return tuple(chosen), squares


def _maps(blocks: list[Block], chosen: Sequence[Chosen], sweep: Sweep) -> list[Tensor]:
    """Return the maps fitted without each block, (steps, longest look-back), for raw windows."""

    def fitted(block: Block) -> Tensor:
        return chosen_map(lambda _: block.fitted, chosen, sweep.groups, sweep.lookbacks[-1])

    return in_threads(fitted, blocks)


def _scored(blocks: list[Block], maps: list[Tensor], sweep: Sweep) -> Tensor:
    """Return the squared errors of maps on their blocks, (blocks, groups)."""
    pairs = zip(blocks, maps, strict=True)
    return torch.stack(in_threads(lambda pair: pair[0].scored(pair[1], sweep.horizons), pairs))


def _own(
    channel: Tensor, shared: list[Tensor], sweep: Sweep, share: float
) -> tuple[float | None, ...]:
    """Return the penalty of a channel's change of the shared map; None where it is not clear.

    Args:
        channel: (time, 1).
        shared: the shared maps without each block, for raw windows of the look-back.
        sweep: what is tried.
        share: of the seasonal profile, that is taken off.
    """
    blocks = blocks_of(sweep.sums(channel), sweep.blocks, sweep.season or 1, share)
    pairs = zip(blocks, shared, strict=True)
    errors = torch.stack(
        [block.own_errors(weight, OWN_PENALTIES, sweep.horizons) for block, weight in pairs]
    ).nan_to_num(math.inf)  # (blocks, groups, 1 + penalties)
    best = errors[..., 1:].sum(dim=0).argmin(dim=1)
    least = errors[..., 1:].gather(2, best.expand(len(blocks), -1).unsqueeze(2)).squeeze(2)
    clear = _clear(errors[..., 0] - least)
    pairs = zip(best.tolist(), clear.tolist(), strict=True)
    return tuple(OWN_PENALTIES[place] if better else None for place, better in pairs)
