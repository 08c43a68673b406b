"""Weights of smoothing parameters by the likelihood of their one-step errors."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from revin_forecast.backbones.smoothing_grid import (
    MIN_SEASONS,
    SmoothedStates,
    SmoothingGrid,
    Values,
    count_rows,
    select_counted_rows,
)

WEIGHT_TEMPERATURE = 4.0
"""A combination's weight is exp(-score / temperature); 2 would be the posterior of BIC-like scores.

Twice that, as the one-step errors of a misspecified model count for less than independent ones."""
MIN_WEIGHT = 1e-4
"""Weights below this are dropped."""
RELATIVE_NOISE, ROUNDING_NOISE = 1e-16, 1e-28
"""Mean squared error below which fits are equally perfect, in variances and in mean squares."""
MIN_LOG_ROWS = 8
"""Fewest observed rows for logarithms."""
MIN_LOG_SHARE = 1e-6
"""Least value with a logarithm, in largest values: a rounded 0 has none."""


def estimate_noise(
    values: Values, observed: Bool[Tensor, "time series"] | None, squares: Values
) -> Float[Tensor, " series"]:
    """Return the mean squared error of each series that counts as 0.

    Args:
        values: (time, series).
        observed: True where measured; None: everywhere.
        squares: (time, series) squares of the unit that rounding errors are relative to.
    """
    known = torch.ones_like(values) if observed is None else observed.to(values)
    count = known.sum(0).clamp(min=1)
    deviations = values - (known * values).sum(0) / count
    variance = (known * deviations.square()).sum(0) / count
    return RELATIVE_NOISE * variance + ROUNDING_NOISE * (known * squares).sum(0) / count


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores combinations by their one-step errors, J = n ln(mean e^2) + penalties."""

    penalties: Float[Tensor, "parameters 1"]
    """Penalty of each combination."""
    growth_penalties: Float[Tensor, "parameters 1"]
    """Further penalty of each combination on logarithms."""
    seasonal: Bool[Tensor, "parameters 1"]
    """Whether a combination has a season."""
    season: int
    """Steps in a season; 1: none."""
    noise: Float[Tensor, " series"]
    """Least mean squared error that counts as more than 0."""
    begin: Int[Tensor, " series"]
    """First row of each series."""

    @classmethod
    def for_series(cls, grid: SmoothingGrid, noise: Tensor, begin: Tensor) -> "Scorer":
        """Compute what all origins share."""
        penalties, growth_penalties = grid.penalize(noise)
        seasonal = grid.columns(noise)[4] > 0
        return cls(penalties, growth_penalties, seasonal, grid.season, noise, begin)

    def score(self, states: SmoothedStates) -> Float[Tensor, "parameters series"]:
        """Return J of each combination; infinite for a season in less than two of them."""
        mean_square = states.squares / states.count.clamp(min=1) + self.noise
        # Only a series of zeros has errors of 0, for every combination alike.
        mean_square = torch.where(mean_square > 0, mean_square, 1)
        scores = states.count * mean_square.log() + self.penalties
        if self.season == 1:
            return scores
        too_short = count_rows(self.begin, states.origin) < MIN_SEASONS * self.season
        return scores.masked_fill(self.seasonal & too_short, torch.inf)


def weigh_scores(scores: Tensor) -> Tensor:
    """Return weights exp(-score / temperature) that sum to 1 for each series, without tiny ones."""
    weights = torch.softmax(-scores / WEIGHT_TEMPERATURE, dim=0)
    weights = torch.where(weights < MIN_WEIGHT, 0, weights)
    return weights / weights.sum(0)


@dataclass(frozen=True, eq=False)
class Logarithms:
    """Logarithms of a chunk of series and the terms that make their errors comparable."""

    values: Values
    """Logarithms of the amounts; 0 for one that has none."""
    amounts: Values
    """Values above the value that stands for 0; NaN where unobserved."""
    zero: Float[Tensor, " series"]
    jacobian: Float[Tensor, "times series"]
    """2 sum ln y of the rows before each row that count in the likelihood."""

    def find_positive(
        self, origin: int
    ) -> tuple[Bool[Tensor, " series"], Float[Tensor, " series"]]:
        """Return which series are positive before an origin, and their largest logarithm."""
        amounts = self.amounts[:origin]
        is_gap = amounts.isnan()
        largest = torch.where(is_gap, 0, amounts).amax(0)
        least = torch.where(is_gap, torch.inf, amounts).amin(0)
        # The value that stands for 0 is finite where the largest amount is positive.
        is_positive = (largest > 0) & (least > MIN_LOG_SHARE * largest)
        # Three rows that double do not show exponential growth.
        is_positive &= (~is_gap).sum(0) >= MIN_LOG_ROWS
        return is_positive, torch.where(is_positive, largest, 1).log()


def take_logarithms(
    values: Values,
    observed: Bool[Tensor, "time series"] | None,
    begin: Int[Tensor, " series"],
    season: int,
    zero: Float[Tensor, " series"],
) -> Logarithms:
    """Return the logarithms of series above their `zero`, with the change of variables.

    Args:
        values: (time, series), finite.
        observed: True where measured; None: everywhere.
        begin: first row of each series.
        season: steps in a season; 1: none.
        zero: value that stands for 0 in each series; NaN: no logarithms.
    """
    amounts = values - zero
    if observed is not None:
        amounts = torch.where(observed, amounts, torch.nan)
    logs = torch.where(amounts > 0, amounts, 1).log()
    counted = select_counted_rows(values, observed, begin, season)
    jacobian = 2 * torch.cat([torch.zeros_like(logs[:1]), (counted * logs).cumsum(0)])
    return Logarithms(logs, amounts, torch.where(zero.isfinite(), zero, 0), jacobian)
