"""The base classes of shifts: controlled changes of the test data, with their inverses."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from revin_forecast.shift.dataset import ShiftDataset

DEFAULT_KNOBS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Strength by severity for shifts of the values, in standard deviations of the training rows."""


@dataclass(frozen=True, eq=False)
class ShiftOnset:
    """The rows that a shift is applied to and, for each, the steps since the shift began."""

    rows: np.ndarray
    """(..., time) row numbers in the whole series."""
    elapsed: np.ndarray
    """Steps since the onset, broadcastable with `rows`; negative before the onset."""

    @classmethod
    def from_test_start(cls, dataset: ShiftDataset, steps: int) -> "ShiftOnset":
        """Select `steps` rows from the first test look-back on, with the onset at the first."""
        rows = np.arange(dataset.start, dataset.start + steps)
        return cls(rows, rows - dataset.start)

    @classmethod
    def from_windows(cls, dataset: ShiftDataset, starts: np.ndarray, age: int) -> "ShiftOnset":
        """Select windows (count, time) whose last `age` look-back steps and horizon are shifted.

        Args:
            dataset: the data.
            starts: (count,) first row of each window.
            age: look-back steps since the onset; 0 shifts the horizon only.
        """
        steps = np.arange(dataset.width)
        return cls(starts[:, None] + steps, np.asarray(steps - (dataset.lookback - age)))


class Shift(ABC):
    """A way in which the data change, or in which a sensor misreads them.

    A shift is pure: its random numbers depend on (data set, shift, seed) alone. Every model
    therefore meets the same noise, and a higher severity meets more of it. At severity 0 the
    data are unchanged, bit for bit.

    To add a shift, subclass, set `knobs` and implement `apply`.
    """

    semantics: ClassVar[Literal["process", "observation"]] = "process"
    """process: look-back and truth both shift. observation: only the look-back does."""
    knobs: ClassVar[tuple[float, ...]] = DEFAULT_KNOBS
    """Strength by severity; the first entry is severity 0."""
    has_transition: ClassVar[bool] = False
    """Whether the shift can begin inside a window."""
    arm: str = ""
    """Variant of the shift, for shifts that have several."""
    is_equivariant: ClassVar[bool] = False
    """Whether it is x -> a x + b with constant a > 0 and b: then f(T x) should equal T f(x)."""
    is_correctable: ClassVar[bool] = True
    """Whether a known observation fault can be undone: an offset can, a missing value can't."""
    label: ClassVar[str | None] = None
    """Name in tables; None: the class name in snake case."""

    @property
    def name(self) -> str:
        """Name in tables, shared by the arms of one shift."""
        snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        return self.label or snake_case

    @property
    def leaves_gaps(self) -> bool:
        """Whether the model receives gaps and fills them by itself.

        Such a shift has the placement `fill`, apart from others: it compares how models fill gaps.
        """
        return False

    @abstractmethod
    def apply(
        self, dataset: ShiftDataset, onset: ShiftOnset, knob: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Return the shifted values (..., time, channels) of the rows.

        Args:
            dataset: the data; `dataset.values[onset.rows]` are the clean values.
            onset: rows, and the steps since the onset. Values before the onset are ignored.
            knob: strength.
            rng: random numbers, freshly seeded for each call.
        """

    def apply_severity(
        self, dataset: ShiftDataset, onset: ShiftOnset, severity: int, seed: int = 0
    ) -> np.ndarray:
        """Return the values (..., time, channels), shifted from the onset on.

        Args:
            dataset: the data.
            onset: rows, and the steps since the onset.
            severity: 0 to `len(knobs) - 1`.
            seed: random seed for the shift's noise and signs.
        """
        clean = dataset.values[onset.rows]
        if severity == 0:
            return clean
        rng = dataset.random_generator(self.name, seed)
        shifted = self.apply(dataset, onset, self.knobs[severity], rng)
        return np.where(onset.elapsed[..., None] >= 0, shifted, clean)

    def restore(
        self,
        dataset: ShiftDataset,
        onset: ShiftOnset,
        severity: int,
        forecast: np.ndarray,
        seed: int = 0,
    ) -> np.ndarray | None:
        """Pull a forecast of shifted data back: apply the inverse of the shift from the onset on.

        Args:
            dataset: the data.
            onset: rows of the horizon, and the steps since the onset.
            severity: 0 to `len(knobs) - 1`.
            forecast: (..., time, channels) forecast of shifted data.
            seed: random seed that the data were shifted with.

        Returns:
            The forecast in units of the clean truth. None if the shift has no inverse: then the
            forecast is compared with the shifted truth.
        """
        return forecast if severity == 0 else None

    def fill_lookbacks(self, lookbacks: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """Return the look-backs (windows, lookback, channels) that a model receives.

        For faults whose repair needs the window; others return the look-backs unchanged.

        Args:
            lookbacks: the shifted look-backs.
            clean: the same look-backs without the shift.
        """
        return lookbacks

    def process_parameter(self, severity: int) -> float:
        """Return the strength of the same shift as a parameter of a synthetic process."""
        return self.knobs[severity]

    def exclusion_reason(self, dataset: ShiftDataset) -> str | None:
        """Return the reason why a data set can't be shifted this way; None if it can."""
        return None

    def to_clean_steps(self, elapsed: np.ndarray, severity: int) -> np.ndarray:
        """Return the steps after the onset at which the clean data are read, by elapsed step."""
        return elapsed


class AffineShift(Shift):
    """An invertible shift x' = gain x + offset, with gain and offset that may vary over time."""

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
        rng = dataset.random_generator(self.name, seed)
        gain, offset = self.gain_and_offset(dataset, onset, self.knobs[severity], rng)
        return np.where(onset.elapsed[..., None] >= 0, (forecast - offset) / gain, forecast)
