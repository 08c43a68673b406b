"""The report of a forecast as one self-contained HTML page of charts, text and tables."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.formatting import format_timestamp, pluralize
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
"""Largest forecast that the page embeds for download, in characters of CSV."""
FAN_HELP = "Drag to zoom, double-click to show everything, hover to read values."
PAST_FORECAST_HELP = (
    "The dotted line shows the forecasts of the backtest, each made from the rows before it."
)


def write_forecast_report(report_content: ReportContent, path: Path) -> None:
    """Write the report of a forecast; an existing file is replaced.

    Args:
        report_content: the forecast and the evidence about it.
        path: file to write.

    Raises:
        InputError: the file cannot be written.
    """
    # Rendered before the file is opened: an error leaves an existing page untouched.
    content = render_forecast_report(report_content).encode()
    with atomic_output(path) as partial:
        partial.write_bytes(content)


def render_forecast_report(content: ReportContent) -> str:
    """Return the page as HTML; text from the table is escaped."""
    charts = build_charts_with_backtest(content)
    title = f"Forecast of {content.source}"
    parts = [
        ("forecast", "Forecast", _render_forecast(content, charts)),
        ("backtest", "How good is it?", _render_backtest(content)),
        ("selection", "Why this model?", sections.render_selection_table(content)),
        ("shift", "Does the level move?", sections.render_shift_table(content)),
        ("residuals", "What is left in the errors?", _render_residuals(content)),
        ("data", "The data", sections.render_issue_table(content)),
        ("again", "Reproduce it", sections.render_reproduction(content)),
    ]
    body = f"<h1>{escape(title)}</h1>{_render_verdict(content)}" + "".join(
        f'<section id="{key}"><h2>{heading}</h2>{html}</section>' for key, heading, html in parts
    )
    links = "".join(f'<a href="#{key}">{heading}</a>' for key, heading, _ in parts)
    navigation = f'<nav aria-label="Contents">{links}</nav>'
    return render_page(
        title, body + render_charts_json(content, charts), navigation, PAGE_FOLDER, ("charts.js",)
    )


def _render_verdict(content: ReportContent) -> str:
    count = len(content.series.targets)
    date = content.provenance.get("date")
    summary = (
        f"{pluralize(content.fitted.config.horizon, 'step')} of {count:,} series after "
        f"{_describe_last_rows(content)}{f', made {date}' if date else ''}."
    )
    points = "".join(
        f'<li class="{rating or "neither"}">{escape(sentence)}</li>'
        for sentence, rating in judge_forecast(content)
    )
    return f'{render_paragraph(summary, "made")}<ul class="verdict">{points}</ul>'


def _describe_last_rows(content: ReportContent) -> str:
    """Return the timestamp of the last row before the forecast, or a text on differing ends."""
    targets = content.series.select(content.series.targets)
    last = targets.last_timestamps
    if last is None or last.nunique() == 1:
        return format_timestamp(targets.timestamps[-1] if last is None else last[0])
    return f"the last row of each, the latest {format_timestamp(last.max())}"


def _render_forecast(content: ReportContent, charts: Sequence[FanChart]) -> str:
    undrawn_count = len(content.series.targets) - len(charts)
    notes = [
        FAN_HELP,
        PAST_FORECAST_HELP if any(fan.past_forecasts for fan in charts) else "",
        f"The first {len(charts)} series are drawn, {undrawn_count:,} more are not."
        if undrawn_count
        else "",
        describe_hidden_levels(content),
    ]
    return (
        f"{_render_series_picker(charts)}{_render_chart_box('fan', 'History and forecast', 420)}"
        f"{render_paragraph(' '.join(filter(None, notes)), 'note')}"
        f"{_render_download(content.forecast)}"
        f"{sections.render_forecast_table(content)}"
    )


def _render_download(forecast_frame: pd.DataFrame) -> str:
    """Return a button that downloads the forecast, unless it is too large to embed."""
    # With its comma a value takes at least two characters: skip the conversion if that exceeds the
    # limit already.
    forecast = to_csv(forecast_frame) if 2 * forecast_frame.size <= MAX_DOWNLOAD_CHARACTERS else ""
    if not 0 < len(forecast) <= MAX_DOWNLOAD_CHARACTERS:
        return render_paragraph(
            "The forecast is too long to embed in this page; write it to a file with --out."
        )
    button = '<button type="button" id="download">Download the forecast (CSV)</button>'
    return button + render_json_block("csv", json.dumps(forecast))


def _render_series_picker(charts: Sequence[FanChart]) -> str:
    if len(charts) < 2:  # nothing to choose
        return ""
    options = "".join(f"<option>{escape(fan.name)}</option>" for fan in charts)
    return f"<label>Series: <select id='series'>{options}</select></label>"


def _render_backtest(content: ReportContent) -> str:
    result = content.backtest
    if isinstance(result, str):
        return sections.render_backtest_table(content)
    # A constant series has no MASE, so its chart would be empty.
    has_scores = bool(np.isfinite(result.step_scores["mase"]).any())
    chart = _render_chart_box("steps", "Error by step ahead", 300) if has_scores else ""
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
