"""The learning curve: its naive forecasts and its scores."""

import csv

import numpy as np
import pytest
import torch

from revin_forecast.pretrained.learning_curve import (
    SHAPES,
    CurvePoint,
    SyntheticScore,
    average_scores,
    build_validation,
    repeat_season,
    score_networks,
    write_curve,
)
from revin_forecast.pretrained.network import LEVELS, PretrainedNetwork, ScaledQuantiles
from revin_forecast.pretrained.synthetic_batches import SeriesGroup


class Constant(PretrainedNetwork):
    """A network that forecasts the same values at all levels but the outer ones, at +-width."""

    def __init__(self, forecasts, width=0.0):
        super().__init__()
        self.forecasts, self.width = forecasts, width

    def forecast(self, values, observed, season, steps):
        quantiles = self.forecasts[..., None].repeat(1, 1, len(LEVELS))
        quantiles[..., :3] -= self.width
        quantiles[..., -3:] += self.width
        one = torch.ones(len(values), 1, 1)
        return ScaledQuantiles(quantiles, 0 * one, one)


def test_naive_repeats_the_last_observed_value_of_each_phase():
    values = torch.tensor([[1.0, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7]])
    observed = torch.tensor([[True] * 7, [True, False, True, True, False, False, True]])
    found = repeat_season(values, observed, 3, torch.tensor([1, 2, 3, 4, 64]))
    # The second series has no value of the phase of row 5; the last one of all stands in.
    assert found.tolist() == [[5, 6, 7, 5, 5], [7, 3, 7, 7, 7]]


def test_naive_of_a_part_of_a_season_fills_the_other_phases_with_the_last_value():
    values = torch.tensor([[1.0, 2]])
    found = repeat_season(values, torch.ones(1, 2, dtype=torch.bool), 4, torch.arange(1, 5))
    assert found.tolist() == [[2, 2, 1, 2]]


def test_scores_compare_with_the_seasonal_naive():
    past, truth = torch.randn(16, 26, generator=torch.Generator().manual_seed(0)).split([20, 6], 1)
    observed, steps = torch.ones(16, 20, dtype=torch.bool), torch.arange(1, 7)
    group = SeriesGroup(past.numpy(), observed.numpy(), truth.numpy(), 4, steps.numpy())
    naive = repeat_season(past, observed, 4, steps)
    (score,) = score_networks([Constant(naive)], [group])
    assert score.quantile_loss == pytest.approx(1, abs=1e-4)
    assert score.absolute_error == pytest.approx(1, abs=1e-4)
    (perfect,) = score_networks([Constant(truth - 1, 1.5), Constant(truth + 1, 1.5)], [group])
    assert perfect.absolute_error < 0.1
    assert (perfect.coverage_80, perfect.coverage_95) == (1, 1)
    (narrow,) = score_networks([Constant(truth + 1, 0.5)], [group])
    assert (narrow.coverage_80, narrow.coverage_95) == (0, 0)


def test_validation_is_the_same_each_time():
    first, second = build_validation(3), build_validation(3)
    for group, again, shape in zip(first, second, SHAPES, strict=True):
        assert (group.season, group.values.shape) == (shape.season, (3, shape.rows))
        assert group.steps.tolist() == list(range(1, shape.horizon + 1))
        np.testing.assert_array_equal(group.values, again.values)
        np.testing.assert_array_equal(group.future, again.future)


def test_errors_have_geometric_and_coverages_arithmetic_means():
    scores = [SyntheticScore(0.5, 1.0, 0.7, 0.9), SyntheticScore(2.0, 4.0, 0.9, 1.0)]
    mean = average_scores(scores)
    assert (mean.quantile_loss, mean.absolute_error) == pytest.approx((1, 2))
    assert (mean.coverage_80, mean.coverage_95) == pytest.approx((0.8, 0.95))


def test_curve_is_a_table(tmp_path):
    write_curve(tmp_path / "curve.csv", [CurvePoint(10, 0.5, 0.75, 0.8, 0.81, 0.94)])
    with (tmp_path / "curve.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["step"], row["quantile_loss"]) == ("10", "0.75")
