"""Example windows for the report."""

import numpy as np

from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.evaluator import Evaluator
from revin_forecast.shift.measuring.windows import (
    ShiftedWindows,
    clean_targets,
    forecast_windows,
    shifted_windows,
)
from revin_forecast.shift.shift import AffineShift, Shift

EXAMPLE_SEVERITY = 3
"""Severity of the examples, or the highest one of a shift with fewer."""
WINDOWS_EACH = 3
"""Number of worst and of median windows."""


def example_rows(
    evaluator: Evaluator, cell: Cell, channel_names: tuple[str, ...]
) -> list[dict[str, object]]:
    """Return the three worst and three median windows of a cell, each in its worst channel.

    Empty for clean cells, transitions and other severities.

    Args:
        evaluator: evaluator of the model.
        cell: the measured cell.
        channel_names: name of each channel.
    """
    shift = cell.shift
    if (
        shift is None
        or cell.age >= 0
        or cell.severity != min(EXAMPLE_SEVERITY, len(shift.knobs) - 1)
    ):
        return []
    dataset = evaluator.dataset
    windows = shifted_windows(dataset, cell, evaluator.stride)
    shifted = forecast_windows(evaluator.model, windows.past)
    restored = shifted if windows.restore is None else windows.restore(shifted)
    target = windows.targets
    if windows.restore is not None:
        target = clean_targets(dataset, windows.starts)
    error = np.nan_to_num(np.abs(restored - target)).mean(axis=1)
    clean = _shift_clean_forecasts(evaluator, windows, shift)
    # By the worst channel, which is the one that is shown.
    order = np.argsort(-error.max(axis=1), kind="stable")
    middle = max(0, len(order) // 2 - 1)
    groups = [("worst", order[:WINDOWS_EACH]), ("median", order[middle : middle + WINDOWS_EACH])]
    rows: list[dict[str, object]] = []
    for kind, numbers in groups:
        for rank, number in enumerate(numbers):
            channel = int(error[number].argmax())
            parts = {
                "past": windows.past[number, :, channel].numpy(),
                "truth": windows.targets[number, :, channel],
                "clean": clean[number, :, channel],
                "shifted": shifted[number, :, channel],
            }
            rows.append(
                {
                    "shift": shift.name,
                    "arm": shift.arm,
                    "severity": cell.severity,
                    "kind": kind,
                    "rank": rank,
                    "channel": channel_names[channel],
                    "t0_index": int(windows.starts[number]),
                    **{name: _round_values(part) for name, part in parts.items()},
                }
            )
    return rows


def _shift_clean_forecasts(
    evaluator: Evaluator, windows: ShiftedWindows, shift: Shift
) -> np.ndarray:
    """Return the forecasts of the clean windows, shifted like the truth."""
    clean = evaluator.clean_errors.forecasts[windows.clean_indices]
    if windows.restore is None or not windows.has_shifted_targets:
        return clean
    if not isinstance(shift, AffineShift):
        return clean + (windows.targets - clean_targets(evaluator.dataset, windows.starts))
    # restore(y) = (y - offset) / gain is affine: its values at 0 and 1 determine it.
    at_zero, at_one = (windows.restore(np.full_like(clean, value)) for value in (0.0, 1.0))
    return (clean - at_zero) / (at_one - at_zero)


def _round_values(values: np.ndarray) -> list[float | None]:
    return [round(float(value), 3) if np.isfinite(value) else None for value in values]
