from revin_forecast.backtest import BacktestResult


def has_seasonal_baseline(result: BacktestResult) -> bool:
    """Return whether the last season could be repeated, and is something else than the last value.

    Without a season before the first forecast `SeasonalNaive` repeats the last value, and MASE is
    relative to that.
    """
    return 1 < result.season < int(result.paths.next_rows[0])
