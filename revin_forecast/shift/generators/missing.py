from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.base import ShiftOnset, Shift
from revin_forecast.shift.generators.drawn import rows_since_start, draw_key
from revin_forecast.shift.generators.scale import check_arm
from revin_forecast.shift.world import ShiftDataset

FILL_ARMS = ("nan", "ffill", "zero")


@dataclass(frozen=True)
class Missing(Shift):
    """Readings that are missing, in blocks of a mean length of L / 8 steps.

    Blocks of geometric length tile the rows from the first test look-back on, and a share of them,
    chosen for each channel, is lost. Arms say what stands there instead: NaN; "ffill" the last
    reading before, however old; "zero" the training mean.
    """

    arm: str = "nan"

    semantics = "observation"
    is_correctable = False
    knobs = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6)

    def __post_init__(self) -> None:
        check_arm(self.arm, FILL_ARMS)

    def apply(self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator) -> np.ndarray:
        """Return the values with gaps, filled as the arm says."""
        seed = draw_key(rng)
        number = dataset.cached((self.name, seed), lambda: _draw_block_numbers(dataset, rng))
        if self.arm == "ffill":
            key = (self.name, seed, self.arm, knob)
            filled = dataset.cached(key, lambda: _forward_fill(dataset, number < knob))
            return filled[rows_since_start(dataset, onset.rows)]
        lost = number[rows_since_start(dataset, onset.rows)] < knob
        return np.where(lost, np.nan if self.arm == "nan" else 0.0, dataset.values[onset.rows])


def _draw_block_numbers(dataset: ShiftDataset, rng: np.random.Generator) -> np.ndarray:
    """Return (steps, channels): one number in [0, 1) for each block and channel."""
    begins = rng.random(dataset.steps) < min(1.0, 8 / dataset.lookback)
    block = np.cumsum(begins)
    return rng.random((block[-1] + 1, dataset.channels))[block]


def _forward_fill(dataset: ShiftDataset, lost: np.ndarray) -> np.ndarray:
    """Return (steps, channels): the last reading before, where one is lost."""
    segment = dataset.values[dataset.start :]
    readings = np.concatenate([_last_reading_before_test(dataset)[None], segment])
    kept = np.concatenate([np.ones((1, dataset.channels), bool), np.isfinite(segment) & ~lost])
    source = np.where(kept, np.arange(len(kept))[:, None], 0)
    source = np.maximum.accumulate(source, axis=0)
    filled = np.take_along_axis(readings, source, axis=0)[1:]
    return np.where(lost, filled, segment)


def _last_reading_before_test(dataset: ShiftDataset) -> np.ndarray:
    """Return (channels,): the last reading before the first test look-back; NaN: there is none."""
    before = dataset.values[: dataset.start]
    if len(before) == 0:
        return np.full(dataset.channels, np.nan)
    age = np.argmax(np.isfinite(before[::-1]), axis=0)
    return before[len(before) - 1 - age, np.arange(dataset.channels)]
