"""The error of each channel in each cell, with its interval."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from revin_forecast.shift.aggregates.estimates import select_rows
from revin_forecast.shift.statistics import student_radius

CHANNEL_CELL_COLUMNS = ["cell_key", "dataset", "channel", "mase_pb", "lo", "hi"]


def channel_cells(
    cells: pd.DataFrame,
    channels: Mapping[str, np.ndarray],
    blocks: Mapping[str, np.ndarray],
    names: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return one row a cell and channel: MASE* with a 95 % interval from its block means.

    Channels without a scale are left out. There is no interval below two blocks, and none in data
    sets with so many channels that their block means are not kept.

    Args:
        cells: one row a cell.
        channels: (channels,) MASE* by cell_key; cells without them are left out.
        blocks: (blocks, channels) means over blocks of windows by cell_key.
        names: names of the channels by data set.
    """
    used = select_rows(cells, cells.cell_key.isin(list(channels)))
    keys, datasets = used.cell_key.to_numpy(object), used.dataset.to_numpy(object)
    if not len(used):
        return pd.DataFrame(columns=CHANNEL_CELL_COLUMNS)
    counts = [len(channels[key]) for key in keys]
    error = np.concatenate([channels[key] for key in keys])
    radius = np.concatenate(_interval_radii(keys, counts, blocks))
    table = pd.DataFrame(
        {
            # Categories, as each value is repeated by thousands of rows.
            "cell_key": pd.Categorical(np.repeat(keys, counts)),
            "dataset": pd.Categorical(np.repeat(datasets, counts)),
            "channel": pd.Categorical(np.concatenate([names[name] for name in datasets])),
            "mase_pb": error.astype(np.float32),
            "lo": np.maximum(error - radius, 0).astype(np.float32),
            "hi": (error + radius).astype(np.float32),
        }
    )
    return select_rows(table, np.isfinite(error)).reset_index(drop=True)


def _interval_radii(
    keys: np.ndarray, counts: Sequence[int], blocks: Mapping[str, np.ndarray]
) -> list[Float[np.ndarray, " channels"]]:
    """Return the half width of each channel's interval, by cell."""
    radii = [np.full(count, np.nan) for count in counts]
    rows_by_shape: dict[tuple[int, ...], list[int]] = {}
    for row, key in enumerate(keys):
        if key in blocks and len(blocks[key]):
            rows_by_shape.setdefault(blocks[key].shape, []).append(row)
    for rows in rows_by_shape.values():
        means = np.stack([blocks[keys[row]] for row in rows]).astype(np.float64)
        for row, radius in zip(rows, student_radius(means, axis=1), strict=True):
            radii[row] = radius
    return radii
