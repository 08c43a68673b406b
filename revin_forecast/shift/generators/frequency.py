"""A shift of the speed of time."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.shift import Shift, ShiftOnset


@dataclass(frozen=True)
class Frequency(Shift):
    """Faster time: x'(onset + u) = x(onset + c u), c > 1.

    Values between rows are interpolated linearly. Before that, each row becomes the mean of the
    last ceil(c) rows: this removes frequencies that the fewer samples would alias. Rows past the
    end of the data are NaN. The truth is the faster series, so forecasts are not pulled back.
    """

    knobs = (1.0, 1.05, 1.1, 1.2, 1.4, 1.8)
    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the smoothed series at onset + c u."""
        # Cached by ceil(c): severities with the same width share the smoothed series.
        series = dataset.get_or_compute(
            ("smoothed", _smoothing_width(knob)),
            lambda: _smooth_rows(dataset, _smoothing_width(knob)),
        )
        ahead = _accelerated_steps(onset.elapsed, knob)
        low = np.floor(ahead)
        row = onset.rows - onset.elapsed + low.astype(int)
        part = (ahead - low)[..., None]
        # At a whole row the next one must not enter, not even times 0: it may be NaN.
        following = np.where(part > 0, _rows_or_nan(series, row + 1), 0)
        return (1 - part) * _rows_or_nan(series, row) + part * following

    def to_clean_steps(self, elapsed: np.ndarray, severity: int) -> np.ndarray:
        """Return c u, rounded up to a whole row."""
        return np.ceil(_accelerated_steps(elapsed, self.knobs[severity])).astype(int)


def _accelerated_steps(elapsed: np.ndarray, speed: float) -> np.ndarray:
    """Return c u; 0 before the onset."""
    # In floating point 1.1 * 10 is slightly above 11: the ceiling would use one row more.
    return np.round(speed * np.maximum(elapsed, 0), 9)


def _smoothing_width(speed: float) -> int:
    return int(np.ceil(speed))


def _smooth_rows(dataset: ShiftDataset, width: int) -> np.ndarray:
    """Return the mean of each row and the `width` - 1 rows before it; NaN in the first rows."""
    mean = np.full(dataset.values.shape, np.nan)
    last = len(mean) - width + 1
    parts = [dataset.values[lag : lag + last] for lag in range(width)]
    mean[width - 1 :] = sum(parts) / width
    return mean


def _rows_or_nan(series: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows of a series; NaN past its end."""
    inside = rows < len(series)
    return np.where(inside[..., None], series[np.minimum(rows, len(series) - 1)], np.nan)
