"""The page of a forecast: charts, words and tables in one file that needs nothing else."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.series import format_timestamp, pluralize
from revin_forecast.data.write_table import atomic_output, to_csv
from revin_forecast.reports.forecast import sections
from revin_forecast.reports.forecast.backtest_charts import (
    build_charts_with_backtest,
    render_charts_json,
)
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.fan_chart import FanChart
from revin_forecast.reports.forecast.interval_levels import describe_hidden_levels
from revin_forecast.reports.forecast.verdict import judge_forecast
from revin_forecast.reports.html import render_json_block, render_page, render_paragraph

PAGE_FOLDER = Path(__file__).parent
MAX_DOWNLOAD_CHARACTERS = 2**21
"""Characters of the forecast as CSV that the page holds for its download."""
FAN_HELP = "Drag to zoom, double-click to see everything, point at the chart to read values."
PAST_FORECAST_HELP = (
    "The dotted line is what the model of the backtest would have said then, from the rows before."
)


def write_forecast_report(report_content: ReportContent, path: Path) -> None:
    """Write the page; an older one is replaced.

    Raises:
        InputError: it can't be written.
    """
    content = render_forecast_report(report_content).encode()
    with atomic_output(path) as partial:
        partial.write_bytes(content)


def render_forecast_report(content: ReportContent) -> str:
    """Return the page; every word that came from the table is escaped."""
    drawn = build_charts_with_backtest(content)
    title = f"Forecast of {content.source}"
    parts = [
        ("forecast", "Forecast", _render_forecast(content, drawn)),
        ("backtest", "How good is it?", _render_backtest(content)),
        ("selection", "Why this model?", sections.render_selection_table(content)),
        ("shift", "Does the level move?", sections.render_shift_table(content)),
        ("residuals", "What do the errors still hold?", _render_residuals(content)),
        ("data", "The data", sections.render_issue_table(content)),
        ("again", "Do it again", sections.render_reproduction(content)),
    ]
    body = f"<h1>{escape(title)}</h1>{_render_verdict(content)}" + "".join(
        f'<section id="{key}"><h2>{heading}</h2>{html}</section>' for key, heading, html in parts
    )
    links = "".join(f'<a href="#{key}">{heading}</a>' for key, heading, _ in parts)
    navigation = f'<nav aria-label="Contents">{links}</nav>'
    return render_page(
        title, body + render_charts_json(content, drawn), navigation, PAGE_FOLDER, ("charts.js",)
    )


def _render_verdict(content: ReportContent) -> str:
    count = len(content.series.targets)
    made = content.provenance.get("date")
    told = (
        f"{pluralize(content.fitted.config.horizon, 'step')} of {count:,} series after "
        f"{_describe_last_rows(content)}{f', made {made}' if made else ''}."
    )
    points = "".join(
        f'<li class="{kind or "neither"}">{escape(text)}</li>'
        for text, kind in judge_forecast(content)
    )
    return f'{render_paragraph(told, "made")}<ul class="verdict">{points}</ul>'


def _describe_last_rows(content: ReportContent) -> str:
    """Return after what the forecast comes."""
    part = content.series.select(content.series.targets)
    if part.last_timestamps is None or part.last_timestamps.nunique() == 1:
        return format_timestamp(
            part.timestamps[-1] if part.last_timestamps is None else part.last_timestamps[0]
        )
    return f"each one's own last row, the latest {format_timestamp(part.last_timestamps.max())}"


def _render_forecast(content: ReportContent, charts: Sequence[FanChart]) -> str:
    more = len(content.series.targets) - len(charts)
    notes = [
        FAN_HELP,
        PAST_FORECAST_HELP if any(fan.past_forecasts for fan in charts) else "",
        f"The first {len(charts)} series are drawn; {more:,} more are not." if more else "",
        describe_hidden_levels(content),
    ]
    return (
        f"{_render_series_picker(charts)}{_render_chart_box('fan', 'History and forecast', 420)}"
        f"{render_paragraph(' '.join(filter(None, notes)), 'note')}"
        f"{_render_download(content.forecast)}"
        f"{sections.render_forecast_table(content)}"
    )


def _render_download(forecast_frame: pd.DataFrame) -> str:
    """Return a button that gives the forecast out as a file, unless that would fill the page."""
    # A value has two characters at least, with its comma: what is surely too long isn't written.
    forecast = to_csv(forecast_frame) if 2 * forecast_frame.size <= MAX_DOWNLOAD_CHARACTERS else ""
    if not 0 < len(forecast) <= MAX_DOWNLOAD_CHARACTERS:
        return render_paragraph(
            "The forecast is too long to be held by this page; --out writes it."
        )
    button = '<button type="button" id="download">Download the forecast (CSV)</button>'
    return button + render_json_block("csv", json.dumps(forecast))


def _render_series_picker(charts: Sequence[FanChart]) -> str:
    if len(charts) < 2:
        return ""
    options = "".join(f"<option>{escape(fan.name)}</option>" for fan in charts)
    return f"<label>Series: <select id='series'>{options}</select></label>"


def _render_backtest(content: ReportContent) -> str:
    result = content.backtest
    if isinstance(result, str):
        return sections.render_backtest_table(content)
    told_apart = bool(np.isfinite(result.step_scores["mase"]).any())
    chart = _render_chart_box("steps", "Error by step ahead", 300) if told_apart else ""
    return sections.render_backtest_text(content) + sections.render_backtest_table(content) + chart


def _render_residuals(content: ReportContent) -> str:
    result = content.backtest
    if isinstance(result, str):
        return sections.render_residual_table(content)
    chart = _render_chart_box("left", "Errors over time", 300)
    return sections.render_residual_text(result) + chart + sections.render_residual_table(content)


def _render_chart_box(key: str, label: str, height: int) -> str:
    return (
        f'<div class="chart" id="chart-{key}" role="img" aria-label="{escape(label)}" '
        f'style="height:{height}px"></div>'
    )
