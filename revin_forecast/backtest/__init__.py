"""How well a forecaster would have done: fitted on the rows before, scored on those that came."""

from revin_forecast.backtest.run import Backtest, backtest

__all__ = ["Backtest", "backtest"]
