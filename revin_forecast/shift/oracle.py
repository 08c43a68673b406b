"""The error of the best possible forecast, where the process is known."""

import numpy as np

from revin_forecast.shift.cells import Cell
from revin_forecast.shift.keys import digest, facts_of
from revin_forecast.shift.means import horizon_mean, observed_mean
from revin_forecast.shift.windows import (
    ShiftedWindows,
    clean_truth,
    clean_windows,
    shifted_windows,
)
from revin_forecast.shift.world import World


def oracle_error(world: World, cell: Cell | None, stride: int) -> float:
    """Return the MASE* of the conditional expectation, the shift being known; NaN: not known.

    Args:
        world: the data.
        cell: with a shift; None: the data as they are.
        stride: steps between windows.
    """
    if world.source is None:
        return float("nan")
    key = ("oracle", None if cell is None else _place(cell), stride)
    return float(world.once(key, lambda: np.array(_error(world, cell, stride))))


def _place(cell: Cell) -> tuple[object, ...]:
    return (digest(facts_of(cell.shift)), cell.placement, cell.severity, cell.age, cell.seed)


def _error(world: World, cell: Cell | None, stride: int) -> float:
    source = world.source
    assert source is not None
    if cell is None or cell.shift is None:
        windows = clean_windows(world, stride)
        return _scored(world, windows, windows.past.double().numpy())
    windows = shifted_windows(world, cell, stride)
    if windows.restore is not None:  # who knows the shift can undo it
        clean = world.values[windows.starts[:, None] + np.arange(world.lookback)]
        if cell.shift.semantics == "observation" and not cell.shift.reversible:
            clean = np.where(
                windows.past.double().numpy() == clean.astype(np.float32), clean, np.nan
            )
        return _scored(world, windows, clean)
    moved = source.variant(cell.shift.name, cell.shift.variant_knob(cell.severity))
    if moved is None or cell.placement != "steady":
        return float("nan")
    past = windows.past.double().numpy()
    forecast = moved.expectation(past, windows.starts, world.horizon)
    return _mase(world, forecast - windows.truth)


def _scored(world: World, windows: ShiftedWindows, past: np.ndarray) -> float:
    assert world.source is not None
    forecast = world.source.expectation(past, windows.starts, world.horizon)
    return _mase(world, forecast - clean_truth(world, windows.starts))


def _mase(world: World, error: np.ndarray) -> float:
    used = world.usable
    return float(observed_mean(horizon_mean(np.abs(error))[:, used] / world.naive_scale[used]))
