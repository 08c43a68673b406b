"""Text and tables of the page's sections, a module each."""

from revin_forecast.reports.forecast.sections.backtest import (
    render_backtest_table,
    render_backtest_text,
)
from revin_forecast.reports.forecast.sections.data import render_forecast_table, render_issue_table
from revin_forecast.reports.forecast.sections.model import (
    render_reproduction,
    render_selection_table,
)
from revin_forecast.reports.forecast.sections.residuals import (
    render_residual_table,
    render_residual_text,
)
from revin_forecast.reports.forecast.sections.shift import render_shift_table

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
