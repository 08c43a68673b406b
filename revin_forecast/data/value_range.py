"""`ValueRange`: the values that the forecast of each series may take."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from revin_forecast.data.intermittent import is_intermittent
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.errors import spell_options

ROUNDING_TOLERANCE = 1e-6
"""Relative distance to a whole number that is rounding of float32: such a bound is that number."""
LIMIT_ROUNDING = 8e-7
"""Distance to a limit that is rounding of float32, in standard deviations."""
MAX_WHOLE_NUMBER = 2.0**53
"""Largest number up to which float64 represents every whole number."""
NEAR_DEVIATIONS = 2.0
"""Distance of the smallest value from a bound, in standard deviations, up to which it is near."""


@dataclass(frozen=True, eq=False)
class ValueRange:
    """Bounds and whole numbers of the forecast of each target, decided when the model is fitted."""

    minimum: np.ndarray
    """(targets,) smallest possible value; -inf without one."""
    maximum: np.ndarray
    """(targets,) largest possible value; inf without one."""
    is_whole: np.ndarray
    """(targets,) whether limits of intervals are whole numbers."""
    is_rate: np.ndarray
    """(targets,) whether the point forecast is a mean rate of an intermittent series, which is not
    rounded: 0.3 a day would become 0."""

    @classmethod
    def from_values(
        cls, values: np.ndarray, settings: RangeSettings, season: int = 1
    ) -> "ValueRange":
        """Decide from the observed values and the settings.

        A series without a negative value has the minimum 0, unless the settings name one. A series
        of whole numbers gets whole numbers, however coarse: thousands are not rounded to thousands.

        Args:
            values: (time, targets) in the table's units; NaN where unobserved.
            settings: the user's settings.
            season: steps in the season of the table, whose nights are not intermittent.
        """
        known = np.where(np.isfinite(values), values, 0)
        if settings.minimum is None:
            minimum = np.where((known >= 0).all(0), 0.0, -np.inf)
        else:
            number = -np.inf if isinstance(settings.minimum, str) else settings.minimum
            minimum = np.full(values.shape[1], float(number))
        largest = np.inf if settings.maximum is None else settings.maximum
        is_whole = (known == np.rint(known)).all(0) & (np.abs(known) < MAX_WHOLE_NUMBER).all(0)
        return cls(
            minimum,
            np.full(values.shape[1], float(largest)),
            is_whole & settings.whole_numbers,
            is_intermittent(values, season),
        )

    def select(self, targets: list[int]) -> "ValueRange":
        """Return the range of some targets."""
        return ValueRange(
            self.minimum[targets],
            self.maximum[targets],
            self.is_whole[targets],
            self.is_rate[targets],
        )

    def restrict(
        self, values: np.ndarray, level: float | None = None, point: np.ndarray | None = None
    ) -> np.ndarray:
        """Return forecasts within the range.

        Whole numbers are rounded: the point forecast to the nearest, quantiles inwards, as the same
        whole numbers are between 2.3 and 6.7 as between 3 and 6. So an interval covers as much as
        before. It still contains the rounded point forecast.

        Args:
            values: (..., targets) in the table's units.
            level: quantile level between 0 and 1; None: the point forecast.
            point: point forecast of a quantile; None: unknown.

        >>> sold = ValueRange.from_values(np.array([[3.0], [0.0], [4.0]]), RangeSettings())
        >>> sold.restrict(np.array([[2.6], [-1.2]])).tolist()
        [[3.0], [0.0]]
        >>> sold.restrict(np.array([[2.6]]), level=0.9).tolist()
        [[2.0]]
        >>> sold.restrict(np.array([[2.6]]), level=0.9, point=np.array([[2.5]])).tolist()
        [[3.0]]
        """
        restricted = np.clip(values, self.minimum, self.maximum)
        rounds = self.is_whole & ~self.is_rate if level is None else self.is_whole
        if not rounds.any():
            return restricted + 0.0  # no -0
        whole = _round_to_level(restricted, level)
        if level is not None and level != 0.5 and point is not None:
            nearest = _round_to_level(np.clip(point, self.minimum, self.maximum), None)
            outer = np.minimum(whole, nearest) if level < 0.5 else np.maximum(whole, nearest)
            whole = np.where(self.is_rate, whole, outer)
        # A bound that is not whole, such as 7.5, is moved inwards to a whole number.
        whole = np.clip(whole, np.ceil(self.minimum), np.floor(self.maximum))
        return np.where(rounds, whole, restricted) + 0.0  # no -0

    def snap(self, values: np.ndarray, scale: np.ndarray, fine_scale: np.ndarray) -> np.ndarray:
        """Return values with a limit in place of those that differ from it by float32's rounding.

        Args:
            values: (..., targets) in the table's units.
            scale: (targets,) standard deviations.
            fine_scale: (targets,) deviations that must be resolved, NaN where `scale` suffices.

        >>> litres = ValueRange.from_values(np.array([[0.5], [0.0], [4.0]]), RangeSettings())
        >>> values = np.array([[4e-8], [0.1]])
        >>> litres.snap(values, np.array([1.8]), np.array([np.nan])).tolist()
        [[0.0], [0.1]]
        """
        rounding = LIMIT_ROUNDING * np.fmin(scale, fine_scale)
        for limit in (self.minimum, self.maximum):
            values = np.where(np.abs(values - limit) <= rounding, limit, values)
        return values

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays to save."""
        return {
            "range_minimum": self.minimum,
            "range_maximum": self.maximum,
            "range_whole": self.is_whole,
            "range_rate": self.is_rate,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "ValueRange | None":
        """Return the range from saved arrays; None if there is none, as in older models."""
        names = ("range_minimum", "range_maximum", "range_whole", "range_rate")
        if names[0] not in arrays:
            return None
        minimum, maximum, is_whole, is_rate = (arrays[name] for name in names)
        return cls(minimum, maximum, is_whole.astype(bool), is_rate.astype(bool))

    def summarize(
        self, values: np.ndarray, scale: np.ndarray, settings: RangeSettings
    ) -> dict[str, Any]:
        """Return the numbers of series with each property, and notes, as plain JSON values.

        A bound that the values never came near is not worth a note.

        Args:
            values: (time, targets) that the range was decided from.
            scale: (targets,) their standard deviations.
            settings: the user's settings.
        """
        is_automatic = np.isfinite(self.minimum) & (settings.minimum is None)
        known = np.isfinite(values)
        lowest = np.min(values, axis=0, where=known, initial=np.inf)
        with np.errstate(over="ignore"):  # deviations near the limit of float64
            near = is_automatic & (lowest <= NEAR_DEVIATIONS * scale)
        rounds = self.is_whole & ~self.is_rate
        notes: list[str] = []
        if near.any():
            notes.append(
                f"never below 0 in {describe_share(is_automatic)}, so the forecast is not either; "
                "--minimum none turns this off"
            )
        if rounds.any():
            notes.append(
                f"the forecast of {describe_share(rounds)} is rounded to whole numbers, as "
                "all values are; --whole-numbers false turns this off"
            )
        return {
            "with_minimum": int(np.isfinite(self.minimum).sum()),
            "with_maximum": int(np.isfinite(self.maximum).sum()),
            "whole": int(self.is_whole.sum()),
            "intermittent": int(self.is_rate.sum()),
            "notes": list(map(spell_options, notes)),
        }


def _round_to_level(values: np.ndarray, level: float | None) -> np.ndarray:
    """Return whole numbers: the nearest for the point and the median, else towards it."""
    tolerance = ROUNDING_TOLERANCE * np.maximum(1, np.abs(values))
    if level is None or level == 0.5:
        return np.floor(values + 0.5)
    return np.ceil(values - tolerance) if level < 0.5 else np.floor(values + tolerance)


def describe_share(which: np.ndarray) -> str:
    """Return how many of the series, such as "the table" or "3 of 5 series".

    >>> describe_share(np.array([True, False, False]))
    '1 of 3 series'
    """
    return "the table" if which.all() else f"{int(which.sum())} of {len(which):,} series"
