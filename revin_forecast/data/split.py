from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from revin_forecast.data.mapped import MemoryMappedSeries
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
