"""Maps of raw windows."""

import torch

from revin_forecast.closed_form.sweep_maps import absorb_mean


def test_absorbed_mean_keeps_the_level():
    weight = torch.tensor([[0.5, 0.1, 0.1]], dtype=torch.float64)
    raw = absorb_mean(weight, 5)
    past = torch.tensor([9.0, 9.0, 1.0, 2.0, 6.0], dtype=torch.float64)
    centred = past[-3:] - 3
    torch.testing.assert_close(raw @ past, weight @ centred + 3)
