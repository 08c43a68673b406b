"""Intervals of intermittent series: the compound of occurrence and size."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from revin_forecast.backbones.tsb import (
    OCCURRENCE_SMOOTHING,
    smooth_occurrence,
    smoothing_powers,
)
from revin_forecast.errors import InputError
from revin_forecast.models.intervals import MAX_NORMAL_SCORE, QUANTILE_GRID, Intervals
from revin_forecast.utils.shapes import Past

SIZE_LEVELS = 200
"""Number of equally spaced quantiles that represent the distribution of sizes."""
COMPOUND_NODES = 501
"""Number of normal scores that represent the quantiles of a compound: 0.02 apart."""
SIZE_DECAY = 0.02
"""Decay of the weight of a size with each later occurrence: 1/e after 50 of them."""


@dataclass(frozen=True, eq=False)
class CompoundIntervals(Intervals):
    """Quantiles of intermittent series, and those of another method for all other series.

    A step is zero with probability 1 - p, else it has a size with the distribution function G. So
    the quantile of level q is 0 up to q = 1 - p, and the quantile of the sizes at
    (q - (1 - p)) / p above. p is that of `TSB` (Teunter, Syntetos & Babai 2011) at the end of each
    window, the same for every step ahead; G is the empirical distribution of all sizes that were
    fitted on, weighted towards recent ones. The point forecast, a mean, may be outside a narrow
    interval: at 0.1 occurrences a step, 80 % of the steps are exactly 0.
    """

    zero: npt.NDArray[np.float32]
    """(channels,) the standardized value of zero."""
    sizes: npt.NDArray[np.float32]
    """(`SIZE_LEVELS`, channels) ascending quantiles of the sizes, which are standardized distances
    above zero; all zero for a channel that is not intermittent."""
    others: Intervals | None = None
    """Intervals of the channels that are not intermittent, with scores for all channels."""

    @classmethod
    def around(
        cls,
        zero: npt.NDArray[np.float32],
        sizes: npt.NDArray[np.float32],
        others: Intervals | None = None,
    ) -> "CompoundIntervals":
        """Return compounds with the scores of the other channels; the arguments are the fields.

        A score is infinite at a level that has no quantile. Compounds have one at every level.
        """
        scores = np.zeros((len(QUANTILE_GRID), 1, 1), np.float32)
        return cls(
            scores if others is None else others.score_source,
            zero,
            sizes,
            others,
            dependence_source=None if others is None else others.dependence_source,
        )

    @classmethod
    def fit(
        cls,
        values: npt.NDArray[np.floating],
        zero: npt.NDArray[np.floating],
        is_intermittent: npt.NDArray[np.bool_],
        others: Intervals | None = None,
    ) -> "CompoundIntervals":
        """Collect the sizes of the intermittent channels.

        Args:
            values: (time, channels) standardized, NaN where unobserved.
            zero: (channels,) the standardized value of zero.
            is_intermittent: (channels,) `data.intermittent.is_intermittent` of the values.
            others: intervals of the other channels.
        """
        sizes = np.zeros((SIZE_LEVELS, values.shape[1]), np.float32)
        for channel in np.flatnonzero(is_intermittent):
            distance = values[:, channel] - zero[channel]
            sizes[:, channel] = _size_quantiles(distance[distance > 0])
        return cls.around(zero.astype(np.float32), sizes, others)

    @property
    def method(self) -> str:
        """Occurrence and size, and the method of the other channels."""
        own = "how often and how much, of intermittent series"
        return own if self.others is None else f"{own}; others {self.others.method}"

    @property
    def score_nodes(self) -> npt.NDArray[np.floating]:
        """Normal scores at small distances: the quantiles of a compound are steps, not lines."""
        return np.linspace(-MAX_NORMAL_SCORE, MAX_NORMAL_SCORE, COMPOUND_NODES)

    @property
    def is_intermittent(self) -> npt.NDArray[np.bool_]:
        """(channels,) whether a channel is intermittent."""
        return self.sizes[-1] > 0

    def scales(self, past: Past) -> Float[Tensor, "batch channels"]:
        """Return the factors of the other channels; 1 without other channels."""
        ones = torch.ones_like(past[:, 0])
        return ones if self.others is None else self.others.scales(past)

    def widen_after_gap(
        self,
        distance: Float[Tensor, "batch horizon channels levels"],
        past: Past,
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return the distances of the other channels; those of compounds do not grow."""
        return (
            distance if self.others is None else self.others.widen_after_gap(distance, past, levels)
        )

    def select(self, indices: Sequence[int]) -> "CompoundIntervals":
        """Return the intervals of some channels."""
        chosen = list(indices)
        others = None if self.others is None else self.others.select(chosen)
        return CompoundIntervals.around(self.zero[chosen], self.sizes[:, chosen], others)

    def quantiles(
        self,
        forecast: Float[Tensor, "batch horizon channels"],
        past: Past,
        levels: Sequence[float],
    ) -> Float[Tensor, "batch horizon channels levels"]:
        """Return quantiles of the truth, ascending with the level.

        Args:
            forecast: standardized point forecast, from which the other channels' quantiles start.
            past: windows of the forecast, with its channels only; NaN where unobserved.
            levels: between 0 and 1.

        Raises:
            InputError: a channel is not intermittent, and there are no intervals for it or not at
                these levels.
        """
        compound = self._compound_quantiles(past.to(forecast), levels).unsqueeze(1)
        is_compound = torch.as_tensor(self.is_intermittent, device=forecast.device)
        compound = compound.expand(-1, forecast.shape[1], -1, -1)
        if bool(self.is_intermittent.all()):
            return compound
        if self.others is None:
            raise InputError(
                "this model has intervals of its intermittent series only: too few values of the "
                "others were observed to calibrate theirs. Fit with more rows, or leave --level "
                "out."
            )
        others = self.others.quantiles(forecast, past, levels)
        return torch.where(is_compound.reshape(1, 1, -1, 1), compound, others)

    def _compound_quantiles(
        self, past: Past, levels: Sequence[float]
    ) -> Float[Tensor, "batch channels levels"]:
        """Return the quantiles of every channel as if it were intermittent."""
        zero = torch.as_tensor(self.zero).to(past)
        sizes = torch.as_tensor(self.sizes).to(past)
        observed = past.isfinite()
        # Half of the smallest size separates zero from the sizes whatever the rounding.
        occurs = observed & (torch.where(observed, past, zero) > zero + sizes[0] / 2)
        powers = _occurrence_powers(past.shape[1]).to(past)
        probability = smooth_occurrence(occurs, observed, powers).unsqueeze(-1)
        wanted = torch.tensor(list(levels), dtype=past.dtype, device=past.device)
        share = (wanted - (1 - probability)) / probability
        index = (share * SIZE_LEVELS).floor().clamp(0, SIZE_LEVELS - 1).long()
        columns = sizes.mT.unsqueeze(0).expand(len(past), -1, -1)
        quantile = torch.where(share > 0, columns.gather(2, index), 0)
        return zero.unsqueeze(-1) + quantile


@lru_cache(maxsize=4)
def _occurrence_powers(steps: int) -> Tensor:
    return smoothing_powers(OCCURRENCE_SMOOTHING, steps)


def _size_quantiles(sizes: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return equally spaced quantiles of sizes in time order, weighted towards the last."""
    weights = np.exp(-SIZE_DECAY * np.arange(len(sizes))[::-1])
    order = np.argsort(sizes, kind="stable")
    cumulative = np.cumsum(weights[order]) / weights.sum()
    levels = (np.arange(SIZE_LEVELS) + 0.5) / SIZE_LEVELS
    index = np.searchsorted(cumulative, levels - 1e-12)
    return sizes[order][np.minimum(index, len(sizes) - 1)]
