"""The forecast as a table."""

import pandas as pd

from revin_forecast.data.series import shown_stamp
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.markup import Cell, folded, heads, paragraph, table

MOST = 400
"""Rows shown; the download has all."""


def forecast_table(account: Account) -> str:
    """Return the forecast's numbers, folded."""
    frame = account.forecast
    rows = [
        [_value(cell) for cell in row]
        for row in frame.head(MOST).itertuples(index=False, name=None)
    ]
    more = "" if len(frame) <= MOST else paragraph(f"The first {MOST} of {len(frame)}.")
    whole = table(heads(*map(str, frame.columns)), rows)
    return folded("The numbers", more + whole)


def _value(cell: object) -> Cell:
    if isinstance(cell, float):
        return Cell(f"{cell:.6g}", "number")
    return Cell(shown_stamp(cell) if isinstance(cell, pd.Timestamp) else str(cell))
