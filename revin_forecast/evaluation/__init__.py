"""Evaluate forecasters on rows that they were not fitted on."""

from revin_forecast.evaluation.backtest import DEFAULT_INTERVAL_LEVELS, BacktestResult, backtest

__all__ = ["DEFAULT_INTERVAL_LEVELS", "BacktestResult", "backtest"]
