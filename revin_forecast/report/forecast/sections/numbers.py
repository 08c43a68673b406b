"""The forecast as a table."""

import pandas as pd

from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.style import form_of
from revin_forecast.report.markup import Cell, folded, heads, paragraph, table

MOST = 400
"""Rows shown; the download has all."""
MOST_SERIES = 20
"""Series shown of a wide table, where each has columns of its own."""


def forecast_table(account: Account) -> str:
    """Return the forecast's numbers, folded."""
    frame, more = account.forecast, []
    count = len(account.series.targets)
    shown = frame.head(MOST)
    if len(frame) > MOST:
        more.append(f"{MOST} of {len(frame):,} rows")
    if account.series.layout.id is None and count > MOST_SERIES:
        each = (frame.shape[1] - 1) // count  # columns of a series; the first is time
        shown = shown.iloc[:, : 1 + MOST_SERIES * each]
        more.append(f"{MOST_SERIES} of {count:,} series")
    cells = [_cells(shown.iloc[:, place]) for place in range(shown.shape[1])]
    text = table(heads(*map(str, shown.columns)), list(zip(*cells, strict=True)))
    return folded("The numbers", paragraph(f"The first {', '.join(more)}.") * bool(more) + text)


def _cells(column: pd.Series) -> list[Cell]:
    """Return a column's cells; stamps are written in one form, with the zone if they have one."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        stamps = pd.DatetimeIndex(column)
        zone = "" if stamps.tz is None else "%z"
        return [Cell(text) for text in stamps.strftime(form_of(stamps) + zone)]
    if column.dtype.kind == "f":
        return [Cell(f"{value:.6g}", "number") for value in column]
    return [Cell(str(value)) for value in column]
