"""How well a forecaster would have done: fitted on the rows before, scored on those that came."""

from revin_forecast.backtest.run import LEVELS, Backtest, backtest

__all__ = ["LEVELS", "Backtest", "backtest"]
