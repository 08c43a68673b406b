"""`KnownEffects`: the effects of known inputs about the forecast of another backbone."""

import pytest
import torch

from revin_forecast import Reversible
from revin_forecast.backbones import Repeat, Ridge
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.known_effects import KnownEffects
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue


def build(covariates=2):
    model = KnownEffects(4, 3, 2, ModuleSpec.from_class(Repeat), covariates)
    model.weights.copy_(torch.tensor([[1.0, -2.0], [0.5, 0.1]]))
    model.centers.copy_(torch.tensor([0.0, 10.0]))
    model.zeros.copy_(torch.tensor([-3.0, -2.0]))
    model.is_multiplicative.copy_(torch.tensor([False, True]))
    return model


def make_windows(seed=0):
    generator = torch.Generator().manual_seed(seed)
    past = torch.randn(5, 4, 2, generator=generator)
    known = torch.randn(5, 7, 2, generator=generator) + torch.tensor([0.0, 10.0])
    return past, known


def test_effects_are_added_or_multiply():
    model, (past, known) = build(), make_windows()
    forecast = model(past, known=known)
    effects = (known - torch.tensor([0.0, 10.0])) @ model.weights.float().mT
    added = past[:, -1, 0] - effects[:, 3, 0]
    torch.testing.assert_close(forecast[..., 0], added[:, None] + effects[:, 4:, 0])
    # Multiplied in units whose zero is at -2.
    value = (past[:, -1, 1] + 2) / effects[:, 3, 1].exp()
    torch.testing.assert_close(forecast[..., 1], value[:, None] * effects[:, 4:, 1].exp() - 2)


def test_inputs_without_effect_leave_the_forecast_as_it_is():
    model, (past, known) = build(), make_windows()
    known[:] = torch.tensor([0.0, 10.0])
    large = past + 1e6
    assert model(large, known=known).equal(large[:, -1:].expand(-1, 3, -1))
    plain = KnownEffects(4, 3, 2, Repeat)
    assert plain(past).equal(past[:, -1:].expand(-1, 3, -1))


def test_large_multiplicative_effects_are_limited():
    model, (past, known) = build(), make_windows()
    forecast = model(past, known=known * 1e4)
    assert forecast.isfinite().all()


def test_gaps_reach_the_inner_backbone():
    members = [{"backbone": Ridge, "normalizer": LastValue, "lookback": 4}]
    spec = ModuleSpec.from_class(WeightedCombination)
    model = KnownEffects(4, 3, 2, ModuleSpec(spec.path, {"members": members}), 2)
    past, known = make_windows()
    past[:, -1] = torch.nan
    forecast = Reversible(model, Identity(2))(past, known=known)
    torch.testing.assert_close(forecast, past[:, -2:-1].expand(-1, 3, -1))


def test_wrong_known_inputs_are_refused():
    model, (past, known) = build(), make_windows()
    with pytest.raises(ValueError, match="KnownEffects was built for 2 known inputs"):
        model(past, known=known[:, :-1])
    with pytest.raises(ValueError, match="KnownEffects was built for 2 known inputs"):
        model(past)
