"""The parts of the page that are words and tables, one a file."""

from revin_forecast.report.forecast.sections.again import reproduction
from revin_forecast.report.forecast.sections.backtest import backtest_table, backtest_words
from revin_forecast.report.forecast.sections.data import problem_table
from revin_forecast.report.forecast.sections.numbers import forecast_table
from revin_forecast.report.forecast.sections.residuals import residual_table, residual_words
from revin_forecast.report.forecast.sections.selection import selection_table
from revin_forecast.report.forecast.sections.shift import shift_table

__all__ = [
    "backtest_table",
    "backtest_words",
    "forecast_table",
    "problem_table",
    "reproduction",
    "residual_table",
    "residual_words",
    "selection_table",
    "shift_table",
]
