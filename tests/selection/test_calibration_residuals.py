"""Errors on rows before validation, for the intervals of short tables."""

import torch

from revin_forecast import TrainingSettings
from revin_forecast.selection.calibration_residuals import MAX_ERROR_RATIO, limit_block_errors
from revin_forecast.selection.select import select_model
from revin_forecast.selection.selector import Selector
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.task import SelectionTask
from tests.support.seasonal_values import make_values


def test_few_validation_windows_are_joined_by_earlier_rows():
    selector = Selector(SelectionTask(make_values(rows=130), 100, 6, (12,)), SelectionSettings())
    choice = select_model(selector, TrainingSettings())
    windows = len(choice.validation.origins)
    assert choice.window_count == windows == 25
    calibration, lookback = choice.calibration, choice.config.lookback
    assert len(calibration.residuals) == len(calibration.past) > windows
    assert calibration.past.shape[1:] == (lookback, 3)
    assert calibration.stride == 1
    # Validation comes last, and earlier windows before it.
    torch.testing.assert_close(
        calibration.residuals[-windows:], selector.validation.truth - choice.validation.forecast
    )
    assert torch.equal(calibration.past[-windows:], selector.validation.past[:, -lookback:])
    ends = {tuple(row) for row in calibration.past[:-windows, -1].tolist()}
    before_validation = {tuple(row) for row in selector.task.values[:100].astype("f4").tolist()}
    assert ends <= before_validation


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
