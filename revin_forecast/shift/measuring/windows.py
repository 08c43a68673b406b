"""Windows of the data before and after a shift, as few large arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.models.quantiles import predict_quantiles
from revin_forecast.shift.dataset import ShiftDataset, observed_mean
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.shift import AffineShift, ShiftOnset
from revin_forecast.utils.shapes import Past

MAX_BATCH_BYTES = 4 * 2**20
"""Limit on the look-backs of one call of a model: as many as stay in the processor's caches."""


@dataclass(frozen=True, eq=False)
class ShiftedWindows:
    """The windows of one cell."""

    past: Past
    """(windows, lookback, channels) look-backs that the model receives."""
    targets: np.ndarray
    """(windows, horizon, channels) truth in the data that the cell measures."""
    starts: np.ndarray
    """(windows,) first row of each window."""
    clean_indices: np.ndarray
    """(windows,) number of the clean window with the same data."""
    displacement: float
    """Root mean square of the change, in training deviations."""
    restore: Callable[[np.ndarray], np.ndarray] | None = None
    """Pulls forecasts back to the clean data; None: the shift has no inverse."""
    gain: np.ndarray | None = None
    """Broadcastable to the targets: the inverse of the shift divides errors by it. None if there is
    no such inverse, or the factor is 1."""
    has_curved_inverse: bool = False
    """Whether errors alone can't be pulled back, as the inverse differs from gain and offset."""
    has_shifted_targets: bool = True
    """Whether the truth differs from the clean truth."""
    readings: np.ndarray | None = None
    """(steps, channels) rows from the first test look-back on, as they are read; None if each
    window has a series of its own, or for windows before the test part."""


def window_starts(dataset: ShiftDataset, stride: int) -> np.ndarray:
    """Return the first rows of all scored windows."""
    return np.arange(dataset.start, len(dataset.values) - dataset.width + 1, stride)


def clean_windows(
    dataset: ShiftDataset, stride: int, dtype: torch.dtype = torch.float32
) -> ShiftedWindows:
    """Return the windows of the clean data."""
    starts = window_starts(dataset, stride)
    view = _window_view(dataset.values[dataset.start :], dataset.width, stride)
    past, truth = _lookback_tensor(view, dataset.lookback, dtype), view[:, dataset.lookback :]
    numbers, readings = np.arange(len(starts)), dataset.values[dataset.start :]
    return ShiftedWindows(past, truth, starts, numbers, 0.0, readings=readings)


def validation_windows(
    dataset: ShiftDataset, most: int, dtype: torch.dtype = torch.float32
) -> ShiftedWindows | None:
    """Return evenly spaced windows whose horizons are validation rows; None if there is no room.

    Args:
        dataset: the data.
        most: largest number of windows.
        dtype: dtype of the look-backs.
    """
    first, end = dataset.validation_rows
    count = end - first - dataset.width + 1
    if count < 1:
        return None
    stride = -(-count // most)
    view = _window_view(dataset.values[first:end], dataset.width, stride)
    starts = first + stride * np.arange(len(view))
    past, truth = _lookback_tensor(view, dataset.lookback, dtype), view[:, dataset.lookback :]
    return ShiftedWindows(past, truth, starts, np.arange(len(starts)), 0.0)


def clean_targets(dataset: ShiftDataset, starts: np.ndarray) -> np.ndarray:
    """Return the clean truth (windows, horizon, channels)."""
    if len(starts) < 2:
        return dataset.values[starts[:, None] + np.arange(dataset.lookback, dataset.width)]
    stride = int(starts[1] - starts[0])
    view = _window_view(dataset.values[dataset.start :], dataset.width, stride)
    return view[: len(starts), dataset.lookback :]


def shifted_windows(
    dataset: ShiftDataset, cell: Cell, stride: int, dtype: torch.dtype = torch.float32
) -> ShiftedWindows:
    """Return the windows of a cell with a shift, look-backs in the dtype of the model.

    Windows that need rows past the end of the data (under a faster clock) are left out.
    """
    if cell.placement in ("transition", "horizon"):
        return _transition_windows(dataset, cell, stride, dtype)
    shift = cell.shift
    assert shift is not None
    onset = ShiftOnset.from_test_start(dataset, dataset.steps)
    shifted = shift.apply_severity(dataset, onset, cell.severity, cell.seed)
    starts = window_starts(dataset, stride)
    # A faster clock reads rows beyond the window; these must exist, too.
    last = shift.to_clean_steps(starts - dataset.start + dataset.width - 1, cell.severity)
    starts = starts[last < dataset.steps]
    # The clean window with the nearest first row is the one to compare with.
    partner = np.rint(shift.to_clean_steps(starts - dataset.start, cell.severity) / stride).astype(
        int
    )
    clean = _window_view(dataset.values[dataset.start :], dataset.width, stride)[: len(starts)]
    view = _window_view(shifted, dataset.width, stride)[: len(starts)]
    lookback = dataset.lookback
    if shift.semantics == "observation":
        lookbacks = shift.fill_lookbacks(view[:, :lookback], clean[:, :lookback])
        past, truth = _lookback_tensor(lookbacks, lookback, dtype), clean[:, lookback:]
        displacement = _root_mean_square(lookbacks - clean[:, :lookback])
        # The truth is clean already, so the inverse is the identity.
        identity: Callable[[np.ndarray], np.ndarray] = lambda forecast: forecast  # noqa: E731
        return ShiftedWindows(
            past,
            truth,
            starts,
            partner,
            displacement,
            identity,
            has_shifted_targets=False,
            readings=shifted,
        )
    past, truth = _lookback_tensor(view, lookback, dtype), view[:, lookback:]
    displacement = _root_mean_square(shifted - dataset.values[dataset.start :])
    rows = starts[:, None] + np.arange(lookback, dataset.width)
    onset = ShiftOnset(rows, rows - dataset.start)
    inverse = _make_inverse(dataset, cell, onset)
    return ShiftedWindows(past, truth, starts, partner, displacement, *inverse, readings=shifted)


def _transition_windows(
    dataset: ShiftDataset, cell: Cell, stride: int, dtype: torch.dtype
) -> ShiftedWindows:
    shift = cell.shift
    assert shift is not None
    starts = window_starts(dataset, stride)
    onsets = starts + dataset.lookback - cell.age
    reach = int(shift.to_clean_steps(np.array([dataset.horizon + cell.age - 1]), cell.severity)[0])
    starts = starts[onsets + reach < len(dataset.values)]
    onset = ShiftOnset.from_windows(dataset, starts, cell.age)
    view = shift.apply_severity(dataset, onset, cell.severity, cell.seed)
    clean = _window_view(dataset.values[dataset.start :], dataset.width, stride)[: len(starts)]
    displacement = _root_mean_square(view - clean)
    future = ShiftOnset(onset.rows[:, dataset.lookback :], onset.elapsed[..., dataset.lookback :])
    past, truth = _lookback_tensor(view, dataset.lookback, dtype), view[:, dataset.lookback :]
    inverse = _make_inverse(dataset, cell, future)
    numbers = np.arange(len(starts))
    return ShiftedWindows(past, truth, starts, numbers, displacement, *inverse)


def _make_inverse(
    dataset: ShiftDataset, cell: Cell, onset: ShiftOnset
) -> tuple[Callable[[np.ndarray], np.ndarray] | None, np.ndarray | None, bool]:
    """Return restore, gain and has_curved_inverse over the windows' horizons, all after the onset.

    The inverse of x' = gain x + offset maps an error e' of shifted data to e' / gain.
    """
    shift = cell.shift
    assert shift is not None

    def restore(forecast: np.ndarray) -> np.ndarray:
        restored = shift.restore(dataset, onset, cell.severity, forecast, cell.seed)
        assert restored is not None
        return restored

    if cell.severity == 0:
        return restore, None, False
    # A subclass may have another inverse than that of its gain and offset.
    if isinstance(shift, AffineShift) and type(shift).restore is AffineShift.restore:
        rng = dataset.random_generator(shift.name, cell.seed)
        gain, _ = shift.gain_and_offset(dataset, onset, shift.knobs[cell.severity], rng)
        return restore, None if (gain == 1).all() else gain, False
    zeros = np.zeros((*onset.rows.shape, dataset.channels))
    if shift.restore(dataset, onset, cell.severity, zeros, cell.seed) is None:
        return None, None, False
    return restore, None, True


@torch.inference_mode()
def forecast_windows(model: nn.Module, past: Past) -> np.ndarray:
    """Return a model's forecasts (windows, horizon, channels) float64, in few large batches."""
    # By bytes, not by windows: windows differ in length and channels between suites.
    size = max(1, MAX_BATCH_BYTES // max(1, past[:1].nbytes))
    parts = [model(past[first : first + size]) for first in range(0, len(past), size)]
    return torch.cat(parts).double().numpy()


@torch.inference_mode()
def forecast_quantiles(model: nn.Module, past: Past, levels: Sequence[float]) -> np.ndarray | None:
    """Return a model's own quantiles (windows, horizon, channels, levels) float64.

    None for a model of points, and for one that was trained on other levels.
    """
    trained: Sequence[float] = getattr(model, "levels", ())
    if not trained:
        return None
    size, parts = max(1, MAX_BATCH_BYTES // max(1, past[:1].nbytes)), []
    for first in range(0, len(past), size):
        try:
            parts.append(predict_quantiles(model, past[first : first + size], levels))
        except InputError:  # it lacks a level
            return None
    return torch.cat(parts).double().numpy()


def _window_view(rows: np.ndarray, width: int, stride: int) -> np.ndarray:
    """Return every `stride`-th window (windows, width, channels) as a view."""
    view = np.lib.stride_tricks.sliding_window_view(rows, width, axis=0, writeable=True)
    return view[::stride].transpose(0, 2, 1)


def _lookback_tensor(view: np.ndarray, lookback: int, dtype: torch.dtype) -> Past:
    """Return the look-backs of windows as the model's input."""
    # Copied into memory that torch aligns: the rounding of a matrix product may depend on the
    # alignment of its operands.
    return torch.from_numpy(view[:, :lookback]).to(dtype).contiguous()


def _root_mean_square(values: np.ndarray) -> float:
    flat = values.reshape(-1)
    total = float(flat @ flat)  # without an array of the squares
    if np.isfinite(total):
        return float(np.sqrt(total / len(flat)))
    return float(np.sqrt(observed_mean(np.square(values))))
