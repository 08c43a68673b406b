"""Bootstrap draws of each cell's mean error, the basis of all intervals of the aggregates."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from revin_forecast.shift.statistics import bootstrap_means

WindowErrors = Mapping[str, np.ndarray]
"""(windows,) errors by cell_key; in one cell of a data set all models have the same windows."""
MIN_ERROR = 1e-6
"""Smallest error that has a meaning, in units of the naive training error: about the rounding of
float32. Smaller ones, 0 included, count as this, so that every cell has a logarithm."""


def dataset_seed(dataset: str) -> int:
    """Return the random seed of a data set's draws, independent of the other data sets."""
    # Hashed from the name: adding a data set must not change the draws of another.
    return int.from_bytes(hashlib.sha256(dataset.encode()).digest()[:4], "big")


def bootstrap_log_means(
    table: pd.DataFrame, errors: WindowErrors, resamples: int, seed: int
) -> Float[np.ndarray, "cells resamples"]:
    """Return the logarithms of each cell's resampled mean error, float32 to save memory.

    NaN for cells without window errors or block length, or with too few windows. All cells are
    resampled alike, so that errors shared by models or shifts cancel in a ratio.

    Args:
        table: the done cells of one data set.
        errors: their window errors.
        resamples: number of draws.
        seed: random seed of the draws.
    """
    draws = np.full((len(table), resamples), np.nan)
    keys, blocks = table.cell_key.to_numpy(), table.block_len.to_numpy(np.float64)
    sizes = [len(errors[key]) if key in errors else 0 for key in keys]
    # Cells with equally many windows and equal blocks share their draws: resample them at once.
    rows_by_size: dict[tuple[int, int], list[int]] = {}
    for row, (size, block) in enumerate(zip(sizes, blocks, strict=True)):
        if size and block >= 1:
            rows_by_size.setdefault((size, int(block)), []).append(row)
    for (_, block), rows in rows_by_size.items():
        stacked = np.stack([errors[key] for key in keys[rows]]).astype(np.float64)
        draws[rows] = bootstrap_means(stacked, block, resamples, seed)
    _draw_natural_cells(draws, table, errors, resamples, seed)
    np.log(np.maximum(draws, MIN_ERROR), out=draws)
    _fill_short_cells(draws, table, np.array(sizes))
    return draws.astype(np.float32)


def _fill_short_cells(draws: np.ndarray, table: pd.DataFrame, sizes: np.ndarray) -> None:
    """Set the draws of cells with too few windows to their mean, if other cells have draws.

    Under a much faster clock a short series has less than two blocks. A single such cell would
    remove the interval of every mean over many cells. Its constant adds nothing to their width.
    """
    is_shifted = ~table.placement.isin(("clean", "natural")).to_numpy()
    has_draws = np.isfinite(draws).all(axis=1)
    if (has_draws & is_shifted).any():
        errors = np.maximum(table.mase_pb.to_numpy(float), MIN_ERROR)
        is_short = is_shifted & ~has_draws & (sizes > 0)
        draws[is_short] = np.log(errors[is_short])[:, None]


def _draw_natural_cells(
    draws: np.ndarray, table: pd.DataFrame, errors: WindowErrors, resamples: int, seed: int
) -> None:
    """Fill in the cells of natural shift, whose windows are some of those of the clean cell.

    Blocks run over all windows, not only over the part's, which are not neighbours in time.
    """
    keys, runs = table.cell_key.to_numpy(), table.run_key.to_numpy()
    blocks, placements = table.block_len.to_numpy(float), table.placement.to_numpy()
    natural = [row for row in np.flatnonzero(placements == "natural") if keys[row] in errors]
    for first in np.flatnonzero((placements == "clean") & (blocks >= 1)):
        rows = [row for row in natural if runs[row] == runs[first]]
        if not rows or keys[first] not in errors:
            continue
        clean_errors = errors[keys[first]].astype(np.float64)
        is_member = _window_membership(clean_errors, [errors[keys[row]] for row in rows])
        # The mean over a part is a ratio: resampled sum of its errors over resampled size.
        pair = np.concatenate([np.where(is_member, clean_errors, 0), is_member])
        total, share = np.split(bootstrap_means(pair, int(blocks[first]), resamples, seed), 2)
        # Windows with equal errors can't be assigned to a part.
        is_unique = is_member.sum(axis=1) == [len(errors[keys[row]]) for row in rows]
        where = (share > 0) & is_unique[:, None]
        draws[rows] = np.divide(total, share, where=where, out=np.full(total.shape, np.nan))


def _window_membership(clean_errors: np.ndarray, parts: list[np.ndarray]) -> np.ndarray:
    """Return (parts, windows): whether each part has each window, identified by its error."""
    order = np.argsort(clean_errors, kind="stable")
    value = np.concatenate(parts).astype(np.float64)
    nearest = np.minimum(np.searchsorted(clean_errors[order], value), len(clean_errors) - 1)
    window = order[nearest]
    part = np.repeat(np.arange(len(parts)), [len(errors) for errors in parts])
    is_equal = clean_errors[window] == value
    is_member = np.zeros((len(parts), len(clean_errors)), dtype=bool)
    is_member[part[is_equal], window[is_equal]] = True
    return is_member
