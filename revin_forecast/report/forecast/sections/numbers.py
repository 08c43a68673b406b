"""The forecast as a table."""

import pandas as pd

from revin_forecast.report.forecast.account import ReportContent
from revin_forecast.report.forecast.style import timestamp_format
from revin_forecast.report.markup import Cell, render_collapsible, header_row, render_paragraph, render_table

MAX_ROWS = 400
"""Rows shown; the download has all."""
MAX_SERIES = 20
"""Series shown of a wide table, where each has columns of its own."""


def render_forecast_table(content: ReportContent) -> str:
    """Return the forecast's numbers, folded."""
    frame, more = content.forecast, []
    count = len(content.series.targets)
    shown = frame.head(MAX_ROWS)
    if len(frame) > MAX_ROWS:
        more.append(f"{MAX_ROWS} of {len(frame):,} rows")
    if content.series.layout.id is None and count > MAX_SERIES:
        each = (frame.shape[1] - 1) // count  # columns of a series; the first is time
        shown = shown.iloc[:, : 1 + MAX_SERIES * each]
        more.append(f"{MAX_SERIES} of {count:,} series")
    cells = [_column_cells(shown.iloc[:, place]) for place in range(shown.shape[1])]
    text = render_table(header_row(*map(str, shown.columns)), list(zip(*cells, strict=True)))
    return render_collapsible("The numbers", render_paragraph(f"The first {', '.join(more)}.") * bool(more) + text)


def _column_cells(column: pd.Series) -> list[Cell]:
    """Return a column's cells; stamps are written in one form, with the zone if they have one."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        stamps = pd.DatetimeIndex(column)
        zone = "" if stamps.tz is None else "%z"
        return [Cell(text) for text in stamps.strftime(timestamp_format(stamps) + zone)]
    if column.dtype.kind == "f":
        return [Cell(f"{value:.6g}", "number") for value in column]
    return [Cell(str(value)) for value in column]
