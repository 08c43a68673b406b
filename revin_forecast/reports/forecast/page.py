"""The report of a forecast as one self-contained HTML page of charts, text and tables."""

from pathlib import Path

from revin_forecast.data.formatting import format_timestamp
from revin_forecast.data.write_table import atomic_output
from revin_forecast.reports.forecast.answer import build_answer_table
from revin_forecast.reports.forecast.backtest_charts import (
    build_charts_with_backtest,
    build_figures,
)
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.sections.backtest import render_backtest
from revin_forecast.reports.forecast.sections.contributions import render_contributions
from revin_forecast.reports.forecast.sections.data import render_data
from revin_forecast.reports.forecast.sections.forecast import render_forecast
from revin_forecast.reports.forecast.sections.model import render_reproduction, render_selection
from revin_forecast.reports.forecast.sections.residuals import render_residuals
from revin_forecast.reports.forecast.sections.shift import render_shift
from revin_forecast.reports.forecast.verdict import judge_forecast
from revin_forecast.reports.templates import Section, render_template

GLOSSARY = "forecast/sections/glossary.html.jinja"


def write_forecast_report(report_content: ReportContent, path: Path, script_url: str = "") -> None:
    """Write the report of a forecast; an existing file is replaced.

    Args:
        report_content: the forecast and the evidence about it.
        path: file to write.
        script_url: address of plotly.js, for pages that share one copy of it. By default the page
            contains the script and needs no other file.

    Raises:
        InputError: the file cannot be written.
    """
    # Rendered before the file is opened: an error leaves an existing page untouched.
    content = render_forecast_report(report_content, script_url).encode()
    with atomic_output(path) as partial:
        partial.write_bytes(content)


def render_forecast_report(content: ReportContent, script_url: str = "") -> str:
    """Return the page as HTML; text from the table is escaped. See `write_forecast_report`."""
    charts = build_charts_with_backtest(content)
    return render_template(
        "forecast/page.html.jinja",
        folder="forecast",
        script_url=script_url,
        scripts=["forecast/charts.js"],
        title=f"Forecast of {content.source}",
        horizon=content.fitted.config.horizon,
        series_count=len(content.series.targets),
        last_rows=_describe_last_rows(content),
        date=content.provenance.get("date"),
        answer=content.answer,
        answer_table=build_answer_table(content, content.answer) if content.answer else None,
        verdict=judge_forecast(content),
        sections=[
            Section("forecast", "Forecast", render_forecast(content, charts)),
            Section("backtest", "How good is it?", render_backtest(content)),
            Section("selection", "Why this model?", render_selection(content)),
            Section("parts", "What is the forecast made of?", render_contributions(content)),
            Section("shift", "Does the level move?", render_shift(content)),
            Section("residuals", "What is left in the errors?", render_residuals(content)),
            Section("data", "The data", render_data(content)),
            Section("again", "Reproduce it", render_reproduction(content)),
            Section("words", "Six words", render_template(GLOSSARY)),
        ],
        figures=build_figures(content, charts),
    )


def _describe_last_rows(content: ReportContent) -> str:
    """Return the timestamp of the last row before the forecast, or a text on differing ends."""
    targets = content.series.select(content.series.targets)
    last = targets.last_timestamps
    if last is None or last.nunique() == 1:
        return format_timestamp(targets.timestamps[-1] if last is None else last[0])
    return f"the last row of each, the latest {format_timestamp(last.max())}"
