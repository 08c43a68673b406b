"""Figures of the rows before a forecast, which may have gaps."""

import numpy as np

MIN_KNOWN_SHARE = 0.5
"""Smallest observed share of the rows that a forecast is compared with."""


def average_known(rows: np.ndarray) -> np.ndarray:
    """Return the mean of each series; NaN if it was observed in fewer than half of the rows."""
    count = np.isfinite(rows).sum(0)
    total = np.nansum(rows, axis=0)
    is_known = count >= max(1, MIN_KNOWN_SHARE * len(rows))
    return np.where(is_known, total / np.maximum(count, 1), np.nan)


def measure_rows(past: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lowest and highest value and the deviation of each series; NaN without values."""
    is_known = np.isfinite(past)
    lowest = np.where(is_known, past, np.inf).min(0, initial=np.inf)
    highest = np.where(is_known, past, -np.inf).max(0, initial=-np.inf)
    count = np.maximum(is_known.sum(0), 1)
    known = np.where(is_known, past, 0)
    # Values near the limits of float64 have an infinite deviation, which is good enough for words.
    with np.errstate(over="ignore", invalid="ignore"):
        mean = known.sum(0) / count
        deviation = np.sqrt((np.where(is_known, past - mean, 0) ** 2).sum(0) / count)
    return lowest, highest, deviation


def are_counts(past: np.ndarray) -> bool:
    """Return whether all observed values are whole numbers from 0 up, so that a sum has a meaning.

    Other amounts of one table may be temperatures or prices.
    """
    known = past[np.isfinite(past)]
    return past.shape[1] > 1 and bool(((known >= 0) & (known == np.rint(known))).all())


def find_last(past: np.ndarray) -> float | None:
    """Return the last observed value of a series; None without any."""
    known = past[np.isfinite(past)]
    return float(known[-1]) if len(known) else None


def find_past_value(past: np.ndarray, season: int) -> float | None:
    """Return the value one season before the last row; None without a season or that value."""
    if not 1 < season < len(past) or not np.isfinite(past[-1 - season]):
        return None
    return float(past[-1 - season])
