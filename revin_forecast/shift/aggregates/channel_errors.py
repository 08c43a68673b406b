"""The headline of each channel of a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from revin_forecast.shift.aggregates.bootstrap import MIN_ERROR
from revin_forecast.shift.aggregates.estimates import Estimate, add_interval, mean_over_cells
from revin_forecast.shift.aggregates.lacking import describe_lacking
from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS, twin_indices
from revin_forecast.shift.aggregates.panel import MODEL_COLUMNS, Panel

CHANNEL_COLUMNS = ["dataset", "channel", *MODEL_COLUMNS, "column", "mase", "lo", "hi"]
CHANNEL_COLUMNS += ["against_twin", "twin_lo", "twin_hi", "note"]
RESAMPLES = 200
"""Draws of the bootstrap: fewer than for a whole data set, as there are many more intervals."""


@dataclass(frozen=True)
class ChannelErrors:
    """Errors of channels by cell."""

    errors: Mapping[str, np.ndarray] = field(default_factory=dict)
    """(channels,) MASE* by cell_key, NaN for channels without a scale."""
    blocks: Mapping[str, np.ndarray] = field(default_factory=dict)
    """(blocks, channels) means over blocks of consecutive windows by cell_key."""
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names of the channels by data set."""


def channel_errors(panels: Sequence[Panel], channels: ChannelErrors) -> pd.DataFrame:
    """Return each model's error and ratio to its twin in each channel, by data set and placement.

    As in the headline: mase is the geometric mean over the cells of a placement, against_twin the
    logarithm of its ratio to the twin. The intervals resample blocks of windows, and seeds. A model
    that lacks a cell has no figures, and its note names the cells.
    """
    rows: list[tuple[Any, ...]] = []
    for panel in panels:
        if not any(key in channels.errors for key in panel.table.cell_key):
            continue
        logs, draws = _cell_logs(panel, channels)
        twins = twin_indices(panel.models)
        for column in PLACEMENTS:
            mask = panel.placement_mask(column)
            means = [_log_means(panel, n, mask, logs, draws) for n in range(len(panel.models))]
            for number, model in enumerate(panel.models if panel.has_cells(mask) else ()):
                note = describe_lacking([panel], number, [mask])
                twin = twins[number]
                for channel, name in enumerate(channels.names[panel.dataset]):
                    own = means[number][channel]
                    other = None if twin is None else means[twin][channel]
                    if own is not None or note:
                        labels = panel.dataset, str(name), *model, column
                        rows.append((*labels, *_format_figures(own, other), note))
    return pd.DataFrame(rows, columns=CHANNEL_COLUMNS)


def _format_figures(own: Estimate | None, twin: Estimate | None) -> tuple[float, ...]:
    unknown = (np.nan,) * 3
    error = unknown if own is None else add_interval(own).exp()
    ratio = unknown if own is None or twin is None else add_interval(own.minus(twin))
    return *error, *ratio


def _cell_logs(
    panel: Panel, channels: ChannelErrors
) -> tuple[Float[np.ndarray, "cells channels"], Float[np.ndarray, "channels cells resamples"]]:
    """Return log(error) of each done cell and channel, and in draws of blocks; NaN if unknown."""
    keys = panel.table.cell_key.to_numpy(object)
    count = len(channels.names[panel.dataset])
    logs = np.full((len(keys), count), np.nan)
    draws = np.full((count, len(keys), RESAMPLES), np.nan, dtype=np.float32)
    rows_by_size: dict[int, list[int]] = {}
    for row, key in enumerate(keys):
        if key in channels.errors:
            logs[row] = np.log(np.maximum(channels.errors[key], MIN_ERROR))
            rows_by_size.setdefault(len(channels.blocks.get(key, ())), []).append(row)
    has_intervals = any(size >= 2 for size in rows_by_size)
    for size, rows in rows_by_size.items():
        if size < 2:  # too short for draws: its mean in each, if other cells have draws
            draws[:, rows] = logs[rows].T[:, :, None] if has_intervals else np.nan
            continue
        blocks = np.stack([channels.blocks[keys[row]] for row in rows]).astype(np.float64)
        # All cells with equally many blocks are resampled alike: common errors cancel in a ratio.
        rng = np.random.default_rng([panel.seed, size])
        shares = rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) / size
        means = blocks.transpose(2, 0, 1) @ shares.T  # (channels, cells, resamples)
        draws[:, rows] = np.log(np.maximum(means, MIN_ERROR))
    return logs, draws


def _log_means(
    panel: Panel, number: int, mask: np.ndarray, logs: np.ndarray, draws: np.ndarray
) -> list[Estimate | None]:
    """Return a model's mean of log(error) over the cells of a placement, for each channel."""
    if not panel.has_all(number, mask):
        return [None] * logs.shape[1]
    seeds, columns = np.nonzero(panel.required & mask)
    rows = panel.rows[number][seeds, columns]
    values = logs[rows].mean(axis=0)
    return [
        Estimate(float(value), mean_over_cells(draws[channel][rows], seeds, panel.seed))
        if np.isfinite(value)
        else None
        for channel, value in enumerate(values)
    ]
