"""Selection of look-backs and penalties for all horizons at once, on held-out blocks of time."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from revin_forecast.closed_form.admission import Admission, is_significant
from revin_forecast.closed_form.fold_maps import FoldMaps
from revin_forecast.closed_form.robust_trial import RobustTrial
from revin_forecast.closed_form.sweep_maps import (
    LAST_VALUE,
    SweepChoice,
    build_map,
    is_last_value,
)
from revin_forecast.closed_form.sweep_result import SweepGrid, SweepResult
from revin_forecast.closed_form.sweep_selection import SweepSelection
from revin_forecast.closed_form.time_blocks import HeldOutBlock, hold_out_blocks
from revin_forecast.closed_form.transform_trial import DataUnits, choose_transform
from revin_forecast.closed_form.value_transform import is_positive
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.normalizers.level_shares import estimate_level_shares
from revin_forecast.utils.progress import progress
from revin_forecast.utils.threads import thread_map

MAX_EXCESS_ERROR = 0.01
"""Largest relative error above the best look-back's for a look-back in the average."""
PROFILE_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Candidate shares of the seasonal profile to subtract."""
CHANNEL_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)
"""Candidate penalties of a channel's change of the shared map."""


@torch.no_grad()
def sweep_ridge(
    values: Tensor,
    grid: SweepGrid = SweepGrid(),  # noqa: B008
    units: DataUnits | None = None,
) -> SweepResult:
    """Select look-backs and penalties of Ridge inside RevIN, for all horizons at once.

    The sums over the longest windows serve all shorter look-backs and horizons. The sums of a block
    of time are subtracted for a fit without the block, and then score that fit. One
    eigendecomposition per look-back and block serves all penalties. Each group of steps, between
    two horizons, has its own penalty. Look-backs whose total error is within one percent of the
    best are averaged with equal weights, which are hard to beat (Bates and Granger, 1969). If the
    result loses to repeating the last value, the last value is repeated.

    Additions are tried in this order; each is used only if its mean gain over the blocks exceeds
    its standard error (Breiman et al., 1984):

    1. A share of each channel's seasonal profile is subtracted (with a `season`), because a map of
       one window can hardly separate a season that repeats every year from a pattern of that
       window.
    2. A channel's map is the shared map plus a penalized change (`per_channel`; Evgeniou and
       Pontil, KDD 2004), so a channel deviates as far as its own rows support it.
    3. The logarithm or the square root of a positive table takes its place (with `units`), with
       both additions chosen again. Errors are compared in the table's units.
    4. A share of a second solve with robust weights is averaged with the first one (`robust`); see
       `RobustTrial`.

    The level has no candidates, because held-out blocks between past and future rows do not show
    whether levels drift. It is subtracted, or, with `keep_levels`, kept in the share that
    `estimate_level_shares` computes from its own movements.

    Args:
        values: (time, channels) float64, standardized: training and validation rows. Windows with
            a gap (NaN) are left out.
        grid: the candidates.
        units: mean and deviation that the values were standardized with; None: no transformation is
            tried.

    Returns:
        The selected maps, which `SweepResult.solve` fits.

    Raises:
        InputError: there are too few rows, or windows without a gap, for the number of blocks.
    """
    result = _choose_linear(values, grid)
    if _is_last_value(result):
        return SweepResult(result)
    if units is not None and is_positive(values, *units):
        result, admission = choose_transform(values, result, units, _choose_linear)
        result = replace(result, admissions=(*result.admissions, admission))
        if result.transform is not None:
            values = result.transform(values)
    if grid.robust:
        shares, admission = RobustTrial(FoldMaps(values, result)).choose_shares()
        admissions = (*result.admissions, admission)
        result = replace(result, robust_shares=shares, admissions=admissions)
    if grid.keep_levels:
        result = replace(result, level_shares=_choose_level_shares(values, result))
    return SweepResult(result)


def _is_last_value(result: SweepSelection) -> bool:
    return all(map(is_last_value, result.shared_choices))


def _choose_level_shares(values: Tensor, result: SweepSelection) -> tuple[float, ...]:
    """Return the share of each channel's level to keep, 0 where the last value is repeated."""
    if any(map(is_last_value, result.shared_choices)):
        return ()
    profile = result.scaled_profile(values)
    shares = [
        float(estimate_level_shares(series.unsqueeze(1), result.lookback))
        for series in (
            result.subtract_profile(values, profile, channel) for channel in range(values.shape[1])
        )
    ]
    return tuple(shares) if any(shares) else ()


def _choose_linear(values: Tensor, grid: SweepGrid) -> SweepSelection:
    """Select look-backs, penalties, the profile's share and own maps, all by sums alone."""
    sums = grid.window_sums(values)
    blocks = hold_out_blocks(sums, grid.blocks)
    shared, squares = _choose_maps(blocks, grid)
    if all(map(is_last_value, shared)):
        # A map that helps no group of steps on all channels hardly helps a single channel.
        return SweepSelection(grid, shared, ())
    share, admissions = 0.0, ()
    if grid.season is not None:
        share, blocks, gain = _choose_profile_share(sums, blocks, shared, squares, grid)
        admissions = (Admission("seasonal profile", gain, int(share > 0), 1),)
        if share:
            shared, _ = _choose_maps(blocks, grid)
    result = SweepSelection(grid, shared, (), share, admissions=admissions)
    if not grid.per_channel or values.shape[1] == 1:
        return result
    longest = max(max(choice.lookbacks) for choice in shared)
    fitted = thread_map(lambda block: _fit_map(block, shared, grid), blocks)
    maps = [weight[:, -longest:] for weight in fitted]
    del sums, blocks  # frees their memory before each channel has sums of its own
    channels = values.split(1, dim=1)
    with progress("trying a map for each channel", len(channels)) as advance:

        def choose_and_advance(channel: Tensor) -> tuple[tuple[float | None, ...], float, float]:
            penalties = _channel_penalties(channel, maps, grid, share)
            advance()
            return penalties

        chosen = thread_map(choose_and_advance, channels)
    penalties = tuple(choice[0] for choice in chosen)
    parts = [penalty is not None for channel in penalties for penalty in channel]
    gain = sum(choice[1] for choice in chosen) / sum(choice[2] for choice in chosen)
    admission = Admission("own maps", gain, sum(parts), len(parts))
    return replace(result, channel_penalties=penalties, admissions=(*admissions, admission))


def _choose_profile_share(
    sums: WindowSums,
    blocks: list[HeldOutBlock],
    shared: Sequence[SweepChoice],
    squares: Tensor,
    grid: SweepGrid,
) -> tuple[float, list[HeldOutBlock], float]:
    """Return the share of the seasonal profile to subtract, the blocks without it, and its gain.

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
    gains = plain_errors - least_errors
    if best[0] and is_significant(gains):
        return *best, float(gains.sum() / plain_errors.sum())
    return 0.0, blocks, 0.0


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
    least_total = total.min()  # below 0 by rounding if a map is exact
    limit = least_total + MAX_EXCESS_ERROR * least_total.abs()
    near_best = (total <= limit).nonzero().flatten().tolist()
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
) -> tuple[tuple[float | None, ...], float, float]:
    """Return each group's penalty of a channel's change; None if the gain is not significant.

    Also returned are the gain of the selected changes and the error without them, both squared and
    summed over the blocks.

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
    is_better = is_significant(errors[..., 0] - least)
    pairs = zip(best.tolist(), is_better.tolist(), strict=True)
    penalties = tuple(CHANNEL_PENALTIES[index] if better else None for index, better in pairs)
    gains = (errors[..., 0] - least).sum(dim=0)[is_better]
    return penalties, float(gains.sum()), float(errors[..., 0].sum())
