"""A Ridge built from solved maps, and solved again on other rows; on values or on logarithms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LogMean
from revin_forecast.selection.candidates import Candidate
from revin_forecast.selection.linear_maps import LinearMap, build_map_model, take_logarithms
from revin_forecast.selection.task import SelectionTask

OFFSET_SHARE = 0.3
"""Share of a channel's mean that is added before the logarithm, so that small amounts and zeros
do not dominate."""
DISTANT_ZERO = -1e4
"""Zero of a channel with negative values, in deviations: from so far, a logarithm is straight."""


@dataclass(frozen=True, eq=False)
class LogValues:
    """A table on logarithms, ln(x + 30 % of the channel's mean), for maps inside `LogMean`."""

    values: Tensor
    """(time, channels) logarithms with mean 0 and deviation 1, NaN where unobserved."""
    zero: Tensor
    """(channels,) standardized value whose distance has the logarithm."""

    @classmethod
    def from_task(cls, task: SelectionTask) -> "LogValues | None":
        """Take the logarithms of a task's table; None if its zero is unknown, too."""
        if task.zero is None:
            return None
        return cls.from_values(torch.from_numpy(task.values), torch.from_numpy(task.zero))

    @classmethod
    def from_values(cls, values: Tensor, zero: Tensor) -> "LogValues | None":
        """Take the logarithms of a table; None if each channel has negative values.

        The logarithm of a channel with negative values is taken from so far away that it is a
        straight line: the channel stays as it is.

        Args:
            values: (time, channels) standardized float64, NaN where unobserved.
            zero: (channels,) standardized value that stands for 0 in the table's units.
        """
        lowest = values.nan_to_num(nan=torch.inf).amin(dim=0)
        mean_amount = values.nanmean(dim=0) - zero
        is_amount = (lowest >= zero) & (mean_amount > 0)
        if not bool(is_amount.any()):
            return None
        log_zero = torch.where(is_amount, zero - OFFSET_SHARE * mean_amount, DISTANT_ZERO)
        return cls(take_logarithms(values, log_zero), log_zero)


@dataclass(frozen=True, eq=False)
class SolvedMaps:
    """A candidate with one map for all channels, or one for each."""

    candidate: Candidate
    """The Ridge, its normalizer and its look-back."""
    maps: Sequence[LinearMap | None]
    """The maps, solved on training rows; None forecasts the level."""
    values: Tensor
    """(time, channels) all rows, on which the maps can be solved again."""
    horizon: int
    """Steps to forecast."""
    zero: Tensor | None = None
    """(channels,) zero of `LogMean`; None for another normalizer."""

    @property
    def penalties(self) -> tuple[float, ...]:
        """The penalty of each map; NaN for the level."""
        return tuple(math.nan if linear is None else linear.penalty for linear in self.maps)

    def build(self) -> Reversible:
        """Return the model with the maps of the training rows."""
        return self._build([linear and (linear.weight, linear.bias) for linear in self.maps])

    def refit(self, rows: int) -> Reversible:
        """Return the model with its maps solved again on the first rows."""
        values = self.values[:rows]
        return self._build([linear and linear.refit(values) for linear in self.maps])

    @torch.no_grad()
    def _build(self, weights_and_biases: Sequence[tuple[Tensor, Tensor] | None]) -> Reversible:
        model = build_map_model(
            self.candidate, self.horizon, self.values.shape[1], weights_and_biases
        )
        if self.zero is not None:
            assert isinstance(model.normalizer, LogMean)
            model.normalizer.zero.copy_(self.zero)
        return model
