"""Regularity of timestamps in the order of a table's rows; a wrong form makes them irregular."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

MIN_ROWS = 3
"""Fewest rows whose steps can be compared."""
REGULAR_SHARE = 0.9
"""Share of the most common step from which rows are regular."""
MAX_BREAK_SHARE = 0.2
"""Largest share of steps against the order of the rows, as between the series of a long table."""


@dataclass(frozen=True)
class Regularity:
    """The steps between the rows of a table."""

    share: float
    """Share of the most common step among all steps that are not 0; 0 for too few rows."""
    breaks: int
    """Steps against the order of the rows."""
    steps: int
    """Steps that are not 0."""

    @property
    def is_regular(self) -> bool:
        """Whether most rows follow at one step."""
        return (
            self.share >= REGULAR_SHARE - self.breaks / max(1, self.steps)
            and self.breaks <= MAX_BREAK_SHARE * self.steps
        )

    def is_clearly_better(self, other: "Regularity") -> bool:
        """Return whether another reading of the same rows can be excluded."""
        if not self.is_regular:
            return False
        if not other.is_regular or 2 * self.breaks < other.breaks:
            return True
        return self.breaks <= other.breaks and other.share < self.share == 1.0


def measure_regularity(stamps: pd.DatetimeIndex) -> Regularity:
    """Return the regularity of timestamps, whose step may be of the calendar: a month, a weekday.

    Args:
        stamps: timestamps in the order of the rows, without NaT.
    """
    micros = stamps.as_unit("us").asi8
    moves = np.diff(micros)
    is_step = moves != 0
    count = int(is_step.sum())
    if len(stamps) < MIN_ROWS or count < MIN_ROWS - 1:
        return Regularity(0.0, 0, count)
    breaks = int(min((moves > 0).sum(), (moves < 0).sum()))
    share = max(_find_common_share(part[is_step]) for part in _list_steps(stamps, moves))
    return Regularity(share, breaks, count)


def _list_steps(stamps: pd.DatetimeIndex, moves: np.ndarray) -> list[np.ndarray]:
    """Return the steps between rows as durations, months and business days; NaN where undefined."""
    local = stamps.tz_localize(None)
    steps = [moves.astype(np.float64)]
    if (local - local.normalize()).nunique() > 1:
        return steps
    months = np.asarray(local.year) * 12 + np.asarray(local.month)
    days = np.asarray(local.day)
    is_end = np.asarray(local.is_month_end)
    same_day = (days[1:] == days[:-1]) | (is_end[1:] & is_end[:-1])
    steps.append(np.where(same_day & (np.diff(months) != 0), np.diff(months), np.nan))
    if (np.asarray(local.day_of_week) < 5).all():
        dates = local.to_numpy().astype("M8[D]")
        steps.append(np.busday_count(dates[:-1], dates[1:]).astype(np.float64))
    return steps


def _find_common_share(steps: np.ndarray) -> float:
    known = steps[~np.isnan(steps)]
    if not len(known):
        return 0.0
    return float(np.unique(known, return_counts=True)[1].max() / len(steps))
