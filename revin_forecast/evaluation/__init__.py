"""How well a forecaster would have done: fitted on the rows before, scored on those that came."""

from revin_forecast.evaluation.backtest import DEFAULT_INTERVAL_LEVELS, BacktestResult, backtest

__all__ = ["DEFAULT_INTERVAL_LEVELS", "BacktestResult", "backtest"]
