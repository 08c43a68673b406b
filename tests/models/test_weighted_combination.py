"""The weighted combination of models."""

import pytest
import torch

from revin_forecast import Reversible
from revin_forecast.backbones import Ridge
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, LogMean


def test_a_combination_weights_its_members():
    members = [
        {
            "backbone": ModuleSpec.from_class(Ridge),
            "normalizer": ModuleSpec.from_class(LastValue),
            "lookback": lookback,
        }
        for lookback in (4, 8)
    ]
    combination = WeightedCombination(8, 2, 3, members)
    past = torch.randn(5, 8, 3)
    # A map of zeros forecasts the subtracted level: the last value.
    assert torch.allclose(combination(past), past[:, -1:].expand(-1, 2, -1))
    with pytest.raises(ValueError, match="members that look back at most 6 steps but got"):
        WeightedCombination(6, 2, 3, members)
    model = Reversible(combination, Identity(3))
    gapped = past.clone()
    gapped[:, -1] = torch.nan
    assert torch.allclose(model(gapped), past[:, -2:-1].expand(-1, 2, -1))


def test_members_of_two_types_are_combined():
    members = [
        {"backbone": ModuleSpec.from_class(Ridge), "normalizer": normalizer, "lookback": 4}
        for normalizer in (ModuleSpec.from_class(LastValue), ModuleSpec.from_class(LogMean))
    ]
    combination = WeightedCombination(4, 2, 3, members)
    assert combination.wants_double
    assert not WeightedCombination(4, 2, 3, members[:1]).wants_double
    past = torch.rand(5, 4, 3) + 1
    for dtype in (torch.float32, torch.float64):
        forecast = combination(past.to(dtype))
        assert forecast.dtype == dtype
        assert forecast.isfinite().all()
