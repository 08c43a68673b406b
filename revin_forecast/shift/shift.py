"""The base classes of shifts: controlled changes of the test data, with their inverses."""

import copy
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any, ClassVar, Literal, cast

import numpy as np

from revin_forecast.errors import InputError
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
    is_switch: ClassVar[bool] = False
    """Whether it has no strength: it is off at severity 0 and on at severity 1."""
    largest_knob: ClassVar[float] = math.inf
    """Largest strength that has a meaning, such as 1 for a share."""
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

    def with_knobs(self, knobs: object) -> "Shift":
        """Return the same shift with other strengths.

        Args:
            knobs: strength by severity, ascending; the first is severity 0, as in the class.

        Raises:
            InputError: fewer than two or more than six numbers, another severity 0, not ascending,
                or a strength without meaning.

        >>> from revin_forecast.shift.generators import Level
        >>> Level().with_knobs([0, 0.1, 0.2]).knobs
        (0.0, 0.1, 0.2)
        """
        strengths = check_knobs(self, knobs)
        changed = copy.copy(self)
        object.__setattr__(changed, "knobs", strengths)  # some shifts are frozen dataclasses
        return changed

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


def check_knobs(shift: Shift, knobs: object) -> tuple[float, ...]:
    """Return strengths for a shift as numbers.

    Raises:
        InputError: see `Shift.with_knobs`.
    """
    own, name = shift.knobs, shift.name + (f"_{shift.arm}" if shift.arm else "")
    example = f"Pass, for instance, {list(own[:3])}."
    if shift.is_switch:
        raise InputError(
            f"the shift {name} has no strength, it is off or on, but got knobs={knobs!r}. Leave "
            "the knobs out."
        )
    values = cast(Sequence[Any], knobs) if isinstance(knobs, list | tuple) else []
    if not values or not all(
        isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    ):
        raise InputError(f"knobs of the shift {name} are numbers but got {knobs!r}. {example}")
    strengths = tuple(float(value) for value in values)
    if not 2 <= len(strengths) <= len(DEFAULT_KNOBS) or strengths[0] != own[0]:
        raise InputError(
            f"knobs of the shift {name} are 2 to {len(DEFAULT_KNOBS)} strengths, and the first, "
            f"severity 0, is {own[0]:g}, but got {list(values)}. {example}"
        )
    is_ascending = all(low < high for low, high in pairwise(strengths))
    if not is_ascending or strengths[-1] > shift.largest_knob:
        limit = "" if math.isinf(shift.largest_knob) else f" up to {shift.largest_knob:g}"
        raise InputError(
            f"knobs of the shift {name} are ascending strengths{limit} but got {list(values)}. "
            f"{example}"
        )
    return strengths


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
