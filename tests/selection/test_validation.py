"""The scale of validation errors."""

import numpy as np
import torch

from revin_forecast.selection.validation import ValidationWindows


def test_scale_of_each_channel():
    values = np.column_stack([np.arange(20.0), np.ones(20), np.full(20, np.nan)])
    windows = ValidationWindows.from_values(values, 12, 4, 2, 5)
    assert windows.scale.tolist() == [5, np.inf, np.inf]
    windows = ValidationWindows.from_values(values, 3, 2, 2, 5)
    assert windows.scale.tolist() == [1, np.inf, np.inf]
    validation = ValidationWindows.from_values(values, 10, 4, 2, 5)
    assert validation.mase(torch.tensor([5.0, 1.0, 1.0])) == 1
    assert (
        ValidationWindows.from_values(values[:, 1:], 10, 4, 2, 5).mase(torch.tensor([1.0, 1.0]))
        == 0
    )
