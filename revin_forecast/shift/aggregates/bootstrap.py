"""The mean error of each cell, drawn again: what every interval of the aggregates rests on."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from revin_forecast.shift.statistics import bootstrap_means

WindowErrors = Mapping[str, np.ndarray]
"""cell_key -> (windows,) errors; the same windows for all models in one cell of a data set."""


def dataset_seed(dataset: str) -> int:
    """Return what a data set's draws begin with: each has its own, whatever others there are."""
    return int.from_bytes(hashlib.sha256(dataset.encode()).digest()[:4], "big")


def bootstrap_log_means(
    table: pd.DataFrame, errors: WindowErrors, resamples: int, seed: int
) -> Float[np.ndarray, "cells resamples"]:
    """Return the logarithms of each cell's redrawn mean error, float32 to save memory.

    NaN for cells without window errors or block length, with too few windows, or where all drawn
    are 0. All cells are redrawn alike, so that what models and shifts share cancels in a ratio.

    Args:
        table: the done cells of one data set.
        errors: of their windows.
        resamples: draws.
        seed: of the draws.
    """
    drawn = np.full((len(table), resamples), np.nan)
    keys, blocks = table.cell_key.to_numpy(), table.block_len.to_numpy(np.float64)
    sizes = [len(errors[key]) if key in errors else 0 for key in keys]
    kinds: dict[tuple[int, int], list[int]] = {}
    for row, (size, block) in enumerate(zip(sizes, blocks, strict=True)):
        if size and block >= 1:
            kinds.setdefault((size, int(block)), []).append(row)
    for (_, block), rows in kinds.items():
        stacked = np.stack([errors[key] for key in keys[rows]]).astype(np.float64)
        drawn[rows] = bootstrap_means(stacked, block, resamples, seed)
    _draw_natural_cells(drawn, table, errors, resamples, seed)
    there = drawn > 0
    np.log(drawn, where=there, out=drawn)
    drawn[~there] = np.nan
    _fill_short_cells(drawn, table, np.array(sizes))
    return drawn.astype(np.float32)


def _fill_short_cells(drawn: np.ndarray, table: pd.DataFrame, sizes: np.ndarray) -> None:
    """Let cells with too few windows for a draw stand at their mean, where others are drawn.

    A much faster clock leaves less than two blocks of a short series. One such cell would take the
    interval from every mean over many; held, it adds nothing to that interval's width.
    """
    shifted = ~table.placement.isin(("clean", "natural")).to_numpy()
    known = np.isfinite(drawn).all(axis=1)
    if (known & shifted).any():
        errors = table.mase_pb.to_numpy(float)
        held = shifted & ~known & (sizes > 0) & (errors > 0)
        drawn[held] = np.log(errors[held])[:, None]


def _draw_natural_cells(
    drawn: np.ndarray, table: pd.DataFrame, errors: WindowErrors, resamples: int, seed: int
) -> None:
    """Fill in the cells of natural shift: some of the windows of the same run's clean cell.

    Blocks are of all windows, those outside the part left out, as the part's own are no neighbours.
    """
    keys, runs = table.cell_key.to_numpy(), table.run_key.to_numpy()
    blocks, placements = table.block_len.to_numpy(float), table.placement.to_numpy()
    natural = [row for row in np.flatnonzero(placements == "natural") if keys[row] in errors]
    for first in np.flatnonzero((placements == "clean") & (blocks >= 1)):
        rows = [row for row in natural if runs[row] == runs[first]]
        if not rows or keys[first] not in errors:
            continue
        every = errors[keys[first]].astype(np.float64)
        member = _window_membership(every, [errors[keys[row]] for row in rows])
        pair = np.concatenate([np.where(member, every, 0), member])
        total, share = np.split(bootstrap_means(pair, int(blocks[first]), resamples, seed), 2)
        # Where errors are equal, it can't be told which windows the part holds.
        clear = member.sum(axis=1) == [len(errors[keys[row]]) for row in rows]
        where = (share > 0) & clear[:, None]
        drawn[rows] = np.divide(total, share, where=where, out=np.full(total.shape, np.nan))


def _window_membership(every: np.ndarray, parts: list[np.ndarray]) -> np.ndarray:
    """Return which of all windows each part holds, told by their errors."""
    order = np.argsort(every, kind="stable")
    value = np.concatenate(parts).astype(np.float64)
    place = order[np.minimum(np.searchsorted(every[order], value), len(every) - 1)]
    part = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    same = every[place] == value
    member = np.zeros((len(parts), len(every)), dtype=bool)
    member[part[same], place[same]] = True
    return member
