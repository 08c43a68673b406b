"""Weigh models of single series for every series of a table."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.models.series_intervals import SeriesIntervals
from revin_forecast.selection.expanding_origins import (
    MIN_ROWS,
    choose_origins,
    split_by_length,
)
from revin_forecast.selection.local_calibration import calibrate_blocks
from revin_forecast.selection.local_models import (
    LAST_SEASON,
    LAST_VALUE,
    MAX_ROWS,
    OWN_MAP,
    SHARED_MAP,
    LocalCombination,
    LocalForecasts,
    SeriesBlock,
    combine_local_models,
    compute_own_share,
    mix_short_maps,
)
from revin_forecast.selection.naive_comparison import (
    NaiveComparison,
    compare_with_naive,
    join_comparisons,
)
from revin_forecast.selection.pretrained_member import add_network
from revin_forecast.selection.short_maps import Maps, default_short_lookback
from revin_forecast.selection.validation import MIN_SCALE

MIN_JOINT_ORIGINS = 3
"""Fewest origins at which another model's forecasts are compared."""
MAX_BLOCK_VALUES = 2**24
"""Most values of gathered windows in a block of series: 128 MiB."""


@dataclass(frozen=True, eq=False)
class FurtherForecasts:
    """Forecasts of another model that competes with the models of single series."""

    name: str
    origins: tuple[int, ...]
    """Numbers of rows of the table before each forecast."""
    values: Float[Tensor, "origins horizon channels"]
    """In the units of the values."""
    scale: Float[Tensor, " channels"]
    """Unit of the errors in its MASE; not finite for channels that do not count."""

    def select(self, indices: np.ndarray, first: int) -> "FurtherForecasts":
        """Return the forecasts of some channels, with origins counted from a row."""
        origins = tuple(origin - first for origin in self.origins)
        return FurtherForecasts(self.name, origins, self.values[..., indices], self.scale[indices])


@dataclass(frozen=True, eq=False)
class LocalSelection:
    """Models of single series with their weights, for all channels of a table."""

    rows: Float[Tensor, "time channels"]
    """The last rows of the table."""
    season: int
    blocks: Sequence[tuple[SeriesBlock, LocalCombination]]
    """Channels of similar length."""
    order: Tensor
    """(channels,) position of each channel in the concatenated blocks."""
    seconds: float
    """Time of the selection."""
    scale: Float[Tensor, " channels"]
    """Unit of the errors in MASE; not finite for channels that do not count."""

    @property
    def names(self) -> list[str]:
        """Names of the members, in the order of the weights."""
        return [member.name for member in self.blocks[0][1].members]

    @property
    def window_count(self) -> int:
        """Largest number of origins."""
        return max(len(block.origins) for block, _ in self.blocks)

    @cached_property
    def weights(self) -> Float[Tensor, "members channels"]:
        """Weights of the members; they sum to 1 for each channel."""
        return self.gather(lambda combination: combination.weights)

    @cached_property
    def on_logs(self) -> Bool[Tensor, " channels"]:
        """Whether the short maps of a channel are on logarithms."""
        return self.gather(lambda combination: combination.on_logs)

    @cached_property
    def maps(self) -> Maps:
        """Short map of each channel."""
        joined = torch.cat([combination.maps for _, combination in self.blocks])
        return joined[self.order]

    @property
    def own_share(self) -> Float[Tensor, " channels"]:
        """Share of each channel's own map in its short map."""
        weights = dict(zip(self.names, self.weights, strict=True))
        return compute_own_share(weights[OWN_MAP], weights[SHARED_MAP])

    @property
    def methods(self) -> list[str]:
        """Exponential smoothing with the largest weight in each channel."""
        joined = [name for _, combination in self.blocks for name in combination.methods]
        return [joined[position] for position in self.order.tolist()]

    def gather(self, select: Callable[[LocalCombination], Tensor]) -> Tensor:
        """Return a tensor of all blocks, whose last axis is the channels in their order."""
        joined = torch.cat([select(combination) for _, combination in self.blocks], dim=-1)
        return joined[..., self.order]

    def score_members(self) -> list[float]:
        """Return the MASE of each member at the origins where it has forecasts; NaN without one."""
        errors = self.gather(lambda combination: _mean_size(combination.errors))
        return [self._scale_error(error) for error in errors]

    def score_combination(self) -> float:
        """Return the MASE of the weighted mean; 0 if no error is known."""
        errors = self.gather(lambda combination: _mean_size(combination.residuals[None])[0])
        return float(np.nan_to_num(self._scale_error(errors)))

    def compare_with_naive(self) -> NaiveComparison:
        """Compare the weighted mean with the naive forecast at the origins of each channel."""
        parts = []
        for block, combination in self.blocks:
            errors = dict(zip(self.names, combination.errors, strict=True))
            # Without a season, the second entry replaces the first.
            naive = {block.season: errors[LAST_SEASON], 1: errors[LAST_VALUE]}
            parts.append(compare_with_naive(combination.residuals, naive, block.season))
        return join_comparisons(parts, self.order)

    def _scale_error(self, errors: Float[Tensor, " channels"]) -> float:
        """Return the mean of scaled errors over the channels that have a scale; 0 without one.

        NaN if no error is known.
        """
        if not bool(errors.isfinite().any()):
            return math.nan
        scaled = (errors / self.scale).where(self.scale.isfinite(), torch.nan)
        return float(scaled.nanmean().nan_to_num(0))

    def calibrate(self, zero: Float[Tensor, " channels"]) -> SeriesIntervals:
        """Return intervals of each channel from the errors of its combination.

        Args:
            zero: value of each channel in the final model's windows that stands for 0 here.
        """
        return calibrate_blocks(self.blocks, zero, self.order.numpy())


def select_local(
    values: np.ndarray,
    season: int,
    horizon: int,
    further: FurtherForecasts | None = None,
    has_network: bool = True,
) -> LocalSelection:
    """Weigh models of single series in each channel, by their errors at expanding origins.

    Args:
        values: (time, channels) amounts of order 1, NaN where unobserved; each channel must have a
            value.
        season: steps in a season; 1 without one.
        horizon: steps to forecast.
        further: forecasts of another model, which decide the origins; None: no other model.
        has_network: whether the pretrained network is a member.
    """
    start = time.perf_counter()
    last = len(values) if further is None else further.origins[0]
    first = max(0, last - MAX_ROWS)
    rows = torch.from_numpy(np.ascontiguousarray(values[first:]))
    channels, blocks = [], []
    lookback = default_short_lookback(season, len(rows))
    for indices, begin in _split_channels(rows, lookback):
        part = None if further is None else further.select(indices, first + begin)
        block_values = rows[begin:, indices]
        origins = _choose_block_origins(block_values, season, part)
        block = SeriesBlock(block_values, horizon, season, origins, lookback)
        combination = combine_local_models(block, _to_member(part, block))
        blocks.append((block, add_network(block, combination) if has_network else combination))
        channels.append(indices)
    order = torch.from_numpy(np.argsort(np.concatenate(channels)))
    scale = naive_scale(rows, season, MIN_SCALE) if further is None else further.scale
    return LocalSelection(rows, season, blocks, order, time.perf_counter() - start, scale)


def solve_short_maps(
    values: np.ndarray, lookback: int, horizon: int, own_share: Tensor, on_logs: Tensor
) -> Maps:
    """Return the short map of each channel, solved on all rows with choices made before.

    Args:
        values: (time, channels) amounts of order 1, NaN where unobserved.
        lookback: steps of the windows.
        horizon: steps to forecast.
        own_share: (channels,) weight of a channel's own map; the shared map has the rest.
        on_logs: (channels,) whether the maps of a channel are on logarithms.
    """
    rows = torch.from_numpy(np.ascontiguousarray(values))
    # Later rows of a positive series may not be.
    rows = torch.where(on_logs & (rows <= 0), torch.nan, rows)
    maps = rows.new_zeros(rows.shape[1], horizon, lookback)
    for indices, begin in _split_channels(rows, lookback):
        maps[indices] = mix_short_maps(
            rows[begin:, indices], lookback, horizon, own_share[indices], on_logs[indices]
        )
    return maps


def _split_channels(rows: Tensor, lookback: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the indices of channels of similar length, and the first row of the longest."""
    begin = rows.isfinite().to(torch.int8).argmax(0).numpy()
    size = max(1, MAX_BLOCK_VALUES // (len(rows) * lookback))
    for indices in split_by_length(begin, len(rows)):
        for part in np.split(indices, range(size, len(indices), size)):
            yield part, int(begin[part].min())


def _choose_block_origins(
    values: Tensor, season: int, further: FurtherForecasts | None
) -> tuple[int, ...]:
    """Return the origins of a block: those of another model's forecasts, if these are enough.

    Every series has rows before each origin, even the shortest one.
    """
    latest = int(values.isfinite().to(torch.int8).argmax(0).max())
    if further is not None:
        usable = tuple(origin for origin in further.origins if origin >= latest + MIN_ROWS)
        if len(usable) >= MIN_JOINT_ORIGINS:
            return usable
    return tuple(latest + origin for origin in choose_origins(len(values) - latest, season))


def _to_member(further: FurtherForecasts | None, block: SeriesBlock) -> tuple[LocalForecasts, ...]:
    """Return another model's forecasts as a member; without any at the origins of the block."""
    if further is None:
        return ()
    shape = (len(block.origins), block.horizon, block.values.shape[1])
    if not block.origins or not set(block.origins) <= set(further.origins):
        # Series too short for the origins of the other model do without it.
        nothing = block.values.new_full(shape, torch.nan)
        return (LocalForecasts(further.name, nothing, nothing.new_full(shape[1:], torch.nan)),)
    chosen = [further.origins.index(origin) for origin in block.origins]
    forecasts = further.values[chosen]
    # The model has a forecast from the end, too; its values are not needed for the weights.
    return (LocalForecasts(further.name, forecasts, torch.zeros_like(forecasts[0])),)


def _mean_size(
    errors: Float[Tensor, "members origins horizon series"],
) -> Float[Tensor, "members series"]:
    """Return the mean absolute error over origins and steps; NaN without one."""
    return errors.abs().flatten(1, 2).nanmean(1)
