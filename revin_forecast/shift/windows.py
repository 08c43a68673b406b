"""Windows of a world before and after it moved, as few large arrays."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from revin_forecast.shift.base import Moment
from revin_forecast.shift.cells import Cell
from revin_forecast.shift.means import observed_mean
from revin_forecast.shift.world import World

BYTES_AT_ONCE = 4 * 2**20
"""Of look-backs that a model gets in one call: as much as stays in the caches."""


@dataclass(frozen=True, eq=False)
class ShiftedWindows:
    """The windows of one cell."""

    past: Tensor
    """(windows, lookback, channels): what the model sees."""
    truth: np.ndarray
    """(windows, horizon, channels): what came true in the world as it is measured."""
    starts: np.ndarray
    """(windows,) first row of each."""
    partner: np.ndarray
    """(windows,) number of the clean window that holds the same data."""
    displacement: float
    """Root mean square of what was moved, in training deviations."""
    restore: Callable[[np.ndarray], np.ndarray] | None = None
    """Pulls forecasts back into the clean world; None: the truth itself has moved."""
    moves_truth: bool = True
    """Whether the truth is another than the clean one."""


def window_starts(world: World, stride: int) -> np.ndarray:
    """Return the first rows of all windows that are scored."""
    return np.arange(world.start, len(world.values) - world.width + 1, stride)


def clean_windows(world: World, stride: int, dtype: torch.dtype = torch.float32) -> ShiftedWindows:
    """Return the windows of the data as they are."""
    starts = window_starts(world, stride)
    view = _strided(world.values[world.start :], world.width, stride)
    past, truth = _seen(view, world.lookback, dtype), view[:, world.lookback :]
    return ShiftedWindows(past, truth, starts, np.arange(len(starts)), 0.0)


def clean_truth(world: World, starts: np.ndarray) -> np.ndarray:
    """Return (windows, horizon, channels): what came true in the data as they are."""
    if len(starts) < 2:
        return world.values[starts[:, None] + np.arange(world.lookback, world.width)]
    stride = int(starts[1] - starts[0])
    view = _strided(world.values[world.start :], world.width, stride)
    return view[: len(starts), world.lookback :]


def shifted_windows(
    world: World, cell: Cell, stride: int, dtype: torch.dtype = torch.float32
) -> ShiftedWindows:
    """Return the windows of a cell with a shift, look-backs in the dtype of the model.

    Windows that would need more data than there are (a faster clock) are left out.
    """
    if cell.placement in ("transition", "horizon"):
        return _in_transition(world, cell, stride, dtype)
    shift = cell.shift
    assert shift is not None
    whole = Moment.steady(world, world.steps)
    moved = shift.move(world, whole, cell.severity, cell.seed)
    starts = window_starts(world, stride)
    last = shift.reach(starts - world.start + world.width - 1, cell.severity)
    starts = starts[last < world.steps]
    partner = np.rint(shift.reach(starts - world.start, cell.severity) / stride).astype(int)
    clean = _strided(world.values[world.start :], world.width, stride)[: len(starts)]
    view = _strided(moved, world.width, stride)[: len(starts)]
    lookback = world.lookback
    if shift.semantics == "observation":
        past, truth = _seen(view, lookback, dtype), clean[:, lookback:]
        moved_by = _root_mean_square(view[:, :lookback] - clean[:, :lookback])
        kept: Callable[[np.ndarray], np.ndarray] = lambda forecast: forecast  # noqa: E731
        return ShiftedWindows(past, truth, starts, partner, moved_by, kept, moves_truth=False)
    past, truth = _seen(view, lookback, dtype), view[:, lookback:]
    moved_by = _root_mean_square(moved - world.values[world.start :])
    rows = starts[:, None] + np.arange(lookback, world.width)
    restore = _restorer(world, cell, Moment(rows, rows - world.start))
    return ShiftedWindows(past, truth, starts, partner, moved_by, restore)


def _in_transition(world: World, cell: Cell, stride: int, dtype: torch.dtype) -> ShiftedWindows:
    shift = cell.shift
    assert shift is not None
    starts = window_starts(world, stride)
    onsets = starts + world.lookback - cell.age
    reach = int(shift.reach(np.array([world.horizon + cell.age - 1]), cell.severity)[0])
    starts = starts[onsets + reach < len(world.values)]
    at = Moment.transition(world, starts, cell.age)
    view = shift.move(world, at, cell.severity, cell.seed)
    moved_by = _root_mean_square(view - world.values[at.rows])
    future = Moment(at.rows[:, world.lookback :], at.elapsed[..., world.lookback :])
    past, truth = _seen(view, world.lookback, dtype), view[:, world.lookback :]
    restore = _restorer(world, cell, future)
    return ShiftedWindows(past, truth, starts, np.arange(len(starts)), moved_by, restore)


def _restorer(
    world: World, cell: Cell, future: Moment
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the inverse of a shift over the windows' horizons, if it has one."""
    shift = cell.shift
    assert shift is not None
    nothing = np.zeros((*future.rows.shape, world.channels))
    if shift.restore(world, future, cell.severity, nothing, cell.seed) is None:
        return None

    def restore(forecast: np.ndarray) -> np.ndarray:
        restored = shift.restore(world, future, cell.severity, forecast, cell.seed)
        assert restored is not None
        return restored

    return restore


@torch.inference_mode()
def forecasts(model: nn.Module, past: Tensor) -> np.ndarray:
    """Return a model's forecasts (windows, horizon, channels) float64, in few large batches."""
    size = max(1, BYTES_AT_ONCE // max(1, past[:1].nbytes))
    parts = [model(past[first : first + size]) for first in range(0, len(past), size)]
    return torch.cat(parts).double().numpy()


def _strided(rows: np.ndarray, width: int, stride: int) -> np.ndarray:
    """Return every `stride`-th window (windows, width, channels) as a view."""
    view = np.lib.stride_tricks.sliding_window_view(rows, width, axis=0, writeable=True)
    return view[::stride].transpose(0, 2, 1)


def _seen(view: np.ndarray, lookback: int, dtype: torch.dtype) -> Tensor:
    """Return the look-backs of windows as a model gets them."""
    # Copied into memory as torch aligns it: a matrix product may round by where its operands lie.
    return torch.from_numpy(view[:, :lookback]).to(dtype).contiguous()


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(observed_mean(np.square(values))))
