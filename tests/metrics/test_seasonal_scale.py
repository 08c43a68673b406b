"""The scale of MASE where a season has no scale."""

import torch

from revin_forecast.metrics.seasonal_scale import naive_scale


def test_the_scale_of_mase():
    rows = torch.arange(20, dtype=torch.float64)
    values = torch.stack([rows**2, 1 + 3 * (rows % 2), torch.ones_like(rows)], dim=1)
    scale = naive_scale(values, 2)
    assert scale[0] == (values[2:, 0] - values[:-2, 0]).abs().mean()
    assert scale[1] == 3  # the season repeats exactly: the change from row to row
    assert scale[2].isnan()
    assert naive_scale(values[:1], 2).isnan().all()
    assert naive_scale(values, 2, min_scale=3.0)[1].isnan()
