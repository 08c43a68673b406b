"""The error of the best possible forecast of a known process."""

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset, observed_mean
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.windows import (
    ShiftedWindows,
    clean_targets,
    clean_windows,
    shifted_windows,
)
from revin_forecast.shift.suite.fingerprint import fingerprint, shift_parameters


def oracle_error(dataset: ShiftDataset, cell: Cell | None, stride: int) -> float:
    """Return the MASE* of the conditional expectation, given the shift; NaN if it is unknown.

    Args:
        dataset: the data.
        cell: cell with a shift; None: the clean data.
        stride: steps between windows.
    """
    if dataset.process is None:
        return float("nan")
    key = ("oracle", None if cell is None else _cell_cache_key(cell), stride)
    return float(
        dataset.get_or_compute(key, lambda: np.array(_compute_oracle(dataset, cell, stride)))
    )


def _cell_cache_key(cell: Cell) -> tuple[object, ...]:
    return (
        fingerprint(shift_parameters(cell.shift)),
        cell.placement,
        cell.severity,
        cell.age,
        cell.seed,
    )


def _compute_oracle(dataset: ShiftDataset, cell: Cell | None, stride: int) -> float:
    process = dataset.process
    assert process is not None
    if cell is None or cell.shift is None:
        windows = clean_windows(dataset, stride)
        return _score_clean(dataset, windows, windows.past.double().numpy())
    windows = shifted_windows(dataset, cell, stride)
    if windows.restore is not None:  # a forecaster that knows the shift can undo it
        clean = dataset.values[windows.starts[:, None] + np.arange(dataset.lookback)]
        if cell.shift.semantics == "observation" and not cell.shift.is_correctable:
            # The oracle knows which readings are wrong or missing, but can only leave them out.
            clean = np.where(
                windows.past.double().numpy() == clean.astype(np.float32), clean, np.nan
            )
        return _score_clean(dataset, windows, clean)
    variant = process.make_variant(cell.shift.name, cell.shift.process_parameter(cell.severity))
    # In a transition the look-back has rows of both processes, whose expectation is not known.
    if variant is None or cell.placement != "steady":
        return float("nan")
    past = windows.past.double().numpy()
    forecast = variant.expectation(past, windows.starts, dataset.horizon)
    return float(observed_mean(dataset.scale_errors(forecast - windows.targets)))


def _score_clean(dataset: ShiftDataset, windows: ShiftedWindows, past: np.ndarray) -> float:
    assert dataset.process is not None
    forecast = dataset.process.expectation(past, windows.starts, dataset.horizon)
    error = forecast - clean_targets(dataset, windows.starts)
    return float(observed_mean(dataset.scale_errors(error)))
