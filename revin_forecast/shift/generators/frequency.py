from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.shift import Shift, ShiftOnset


@dataclass(frozen=True)
class Frequency(Shift):
    """Time that runs faster: x'(onset + u) = x(onset + c u), c > 1.

    Between rows by linear interpolation, after a mean of ceil(c) rows up to each, which keeps
    frequencies out that the fewer samples can't hold. Rows past the end of the data are NaN. The
    truth is the faster series: there is no way to pull a forecast back.
    """

    knobs = (1.0, 1.05, 1.1, 1.2, 1.4, 1.8)
    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the smoothed series at onset + c u."""
        series = dataset.cached(
            ("smoothed", _smoothing_width(knob)),
            lambda: _smooth_rows(dataset, _smoothing_width(knob)),
        )
        ahead = _accelerated_steps(onset.elapsed, knob)
        low = np.floor(ahead)
        row = onset.rows - onset.elapsed + low.astype(int)
        part = (ahead - low)[..., None]
        # Where a row is hit exactly, the next one is not asked: it may be unobserved.
        following = np.where(part > 0, _rows_or_nan(series, row + 1), 0)
        return (1 - part) * _rows_or_nan(series, row) + part * following

    def to_clean_steps(self, elapsed: np.ndarray, severity: int) -> np.ndarray:
        """Return c u, rounded up to a whole row."""
        return np.ceil(_accelerated_steps(elapsed, self.knobs[severity])).astype(int)


def _accelerated_steps(elapsed: np.ndarray, speed: float) -> np.ndarray:
    """Return c u; before the onset 0."""
    # 1.1 * 10 is a hair above 11, which would reach for one row more.
    return np.round(speed * np.maximum(elapsed, 0), 9)


def _smoothing_width(speed: float) -> int:
    return int(np.ceil(speed))


def _smooth_rows(dataset: ShiftDataset, width: int) -> np.ndarray:
    """Return the mean of each row and the `width` - 1 before it; NaN in the first ones."""
    mean = np.full(dataset.values.shape, np.nan)
    last = len(mean) - width + 1
    parts = [dataset.values[lag : lag + last] for lag in range(width)]
    mean[width - 1 :] = sum(parts) / width
    return mean


def _rows_or_nan(series: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows of a series; NaN past its end."""
    inside = rows < len(series)
    return np.where(inside[..., None], series[np.minimum(rows, len(series) - 1)], np.nan)
