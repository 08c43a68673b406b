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
MAX_NUMBERS = 200_000
"""Most rows of the tables of values, which the page holds for all series drawn; the download has
all."""


def render_forecast(content: ReportContent, charts: Sequence[FanChart]) -> Markup:
    """Return the box of the chart, the download and the values of the forecast."""
    row_count = max(1, MAX_NUMBERS // max(1, len(charts)))
    tables = [list_values(fan, row_count) for fan in charts]
    levels = [f"{level:g} % {end}" for level in content.levels for end in ("from", "to")]
    return render_template(
        "forecast/sections/forecast.html.jinja",
        names=[fan.name for fan in charts],
        has_past_forecasts=any(fan.past_forecasts for fan in charts),
        undrawn_count=len(content.series.targets) - len(charts),
        hidden_levels=describe_hidden_levels(content),
        intervals=_describe_intervals(content),
        csv=_to_short_csv(content.forecast, content.series.format),
        columns=["forecast", *levels],
        tables=tables,
        row_count=row_count if content.fitted.config.horizon > row_count else 0,
    )


def list_values(fan: FanChart, row_count: int) -> list[list[str]]:
    """Return the first rows of a forecast as text: time, forecast and the bounds of each level."""
    timestamps = fan.future_timestamps[:row_count]
    zone = "" if timestamps.tz is None else "%z"
    bounds = [bound for pair in fan.bounds.values() for bound in pair]
    columns = [[f"{value:.6g}" for value in column] for column in (fan.forecast, *bounds)]
    times = timestamps.strftime(timestamp_format(timestamps) + zone).tolist()
    return [list(row) for row in zip(times, *columns, strict=False)]


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
