from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import Moment, Shift
from revin_forecast.shift.world import World


@dataclass(frozen=True)
class Frequency(Shift):
    """Time that runs faster: x'(onset + u) = x(onset + c u), c > 1.

    Between rows by linear interpolation, after a mean of ceil(c) rows up to each, which keeps
    frequencies out that the fewer samples can't hold. Rows past the end of the data are NaN. The
    truth is the faster series: there is no way to pull a forecast back.
    """

    knobs = (1.0, 1.05, 1.1, 1.2, 1.4, 1.8)
    has_transition = True

    def moved(self, world: World, at: Moment, knob: float, draw: np.random.Generator) -> np.ndarray:
        """Return the smoothed series at onset + c u."""
        series = world.once(("smoothed", _width(knob)), lambda: _smoothed(world, _width(knob)))
        ahead = _ahead(at.elapsed, knob)
        low = np.floor(ahead)
        row = at.rows - at.elapsed + low.astype(int)
        part = (ahead - low)[..., None]
        # Where a row is hit exactly, the next one is not asked: it may be unobserved.
        following = np.where(part > 0, _rows(series, row + 1), 0)
        return (1 - part) * _rows(series, row) + part * following

    def reach(self, elapsed: np.ndarray, severity: int) -> np.ndarray:
        """Return c u, rounded up to a whole row."""
        return np.ceil(_ahead(elapsed, self.knobs[severity])).astype(int)


def _ahead(elapsed: np.ndarray, speed: float) -> np.ndarray:
    """Return c u; before the onset 0."""
    # 1.1 * 10 is a hair above 11, which would reach for one row more.
    return np.round(speed * np.maximum(elapsed, 0), 9)


def _width(speed: float) -> int:
    return int(np.ceil(speed))


def _smoothed(world: World, width: int) -> np.ndarray:
    """Return the mean of each row and the `width` - 1 before it; NaN in the first ones."""
    mean = np.full(world.values.shape, np.nan)
    last = len(mean) - width + 1
    parts = [world.values[lag : lag + last] for lag in range(width)]
    mean[width - 1 :] = sum(parts) / width
    return mean


def _rows(series: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows of a series; NaN past its end."""
    inside = rows < len(series)
    return np.where(inside[..., None], series[np.minimum(rows, len(series) - 1)], np.nan)
