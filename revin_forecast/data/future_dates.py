"""The steps after a table's last row, as far as dates reach."""

from typing import Any

import pandas as pd
from pandas.tseries.frequencies import to_offset

from revin_forecast.errors import InputError

MAX_YEAR = 9999
"""The last year of a date with four digits, which all programs can read."""


def check_future_dates(
    last: pd.Timestamp, frequency: str, horizon: int, most: int | None = None
) -> None:
    """Check that all steps of a forecast have a date.

    Args:
        last: timestamp of the last row.
        frequency: pandas frequency string.
        horizon: steps to forecast.
        most: the longest horizon that other limits allow; None: no other limit.

    Raises:
        InputError: the steps end after the last date; the message has the number that works.
    """
    if _has_date(last, frequency, horizon):
        return
    low, high = 0, horizon  # `low` steps have dates, `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _has_date(last, frequency, middle) else (low, middle)
    low = low if most is None else min(low, most)
    remedy = f"Pass a horizon of at most {low:,}." if low else "Correct the times of the table."
    raise InputError(
        f"{horizon:,} steps of {frequency!r} after {last} end after the last date that can be "
        f"written. {remedy}"
    )


def _has_date(last: pd.Timestamp, frequency: str, steps: int) -> bool:
    """Return whether the timestamp some steps after another one exists."""
    offset: Any = to_offset(frequency)
    try:
        return (last + steps * offset).year <= MAX_YEAR
    except (OverflowError, ValueError):  # the errors of pandas for dates out of bounds are both
        return False
