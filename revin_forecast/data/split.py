"""Chronological splits of series in memory and on disk."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from revin_forecast.data.memory_mapped.series import MemoryMappedSeries
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError


@dataclass(frozen=True, eq=False)
class MemoryMappedSplit:
    """A mapped series cut in time: training rows, then validation to its end.

    Every tensor is a view of the mapped file.
    """

    series: MemoryMappedSeries
    train: int
    """Rows of training, from the first."""
    known: np.ndarray | None = None
    """(time, covariates) float64: what is known of each row beforehand, if anything is."""

    @property
    def channels(self) -> int:
        """The number of channels."""
        return len(self.series.names)

    @property
    def standardizer(self) -> Standardizer:
        """z-score of all rows."""
        return self.series.standardizer

    def standardize_part(self, name: str, lookback: int) -> Tensor:
        """Return the rows of "training" or "validation" with their look-back."""
        return self.series.values[self._part_slice(name, lookback)]

    def make_windows(self, name: str, lookback: int, horizon: int) -> Windows:
        """Return every window of a part, with what is known of its steps."""
        rows = self._part_slice(name, lookback)
        known = None if self.known is None else torch.tensor(self.known[rows])
        return Windows(self.standardize_part(name, lookback), lookback, horizon, known)

    def _part_slice(self, name: str, lookback: int) -> slice:
        if name == "training":
            return slice(self.train)
        if self.train < lookback:
            raise InputError(
                f"the {name} part starts at row {self.train}, before a look-back of {lookback} is "
                "full. Choose a shorter look-back."
            )
        return slice(self.train - lookback, None)


@dataclass(frozen=True, eq=False)
class ChronologicalSplit:
    """A table of values cut in time; validation and test reach one look-back into the past.

    Unless they stand `apart`.
    """

    values: np.ndarray
    """(time, channels) float64 in the data's units, NaN where unobserved."""
    train: int
    """Rows of training, from the first."""
    validation: int
    """The row where validation ends."""
    test: int
    """The row where test ends."""
    scaling_rows: int | None = None
    """Rows that values are z-scored by, from the first; None: those of training."""
    known: np.ndarray | None = None
    """(time, covariates) float64: what is known of each row beforehand, if anything is."""
    has_independent_parts: bool = False
    """Validation and test stand alone: their first rows are a look-back of their own."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated; see `Windows`."""

    @cached_property
    def standardizer(self) -> Standardizer:
        """z-score of the training rows, or of those that `scaling` says."""
        return Standardizer.fit(
            self.values[: self.train if self.scaling_rows is None else self.scaling_rows]
        )

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.values.shape[1]

    def standardize_part(self, name: str, lookback: int) -> Tensor:
        """Return the rows of a part, z-scored, in float64; see `part`."""
        return torch.from_numpy(self.standardizer.transform(self.select_part(name, lookback)))

    def select_part(self, name: str, lookback: int) -> np.ndarray:
        """Return the rows of "training", "validation" or "test" with their look-back."""
        return self.values[self._part_slice(name, lookback)]

    def make_windows(self, name: str, lookback: int, horizon: int) -> Windows:
        """Return every window of a part, z-scored, with what is known of its steps."""
        rows = self._part_slice(name, lookback)
        known = None if self.known is None else torch.tensor(self.known[rows])
        filled = None if self.filled is None else torch.from_numpy(self.filled[rows])
        values = self.standardizer.to_tensor(self.values[rows])
        return Windows(values, lookback, horizon, known, filled)

    def _part_slice(self, name: str, lookback: int) -> slice:
        if name == "training":
            return slice(self.train)
        start, stop = {
            "validation": (self.train, self.validation),
            "test": (self.validation, self.test),
        }[name]
        if self.has_independent_parts:
            return slice(start, stop)
        if start < lookback:
            raise InputError(
                f"the {name} part starts at row {start}, before a look-back of {lookback} is full. "
                "Choose a shorter look-back."
            )
        return slice(start - lookback, stop)
