"""The parts of the page that are words and tables, one a file."""

from revin_forecast.report.forecast.sections.again import render_reproduction
from revin_forecast.report.forecast.sections.backtest import render_backtest_table, render_backtest_text
from revin_forecast.report.forecast.sections.data import render_issue_table
from revin_forecast.report.forecast.sections.numbers import render_forecast_table
from revin_forecast.report.forecast.sections.residuals import render_residual_table, render_residual_text
from revin_forecast.report.forecast.sections.selection import render_selection_table
from revin_forecast.report.forecast.sections.shift import render_shift_table

__all__ = [
    "render_backtest_table",
    "render_backtest_text",
    "render_forecast_table",
    "render_issue_table",
    "render_reproduction",
    "render_residual_table",
    "render_residual_text",
    "render_selection_table",
    "render_shift_table",
]
