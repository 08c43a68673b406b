"""A regular step that suits irregular rows, for the remedy in messages."""

from datetime import timedelta

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

CLOCK_STEPS = {
    "s": 1,
    "10s": 10,
    "min": 60,
    "5min": 300,
    "15min": 900,
    "30min": 1800,
    "h": 3600,
    "3h": 10_800,
    "6h": 21_600,
    "D": 86_400,
}
"""Usual steps, with their seconds."""
MIN_FILLED_SHARE, MIN_FILLED_DAYS = 0.9, 0.6
"""Least share of the steps, and of days, that have a row: a week may have five days."""
MIN_REGULAR_SHARE = 0.6
"""Share of the gaps with the same length by which rows are regular but for a few."""
MAX_SAMPLE_ROWS = 100_000
"""Most rows that are looked at."""
END_ROWS = 3
"""Rows at both ends that are not looked at, since a wrong time may be among them."""


def suggest_resample(stamps: pd.DatetimeIndex) -> str:
    """Return the options that put irregular rows on regular steps.

    >>> suggest_resample(pd.date_range("2024-01-01", periods=90, freq="37min"))
    '--resample h --aggregate mean (or sum)'
    """
    return f"--resample {suggest_step(stamps)} --aggregate mean (or sum)"


def suggest_step(stamps: pd.DatetimeIndex) -> str:
    """Return the finest usual step of which most steps have a row.

    Args:
        stamps: timestamps in any order.
    """
    local = stamps.tz_localize(None).unique().sort_values()[:MAX_SAMPLE_ROWS]
    if len(local) > 4 * END_ROWS:
        local = local[END_ROWS:-END_ROWS]
    seconds = np.asarray(local, dtype="datetime64[s]").astype(np.int64)
    gaps, counts = np.unique(np.diff(seconds), return_counts=True)
    # Rows that mostly are one step apart have that step, unusual as it may be.
    if len(gaps) and counts.max() > MIN_REGULAR_SHARE * counts.sum():
        usual = int(gaps[counts.argmax()])
        if 0 < usual < CLOCK_STEPS["D"] and CLOCK_STEPS["D"] % usual == 0:
            return to_offset(timedelta(seconds=usual)).freqstr
    for step, size in CLOCK_STEPS.items():
        share = MIN_FILLED_DAYS if step == "D" else MIN_FILLED_SHARE
        if _find_filled_share(seconds // size) >= share:
            return step
    days = seconds // CLOCK_STEPS["D"]
    months = np.asarray(local.year * 12 + local.month)
    # 1970-01-01 was a Thursday, three days after a Monday.
    longer_steps = {"W-MON": (days + 3) // 7, "MS": months, "QS": (months - 1) // 3}
    for step, numbers in longer_steps.items():
        if _find_filled_share(numbers) >= MIN_FILLED_SHARE:
            return step
    return "YS"


def _find_filled_share(numbers: np.ndarray) -> float:
    """Return the share of the steps with a row, from the sorted numbers of the rows' steps."""
    return len(np.unique(numbers)) / (numbers[-1] - numbers[0] + 1)
