import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset

DEFAULT_KNOBS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Knobs by severity of shifts that move values: in training deviations."""


@dataclass(frozen=True, eq=False)
class ShiftOnset:
    """Which rows are looked at, and how long the shift has lasted there."""

    rows: np.ndarray
    """(..., time) row numbers of the whole series."""
    elapsed: np.ndarray
    """Steps since the onset, broadcast with `rows`; negative before it."""

    @classmethod
    def from_test_start(cls, dataset: ShiftDataset, steps: int) -> "ShiftOnset":
        """Every row from the first test look-back on, shifted since then."""
        rows = np.arange(dataset.start, dataset.start + steps)
        return cls(rows, rows - dataset.start)

    @classmethod
    def from_windows(cls, dataset: ShiftDataset, starts: np.ndarray, age: int) -> "ShiftOnset":
        """Windows (count, time) that start at the given rows, the last `age` look-back steps moved.

        The truth is moved in each; age 0 moves the truth alone.
        """
        steps = np.arange(dataset.width)
        return cls(starts[:, None] + steps, np.asarray(steps - (dataset.lookback - age)))


class Shift(ABC):
    """One way for the world to move, or for a sensor to lie.

    Pure: what a shift draws at random depends on (data set, shift, seed) alone, so that every model
    meets the same noise, and a higher severity more of it. Severity 0 is the data, bit for bit.

    To add your own, subclass, name `knobs` and write `moved`.
    """

    semantics: ClassVar[Literal["process", "observation"]] = "process"
    """process: look-back and truth move together. observation: the truth stays as it was."""
    knobs: ClassVar[tuple[float, ...]] = DEFAULT_KNOBS
    """Strength by severity; the first is that of severity 0."""
    has_transition: ClassVar[bool] = False
    """Whether it can start inside a window."""
    arm: str = ""
    """Which of several ways this is, where one shift has several."""
    is_equivariant: ClassVar[bool] = False
    """Whether it is x -> a x + b with a > 0, constant in time: then T f(x) = f(T x) is wanted."""
    is_correctable: ClassVar[bool] = True
    """Whether who knows an observation's fault can undo it: an offset yes, a missing value no."""
    label: ClassVar[str | None] = None
    """Name in tables; None: the class's own in snake case."""

    @property
    def name(self) -> str:
        """Name in tables; arms of one shift have the same."""
        own = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        return self.label or own

    @abstractmethod
    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the values (..., time, channels) at a moment, where the shift has begun.

        Args:
            dataset: the data; `world.values[at.rows]` are the clean values.
            onset: which rows, and the steps since the onset; what lies before it is not used.
            knob: strength.
            rng: random numbers, freshly seeded for each call.
        """

    def apply_severity(
        self, dataset: ShiftDataset, onset: ShiftOnset, severity: int, seed: int = 0
    ) -> np.ndarray:
        """Return the values (..., time, channels) of a world that moves at the onset.

        Args:
            dataset: the data.
            onset: which rows, and the steps since the onset.
            severity: 0 to `len(knobs) - 1`.
            seed: of the shift's own noise and signs.
        """
        clean = dataset.values[onset.rows]
        if severity == 0:
            return clean
        draw = dataset.random_generator(self.name, seed)
        moved = self.apply(dataset, onset, self.knobs[severity], draw)
        return np.where(onset.elapsed[..., None] >= 0, moved, clean)

    def restore(
        self,
        dataset: ShiftDataset,
        onset: ShiftOnset,
        severity: int,
        forecast: np.ndarray,
        seed: int = 0,
    ) -> np.ndarray | None:
        """Pull a forecast of the moved world back: apply the shift's inverse at a moment.

        Returns:
            Values to compare with the clean truth; None: there is no inverse, compare with the
            moved truth.
        """
        return forecast if severity == 0 else None

    def process_parameter(self, severity: int) -> float:
        """Return the strength of the same shift in a synthetic source's own parameters."""
        return self.knobs[severity]

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return why a data set can't be shifted this way; None: it can."""
        return None

    def to_clean_steps(self, elapsed: np.ndarray, severity: int) -> np.ndarray:
        """Return how far after the onset the data are used for each elapsed step."""
        return elapsed


class AffineShift(Shift):
    """A shift x' = gain x + offset, with gain and offset that may change over time; invertible."""

    @abstractmethod
    def gain_and_offset(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return gain and offset, each broadcastable to (..., time, channels)."""

    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return gain x + offset."""
        gain, offset = self.gain_and_offset(dataset, onset, knob, rng)
        return gain * dataset.values[onset.rows] + offset

    def restore(
        self,
        dataset: ShiftDataset,
        onset: ShiftOnset,
        severity: int,
        forecast: np.ndarray,
        seed: int = 0,
    ) -> np.ndarray:
        """Return (forecast - offset) / gain where the shift has begun."""
        if severity == 0:
            return forecast
        draw = dataset.random_generator(self.name, seed)
        gain, offset = self.gain_and_offset(dataset, onset, self.knobs[severity], draw)
        return np.where(onset.elapsed[..., None] >= 0, (forecast - offset) / gain, forecast)
