"""Every look-back, penalty and horizon at once, chosen on blocks of time left out."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from revin_forecast.closed_form.blocks import Block, blocks_of
from revin_forecast.closed_form.swept import LAST_VALUE, Chosen, Sweep, Swept
from revin_forecast.closed_form.threads import in_threads

NEAR = 0.01
"""How much more error than the best a look-back may have to be averaged with it."""


@torch.no_grad()
def sweep_ridge(values: Tensor, sweep: Sweep = Sweep()) -> Swept:  # noqa: B008
    """Choose look-backs and penalties of Ridge inside RevIN, for all horizons at once.

    The sums over the longest windows serve every shorter look-back and horizon; those of a block of
    time are subtracted for a fit without it, and score it; one eigendecomposition a look-back and
    block serves all penalties. Each group of steps, between two horizons, has a penalty of its own.
    Look-backs whose errors over all steps are within one percent of the best one's are averaged
    with equal weights, which are hard to beat (Bates and Granger, 1969). Where all of that loses to
    the last value, that is repeated. A channel's own maps have the look-backs of the shared ones.

    Blocks with past and future around them don't tell whether levels move, so the level is always
    taken away.

    Args:
        values: (time, channels) float64, standardized: training and validation rows. Windows with
            a gap (NaN) are left out.
        sweep: what is tried.

    Raises:
        InputError: too few rows, or windows without a gap, for so many blocks.
    """
    blocks = blocks_of(sweep.sums(values), sweep.blocks)
    shared, _ = _choose(blocks, sweep, sweep.lookbacks)
    sizes = max((one.lookbacks for one in shared), key=max)
    if not sweep.per_channel or values.shape[1] == 1:
        return Swept(sweep, shared, ())
    if sizes == LAST_VALUE[0]:  # where nothing helps all of them there is little for each
        return Swept(sweep, shared, ((None,) * len(shared),) * values.shape[1])
    maps = in_threads(lambda block: _map(block, shared, sweep), blocks)
    del blocks
    channels = values.split(1, dim=1)
    own = in_threads(lambda channel: _own(channel, sizes, maps, sweep), channels)
    return Swept(sweep, shared, tuple(own))


def _choose(
    blocks: list[Block], sweep: Sweep, lookbacks: Sequence[int]
) -> tuple[tuple[Chosen, ...], Tensor]:
    """Return the choice of each group, and its squared errors, (blocks, groups)."""
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
        maps = in_threads(lambda block: _map(block, averaged, sweep), blocks)
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


def _map(block: Block, chosen: Sequence[Chosen], sweep: Sweep) -> Tensor:
    """Return the map fitted without a block, (steps, longest look-back), for raw windows."""
    steps = []
    for one, group in zip(chosen, sweep.groups, strict=True):
        parts = zip(one.lookbacks, one.penalties, strict=True)
        steps.append(torch.stack([block.weight(*part, *group) for part in parts]).mean(dim=0))
    return torch.cat(steps)


def _scored(blocks: list[Block], maps: list[Tensor], sweep: Sweep) -> Tensor:
    """Return the squared errors of maps on their blocks, (blocks, groups)."""

    def errors(pair: tuple[Block, Tensor]) -> Tensor:
        block, weight = pair
        return torch.stack(
            [block.scored(weight[first:stop], first, stop) for first, stop in sweep.groups]
        )

    return torch.stack(in_threads(errors, zip(blocks, maps, strict=True)))


def _own(
    channel: Tensor, lookbacks: tuple[int, ...], shared: list[Tensor], sweep: Sweep
) -> tuple[Chosen | None, ...]:
    """Return a channel's own maps where they beat the shared ones by a standard error.

    That of the mean gain over the blocks (Breiman et al., 1984).

    Args:
        channel: (time, 1).
        lookbacks: those that the shared maps have.
        shared: the shared maps without each block.
        sweep: what is tried.
    """
    blocks = blocks_of(sweep.sums(channel), sweep.blocks)
    chosen, squares = _choose(blocks, sweep, lookbacks)
    gains = _scored(blocks, shared, sweep) - squares
    clear = gains.mean(dim=0) > gains.std(dim=0) / math.sqrt(len(gains))
    pairs = zip(chosen, clear.tolist(), strict=True)
    return tuple(one if better else None for one, better in pairs)
