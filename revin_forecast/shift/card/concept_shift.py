"""Concept shift: whether the errors of a frozen forecast differ between held-out and test rows."""

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from revin_forecast.shift.card.energy_distance import energy_distance, sample_starts

RIDGE_PENALTY = 1e-3
MAX_FIT_ROWS = 4096
"""Limit on the rows of the fit: with gaps, its time grows with each row."""

MAX_PHASES = 8
"""Parts of a season; errors are compared between equal parts only."""


def concept_shift(
    values: np.ndarray, train: int, test_start: int, season: int, sizes: tuple[int, int]
) -> float:
    """Return the energy distance between a frozen Ridge's errors on training and on test rows.

    The Ridge is solved on the first half of the training rows, inside RevIN so that a shift of the
    level has no effect. Its errors on the second half, held out from the fit, are compared with
    its errors on the test rows at equal phases of the season.

    Args:
        values: a channel (time,), standardized; NaN is unobserved.
        train: number of training rows, from the first row on.
        test_start: first test row.
        season: rows of one season.
        sizes: look-back and horizon.
    """
    lookback, horizon = sizes
    half, width = train // 2, lookback + horizon
    fit_rows = torch.from_numpy(values[max(0, half - MAX_FIT_ROWS) : half].astype(np.float64))
    if half < 2 * width or not fit_rows.isfinite().any():
        return float("nan")
    model = Reversible(
        Ridge(lookback, horizon, 1, penalties=[RIDGE_PENALTY]), RevIN(1, affine=False)
    )
    fit_ridge(model, fit_rows.unsqueeze(1))
    held_out, test = (
        _forecast_errors(model, values[first:stop], sizes)
        for first, stop in ((half, train), (test_start - lookback, len(values)))
    )
    # Few parts of a long season: each needs enough windows to compare.
    parts = min(MAX_PHASES, season)
    phases = tuple(
        (first + starts) % season * parts // season
        for first, (_, starts) in ((half, held_out), (test_start - lookback, test))
    )
    return energy_distance(held_out[0], test[0], (phases[0], phases[1]))


def _forecast_errors(
    model: Reversible, rows: np.ndarray, sizes: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return errors (windows, horizon) and first rows of a sample of windows of rows (time,)."""
    lookback, horizon = sizes
    if len(rows) < lookback + horizon:
        return np.empty((0, horizon)), np.empty(0, int)
    all_windows = sliding_window_view(rows, lookback + horizon)
    starts = sample_starts(len(all_windows))
    windows = torch.from_numpy(all_windows[starts].astype(np.float32)).unsqueeze(2)
    past, future = windows[:, :lookback], windows[:, lookback:]
    with torch.inference_mode():
        errors = (future - model(past)).squeeze(2).double().numpy()
    is_usable = np.isfinite(all_windows[starts, :lookback]).mean(axis=1) >= 0.5
    return errors[is_usable], starts[is_usable]
