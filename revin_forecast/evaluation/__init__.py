"""Evaluate forecasters on rows that they were not fitted on."""

from revin_forecast.evaluation.backtest import BacktestResult, backtest
from revin_forecast.forecasting.backtest_frame import DEFAULT_INTERVAL_LEVELS

__all__ = ["DEFAULT_INTERVAL_LEVELS", "BacktestResult", "backtest"]
