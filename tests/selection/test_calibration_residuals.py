"""Errors on rows before validation, for the intervals of short tables."""

import numpy as np
import pandas as pd
import torch

from revin_forecast import Forecaster
from revin_forecast.selection.calibration_residuals import MAX_ERROR_RATIO, limit_block_errors


def test_short_tables_get_intervals_from_earlier_rows():
    time = np.arange(48)
    sold = 100 + 10 * np.sin(time * 2 * np.pi / 12) + np.random.default_rng(0).normal(0, 1, 48)
    table = pd.DataFrame(
        {"month": pd.date_range("2020-01-01", periods=48, freq="MS"), "sold": sold}
    )
    forecaster = Forecaster(horizon=6).fit(table)
    assert forecaster.fitted.summary["selection"]["windows"] == 4
    assert forecaster.fitted.summary["calibration_windows"] > 10
    forecast = forecaster.predict(level=[80])
    assert (forecast["sold-lo-80"] < forecast.sold).all()
    assert (forecast["sold-hi-80"] > forecast.sold).all()


def test_errors_of_earlier_blocks_are_limited():
    torch.manual_seed(0)
    past, errors = torch.randn(20, 30, 2), torch.randn(20, 4, 2)
    large, small = errors * 100, errors * 0.1
    (first, _), (second, _) = limit_block_errors([(large, past), (small, past)], errors, past)
    torch.testing.assert_close(first, errors * MAX_ERROR_RATIO)
    torch.testing.assert_close(second, small)
    unobserved = torch.full_like(errors, torch.nan)
    for validation in (errors * 0, unobserved):  # no error to compare with
        (unchanged, _) = limit_block_errors([(large, past)], validation, past)[0]
        torch.testing.assert_close(unchanged, large)
