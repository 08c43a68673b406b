"""Chronological splits of series in memory and of memory-mapped series."""

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
    """Chronological split of a memory-mapped series: training rows, then validation to its end.

    Every tensor is a view of the mapped file.
    """

    series: MemoryMappedSeries
    train: int
    """Number of training rows, from the first."""
    known: np.ndarray | None = None
    """(time, covariates) float64 known inputs; None: there are none."""

    @property
    def channels(self) -> int:
        """The number of channels."""
        return len(self.series.names)

    @property
    def standardizer(self) -> Standardizer:
        """z-score fitted on all rows."""
        return self.series.standardizer

    def standardize_part(self, name: str, lookback: int) -> Tensor:
        """Return standardized rows of "training" or "validation", preceded by their look-back."""
        return self.series.values[self._locate_part(name, lookback)]

    def make_windows(self, name: str, lookback: int, horizon: int) -> Windows:
        """Return the windows of a part, with the known inputs of their steps."""
        rows = self._locate_part(name, lookback)
        known = None if self.known is None else torch.tensor(self.known[rows])
        return Windows(self.standardize_part(name, lookback), lookback, horizon, known)

    def _locate_part(self, name: str, lookback: int) -> slice:
        # Only training has no look-back before it.
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
    """Chronological split of a table of values into training, validation and test.

    Validation and test are preceded by one look-back of the rows before them, unless they are
    independent.
    """

    values: np.ndarray
    """(time, channels) float64 in the data's units, NaN where unobserved."""
    train: int
    """Number of training rows, from the first."""
    validation: int
    """Row at which validation ends (exclusive)."""
    test: int
    """Row at which test ends (exclusive)."""
    scaling_rows: int | None = None
    """Number of first rows that the z-score is fitted on; None: the training rows."""
    known: np.ndarray | None = None
    """(time, covariates) float64 known inputs; None: there are none."""
    has_independent_parts: bool = False
    """Validation and test use no rows before them: their first rows are their look-back."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated; see `Windows`."""

    # Cached, since every part is standardized with it.
    @cached_property
    def standardizer(self) -> Standardizer:
        """z-score fitted on the training rows, or on the first `scaling_rows`."""
        return Standardizer.fit(
            self.values[: self.train if self.scaling_rows is None else self.scaling_rows]
        )

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.values.shape[1]

    def standardize_part(self, name: str, lookback: int) -> Tensor:
        """Return the standardized float64 rows of a part; see `select_part`."""
        return torch.from_numpy(self.standardizer.transform(self.select_part(name, lookback)))

    def select_part(self, name: str, lookback: int) -> np.ndarray:
        """Return the rows of "training", "validation" or "test", preceded by their look-back."""
        return self.values[self._locate_part(name, lookback)]

    def make_windows(
        self, name: str, lookback: int, horizon: int, dtype: torch.dtype = torch.float32
    ) -> Windows:
        """Return the standardized windows of a part, with the known inputs of their steps."""
        rows = self._locate_part(name, lookback)
        known = None if self.known is None else torch.tensor(self.known[rows])
        # Targets that were interpolated are not scored, in validation and test as well.
        filled = None if self.filled is None else torch.from_numpy(self.filled[rows])
        values = self.standardizer.to_tensor(self.values[rows], dtype)
        return Windows(values, lookback, horizon, known, filled)

    def _locate_part(self, name: str, lookback: int) -> slice:
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
