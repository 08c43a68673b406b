"""Faults of a sensor: offset, gain, spikes, noise and missing readings."""

from dataclasses import dataclass

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset, observed_mean
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
    """Readings that are too high or too low by S, with a random sign for each channel."""

    semantics = "observation"

    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain 1 and offset +-S, (channels,)."""
        return np.ones(1), knob * random_signs(dataset, rng)


@dataclass(frozen=True)
class SensorGain(AffineShift):
    """Readings that are too large by the factor 1 + S, or too small in the arm "down"."""

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
"""Size of a spike in standard deviations of the training rows."""


@dataclass(frozen=True)
class Spikes(Shift):
    """Isolated wrong readings: a share of the readings is 8 deviations too high or too low."""

    semantics = "observation"
    is_correctable = False
    knobs = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04)
    largest_knob = 1.0

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the values with spikes."""
        # One uniform number per reading: its size decides on a spike, its sign on the direction.
        # A larger share therefore keeps the spikes of a smaller one.
        size = (dataset.steps, dataset.channels)
        key = (self.name, draw_key(rng))
        uniform = dataset.get_or_compute(key, lambda: rng.uniform(-1, 1, size))
        uniform = uniform[rows_since_start(dataset, onset.rows)]
        is_spike = np.abs(uniform) < knob
        return dataset.values[onset.rows] + SPIKE_DEVIATIONS * np.sign(uniform) * is_spike


@dataclass(frozen=True)
class Noise(Shift):
    """Stronger noise: signal + (1 + S) e, with e the noise in the data.

    In real data signal and noise can't be separated. Independent N(0, ((1 + S)^2 - 1) s^2) is added
    instead, which gives the noise the same variance. s is `ShiftDataset.residual_deviation`.
    """

    has_transition = True

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the process with stronger noise, or the values with added noise."""
        variant_rows = simulate_variant_rows(dataset, self.name, knob, onset.rows)
        if variant_rows is not None:
            return variant_rows
        size = (dataset.steps, dataset.channels)
        key = (self.name, draw_key(rng))
        noise = dataset.get_or_compute(key, lambda: rng.standard_normal(size))
        deviation = np.sqrt((1 + knob) ** 2 - 1) * dataset.residual_deviation
        return dataset.values[onset.rows] + deviation * noise[rows_since_start(dataset, onset.rows)]


FILL_ARMS = ("level", "ffill", "zero", "nan")
"""Values that replace missing readings."""


@dataclass(frozen=True)
class Missing(Shift):
    """Missing readings in blocks with a mean length of L / 8 steps.

    Blocks of geometric length cover the rows from the first test look-back on. A share of them,
    drawn for each channel, is lost. The arm chooses the replacement, the same for every model:
    "level", the mean of the window's readings (the training mean without any); "ffill", the last
    reading before the gap, however old; "zero", the training mean. In the arm "nan" each model
    fills the gaps by itself, which is measured apart.
    """

    arm: str = "level"

    semantics = "observation"
    is_correctable = False
    knobs = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6)
    largest_knob = 1.0

    def __post_init__(self) -> None:
        check_arm(self.arm, FILL_ARMS)

    @property
    def leaves_gaps(self) -> bool:
        """Whether the model receives the gaps: in the arm "nan"."""
        return self.arm == "nan"

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the values with gaps, filled according to the arm; "level" fills by window."""
        seed_key = draw_key(rng)
        block_numbers = dataset.get_or_compute(
            (self.name, seed_key), lambda: _draw_block_numbers(dataset, rng)
        )
        if self.arm == "ffill":
            key = (self.name, seed_key, self.arm, knob)
            filled = dataset.get_or_compute(
                key, lambda: _forward_fill(dataset, block_numbers < knob)
            )
            return filled[rows_since_start(dataset, onset.rows)]
        lost = block_numbers[rows_since_start(dataset, onset.rows)] < knob
        # Values are standardized by the training rows: their mean is 0.
        return np.where(lost, 0.0 if self.arm == "zero" else np.nan, dataset.values[onset.rows])

    def fill_lookbacks(self, lookbacks: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """Return the look-backs, in the arm "level" with the gaps of the fault filled."""
        if self.arm != "level":
            return lookbacks
        # Gaps of the data themselves stay, as in the clean look-backs.
        lost = np.isnan(lookbacks) & np.isfinite(clean)
        level = np.nan_to_num(observed_mean(lookbacks, axis=1))[:, None]
        return np.where(lost, level, lookbacks)


def _draw_block_numbers(dataset: ShiftDataset, rng: np.random.Generator) -> np.ndarray:
    """Return (steps, channels): a number in [0, 1) for each block and channel, by row."""
    # Each row begins a block with equal probability, which gives geometric lengths of mean L / 8.
    begins = rng.random(dataset.steps) < min(1.0, 8 / dataset.lookback)
    block = np.cumsum(begins)
    return rng.random((block[-1] + 1, dataset.channels))[block]


def _forward_fill(dataset: ShiftDataset, lost: np.ndarray) -> np.ndarray:
    """Return (steps, channels): the rows, each lost reading replaced by the last one before it."""
    segment = dataset.values[dataset.start :]
    readings = np.concatenate([_last_reading_before_test(dataset)[None], segment])
    present = np.concatenate([np.ones((1, dataset.channels), bool), np.isfinite(segment) & ~lost])
    source = np.where(present, np.arange(len(present))[:, None], 0)
    source = np.maximum.accumulate(source, axis=0)
    filled = np.take_along_axis(readings, source, axis=0)[1:]
    return np.where(lost, filled, segment)


def _last_reading_before_test(dataset: ShiftDataset) -> np.ndarray:
    """Return (channels,): the last reading before the first test look-back; NaN without any."""
    before = dataset.values[: dataset.start]
    if len(before) == 0:
        return np.full(dataset.channels, np.nan)
    age = np.argmax(np.isfinite(before[::-1]), axis=0)
    return before[len(before) - 1 - age, np.arange(dataset.channels)]
