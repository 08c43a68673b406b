"""Concept shift: whether a frozen forecast errs otherwise on the test rows than on unseen ones."""

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
"""Most rows the forecast is fitted on: with gaps, a fit takes time for each of them."""

MAX_PHASES = 8
"""Parts of a season; errors of one part are compared with errors of the same part."""


def concept_shift(
    values: np.ndarray, train: int, test_start: int, season: int, sizes: tuple[int, int]
) -> float:
    """Return the energy distance between a frozen Ridge's errors on training and on test rows.

    The Ridge, inside RevIN so that levels don't count, is solved on the first half of the training
    rows; its errors on the second half, which it has not seen either, are compared with those on
    test rows, of equal phases of the season.

    Args:
        values: a channel (time,), standardized; NaN is unobserved.
        train: rows of training, from the first.
        test_start: first row of test.
        season: rows in one.
        sizes: look-back and horizon.
    """
    lookback, horizon = sizes
    half, width = train // 2, lookback + horizon
    fitted = torch.from_numpy(values[max(0, half - MAX_FIT_ROWS) : half].astype(np.float64))
    if half < 2 * width or not fitted.isfinite().any():
        return float("nan")
    model = Reversible(
        Ridge(lookback, horizon, 1, penalties=[RIDGE_PENALTY]), RevIN(1, affine=False)
    )
    fit_ridge(model, fitted.unsqueeze(1))
    unseen, test = (
        _forecast_errors(model, values[first:stop], sizes)
        for first, stop in ((half, train), (test_start - lookback, len(values)))
    )
    parts = min(MAX_PHASES, season)
    phases = tuple(
        (first + starts) % season * parts // season
        for first, (_, starts) in ((half, unseen), (test_start - lookback, test))
    )
    return energy_distance(unseen[0], test[0], (phases[0], phases[1]))


def _forecast_errors(
    model: Reversible, rows: np.ndarray, sizes: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return errors (windows, horizon) of a sample of the windows of rows (time,), and starts."""
    lookback, horizon = sizes
    if len(rows) < lookback + horizon:
        return np.empty((0, horizon)), np.empty(0, int)
    every = sliding_window_view(rows, lookback + horizon)
    starts = sample_starts(len(every))
    windows = torch.from_numpy(every[starts].astype(np.float32)).unsqueeze(2)
    past, future = windows[:, :lookback], windows[:, lookback:]
    with torch.inference_mode():
        errors = (future - model(past)).squeeze(2).double().numpy()
    seen = np.isfinite(every[starts, :lookback]).mean(axis=1) >= 0.5
    return errors[seen], starts[seen]
