"""A sensor that reads wrongly while the world goes on as it was."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators.level_and_scale import GAIN_ARMS, check_arm, gain_factor
from revin_forecast.shift.generators.random_draws import (
    draw_key,
    random_signs,
    rows_since_start,
    simulate_variant_rows,
)
from revin_forecast.shift.shift import AffineShift, Shift, ShiftOnset


@dataclass(frozen=True)
class SensorOffset(AffineShift):
    """Readings that are S too high or too low, by a coin for each channel."""

    semantics = "observation"

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset +-S, (channels,)."""
        return np.ones(1), knob * random_signs(dataset, rng)


@dataclass(frozen=True)
class SensorGain(AffineShift):
    """Readings that are too large by the factor 1 + S, or too small by it in the arm "down"."""

    arm: str = "up"

    semantics = "observation"

    def __post_init__(self) -> None:
        check_arm(self.arm, GAIN_ARMS)

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gain, and offset 0."""
        return np.array([gain_factor(self.arm, knob)]), np.zeros(1)


SPIKE_DEVIATIONS = 8.0
"""In training deviations."""


@dataclass(frozen=True)
class Spikes(Shift):
    """Single wrong readings: a share of them is 8 deviations too high or too low."""

    semantics = "observation"
    is_correctable = False
    knobs = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04)

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the values with spikes."""
        # One number for each reading: its size says whether there is a spike, its sign which way.
        size = (dataset.steps, dataset.channels)
        number = dataset.cached((self.name, draw_key(rng)), lambda: rng.uniform(-1, 1, size))
        number = number[rows_since_start(dataset, onset.rows)]
        return dataset.values[onset.rows] + SPIKE_DEVIATIONS * np.sign(number) * (
            np.abs(number) < knob
        )


@dataclass(frozen=True)
class Noise(Shift):
    """Noise of (1 + S) times the deviation: signal + (1 + S) e.

    Where signal and noise can't be told apart, independent N(0, ((1 + S)^2 - 1) s^2) is added,
    which makes the variance of the noise the same. s is `World.residual_deviation`.
    """

    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the noisier process, or the values with noise added."""
        noisier = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if noisier is not None:
            return noisier
        size = (dataset.steps, dataset.channels)
        noise = dataset.cached((self.name, draw_key(rng)), lambda: rng.standard_normal(size))
        deviation = np.sqrt((1 + knob) ** 2 - 1) * dataset.residual_deviation
        return dataset.values[onset.rows] + deviation * noise[rows_since_start(dataset, onset.rows)]


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

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
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
