"""Ensembles: weighted means, stacking and the least squares problem behind it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast import Reversible, RevIN
from revin_forecast.backbones import CycleNet, Linear, Repeat, SeasonalNaive, TiDE
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.models.ensemble import Ensemble, simplex_least_squares


def test_mean_of_members_that_nest():
    linear, reversible = Linear(6, 3, 2), Reversible(Linear(6, 3, 2), RevIN(2))
    repeat = Repeat(6, 3, 2)
    past = torch.randn(4, 6, 2)
    inner = Ensemble([reversible, repeat])
    outer = Reversible(Ensemble([linear, inner], [1.0, 3.0]), RevIN(2))
    z, stats = outer.normalizer.normalize(past)
    expected = (linear(z) + 3 * (reversible(z) + repeat(z)) / 2) / 4
    torch.testing.assert_close(outer(past), outer.normalizer.denormalize(expected, stats))


def test_members_get_the_inputs_they_accept():
    tide, cycle = TiDE(6, 3, 2, covariates=1), CycleNet(6, 3, 2, cycle=4)
    both = Ensemble([Reversible(tide, RevIN(2)), cycle, Linear(6, 3, 2)]).eval()
    past, known = torch.randn(4, 6, 2), torch.arange(9.0).reshape(1, 9, 1).expand(4, -1, -1)
    assert both(past, known=known).shape == (4, 3, 2)
    past[0, 2, 1] = torch.nan
    gaps = Ensemble([Reversible(Linear(6, 3, 2), RevIN(2))] * 2)
    assert gaps(past, observed=past.isfinite()).isfinite().all()


def test_stacking_weighs_by_the_validation_windows():
    values = torch.arange(60.0).remainder(5).unsqueeze(1) + 0.3 * torch.randn(60, 1)
    values[7, 0] = torch.nan
    good, bad = SeasonalNaive(10, 5, 1, season=5), Repeat(10, 5, 1)
    windows = Windows(values[8:], 10, 5)
    stacked = Ensemble.from_stacking([good, bad], windows.iter_batches(7))
    assert stacked.weights[0] > 0.9
    assert stacked.weights.sum() == pytest.approx(1)
    past, future, _ = windows[:]
    errors = [(model(past) - future).square().mean() for model in (stacked, good, bad)]
    assert errors[0] <= min(errors[1:]) + 1e-6
    trials = [Ensemble([good, bad], [w, 1 - w]) for w in torch.linspace(0, 1, 21).tolist()]
    assert errors[0] <= min((trial(past) - future).square().mean() for trial in trials) + 1e-6


def test_weights_are_part_of_the_state():
    first = Ensemble([Repeat(4, 2, 1), Linear(4, 2, 1)], [0.2, 0.8])
    second = Ensemble([Repeat(4, 2, 1), Linear(4, 2, 1)])
    second.load_state_dict(first.state_dict())
    past = torch.randn(3, 4, 1)
    torch.testing.assert_close(first(past), second(past))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -0.1], [0.0, 0.0]])
def test_invalid_weights_are_refused(weights):
    with pytest.raises(InputError, match="an Ensemble needs a member, and a weight >= 0 for each"):
        Ensemble([Repeat(4, 2, 1), Repeat(4, 2, 1)], weights)
    with pytest.raises(InputError, match="got 0 members"):
        Ensemble([])


def test_stacking_needs_observed_values():
    windows = Windows(torch.full((20, 1), torch.nan), 4, 2)
    message = "no value of the validation windows was observed, so the models can't be weighted"
    with pytest.raises(InputError, match=message):
        Ensemble.from_stacking([Repeat(4, 2, 1)], windows.iter_batches(8))


@given(seed=st.integers(0, 10_000), count=st.integers(1, 6))
def test_simplex_least_squares_is_optimal(seed, count):
    generator = torch.Generator().manual_seed(seed)
    errors = torch.randn(count + 3, count, generator=generator, dtype=torch.float64)
    gram = errors.mT @ errors
    weights = simplex_least_squares(gram)
    assert weights.min() >= 0
    assert weights.sum().item() == pytest.approx(1)
    slope = gram @ weights  # optimal: no member has a smaller slope than those in use
    assert slope.min() >= weights @ slope - 1e-6 * gram.diagonal().max()
