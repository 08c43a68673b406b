"""Comparison of a model with the naive forecast in the tests of its fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from revin_forecast.utils.shapes import Past

TOLERANCE = 1e-6
"""Difference of two errors below which they are equal, for values of order 1."""

Errors = Float[Tensor, "tests horizon channels"]


@dataclass(frozen=True, eq=False)
class NaiveComparison:
    """How often a model was as good as or better than a naive forecast, by channel."""

    season: int
    """Season of the naive forecast in steps; 1: it repeats the last value."""
    tests: Int[Tensor, " channels"]
    """Number of tests in which both errors are known."""
    as_good: Int[Tensor, " channels"]
    """Number of tests in which the model's mean absolute error was not larger."""
    steps: int
    """Steps of the longest test: near the end of a table a test sees only the first steps."""

    def summarize(self, targets: Sequence[int] | None) -> dict[str, Any]:
        """Return the numbers of the channels that are forecast as plain JSON values."""
        chosen = slice(None) if targets is None else list(targets)
        tests, as_good = self.tests[chosen].tolist(), self.as_good[chosen].tolist()
        return {"season": self.season, "tests": tests, "as_good": as_good, "steps": self.steps}


def compare_with_naive(
    errors: Errors, naive_errors: Mapping[int, Errors], season: int
) -> NaiveComparison:
    """Compare the errors of a model with those of the naive forecast in each test.

    The seasonal naive forecast is the standard. Without a season, or if it has no forecast in any
    test, repeating the last value is.

    Args:
        errors: truth minus forecast, NaN where unknown.
        naive_errors: errors of naive forecasts by their season; 1 for the last value.
        season: steps in a season; 1 without one.

    >>> model = torch.tensor([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    >>> comparison = compare_with_naive(model, {1: model.new_full((3, 1, 1), 2.0)}, season=7)
    >>> comparison.summarize(None)
    {'season': 1, 'tests': [3], 'as_good': [2], 'steps': 1}
    """
    comparison = None
    for lag in dict.fromkeys((season, 1)):
        if lag in naive_errors:
            comparison = NaiveComparison(lag, *_count_as_good(errors, naive_errors[lag]))
            if bool(comparison.tests.any()):
                return comparison
    assert comparison is not None  # every caller has the errors of the last value
    return comparison


def join_comparisons(parts: Sequence[NaiveComparison], order: Tensor) -> NaiveComparison:
    """Return the comparison of all channels from those of parts of them.

    Args:
        parts: comparisons of parts; those with another season than most tests are left out.
        order: position of each channel in the concatenated parts.
    """
    season = max(parts, key=lambda part: int(part.tests.sum())).season
    tests, as_good = (
        torch.cat(
            [
                counts if part.season == season else torch.zeros_like(counts)
                for part, counts in ((part, getattr(part, name)) for part in parts)
            ]
        )[order]
        for name in ("tests", "as_good")
    )
    steps = max(part.steps for part in parts if part.season == season)
    return NaiveComparison(season, tests, as_good, steps)


def forecast_naively(
    past: Past, horizon: int, season: int
) -> Float[Tensor, "windows horizon channels"]:
    """Return the values of the last season of windows, or their last value for season 1.

    Gaps have the last value before them.

    Args:
        past: (windows, lookback, channels), NaN where unobserved.
        horizon: steps to forecast.
        season: steps in a season, at most the look-back.
    """
    lookback = past.shape[1]
    rows = torch.arange(lookback).reshape(1, -1, 1)
    latest = torch.where(past.isfinite(), rows, 0).cummax(1).values
    steps = lookback - season + torch.arange(horizon) % season
    return past.gather(1, latest[:, steps])


def _count_as_good(errors: Errors, naive_errors: Errors) -> tuple[Tensor, Tensor, int]:
    """Return the number of tests and of those in which the model was as good, and their steps.

    Both numbers are by channel.
    """
    is_known = errors.isfinite() & naive_errors.isfinite()
    size, naive_size = (
        part.abs().where(is_known, 0).sum(1) / is_known.sum(1).clamp(min=1)
        for part in (errors, naive_errors)
    )
    is_test = is_known.any(1)
    is_as_good = is_test & (size <= naive_size * (1 + TOLERANCE) + TOLERANCE)
    steps = is_known.any(2).any(0).nonzero()
    return is_test.sum(0), is_as_good.sum(0), int(steps[-1]) + 1 if len(steps) else 0
