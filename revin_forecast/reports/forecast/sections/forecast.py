"""The section with the forecast: its chart, a download, and a table of its values."""

from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from revin_forecast.data.table_format import TableFormat
from revin_forecast.data.write_table import to_csv
from revin_forecast.forecasting.calibration import describe_calibration
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.fan_chart import FanChart
from revin_forecast.reports.forecast.interval_levels import describe_hidden_levels
from revin_forecast.reports.forecast.style import timestamp_format
from revin_forecast.reports.templates import render_template

MAX_DOWNLOAD_CHARACTERS = 2**21
"""Largest forecast that the page embeds for download, in characters of CSV."""
MAX_ROWS = 400
"""Rows of the forecast shown; the download has all."""
MAX_SERIES = 20
"""Series shown of a wide forecast, in which each has columns of its own."""


def render_forecast(content: ReportContent, charts: Sequence[FanChart]) -> Markup:
    """Return the box of the chart, the download and the values of the forecast."""
    shown, cuts = _cut_table(content)
    columns = [_format_column(shown.iloc[:, index]) for index in range(shown.shape[1])]
    return render_template(
        "forecast/sections/forecast.html.jinja",
        names=[fan.name for fan in charts],
        has_past_forecasts=any(fan.past_forecasts for fan in charts),
        undrawn_count=len(content.series.targets) - len(charts),
        hidden_levels=describe_hidden_levels(content),
        intervals=_describe_intervals(content),
        csv=_to_short_csv(content.forecast, content.series.format),
        cuts=cuts,
        columns=[
            (name, "number" if column.dtype.kind == "f" else "") for name, column in shown.items()
        ],
        rows=list(zip(*columns, strict=True)),
    )


def _describe_intervals(content: ReportContent) -> str:
    """Return how the intervals shown were estimated; empty without any."""
    if not content.levels:
        return ""
    if content.fitted.config.quantile_levels:
        return "the model's own quantiles"
    return describe_calibration(content.fitted.summary)


def _to_short_csv(forecast: pd.DataFrame, format: TableFormat) -> str:
    """Return the forecast as CSV, or an empty string if it is too large to embed."""
    # With its comma a value takes at least two characters: skip the conversion if that exceeds the
    # limit already.
    if 2 * forecast.size > MAX_DOWNLOAD_CHARACTERS:
        return ""
    csv = to_csv(forecast, format)
    return csv if len(csv) <= MAX_DOWNLOAD_CHARACTERS else ""


def _cut_table(content: ReportContent) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows and columns of the forecast that the page shows, and the parts it shows."""
    frame, cuts = content.forecast, []
    count = len(content.series.targets)
    shown = frame.head(MAX_ROWS)
    if len(frame) > MAX_ROWS:
        cuts.append(f"{MAX_ROWS} of {len(frame):,} rows")
    if content.series.format.id is None and count > MAX_SERIES:
        columns_per_series = (frame.shape[1] - 1) // count  # the first column is the time
        shown = shown.iloc[:, : 1 + MAX_SERIES * columns_per_series]
        cuts.append(f"{MAX_SERIES} of {count:,} series")
    return shown, cuts


def _format_column(column: pd.Series) -> Sequence[str]:
    """Return a column as text; timestamps have one format, with the time zone if any."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        timestamps = pd.DatetimeIndex(column)
        zone = "" if timestamps.tz is None else "%z"
        return timestamps.strftime(timestamp_format(timestamps) + zone).tolist()
    if column.dtype.kind == "f":
        return [f"{value:.6g}" for value in column]
    return column.astype(str).tolist()
