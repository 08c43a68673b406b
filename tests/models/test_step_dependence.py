"""The dependence of errors between steps: estimates, draws and their shrinkage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.models.step_dependence import (
    ASSUMED_COMMON,
    ASSUMED_DECAY,
    StepDependence,
)


def make_dependence(common, decay):
    return StepDependence(np.array([common]), np.array([decay]))


def correlate(dependence, lag):
    return dependence.common + (1 - dependence.common) * dependence.decay**lag


@pytest.mark.parametrize(("common", "decay"), [(0.0, 0.0), (0.0, 0.9), (0.6, 0.0), (0.3, 0.8)])
def test_estimates_approach_the_truth(common, decay):
    truth = make_dependence(common, decay)
    errors = truth.draw(4000, 12, np.random.default_rng(0))
    # Steps and series may have errors of any size.
    errors = np.concatenate([errors * np.arange(1, 13)[:, None], 1000 * errors], axis=2)
    estimate = StepDependence.estimate(errors)
    for lag in (1, 4, 11):
        np.testing.assert_allclose(correlate(estimate, lag), correlate(truth, lag)[0], atol=0.06)


@given(st.floats(0, 0.95), st.floats(0, 0.95), st.integers(1, 20))
def test_scores_are_standard_normal_at_each_step(common, decay, horizon):
    scores = make_dependence(common, decay).draw(4000, horizon, np.random.default_rng(1))
    assert scores.shape == (4000, horizon, 1)
    np.testing.assert_allclose(scores.mean(0), 0, atol=0.08)
    np.testing.assert_allclose(scores.std(0), 1, atol=0.06)


def test_an_error_that_all_windows_share_is_dependence():
    errors = 5 + 0.1 * np.random.default_rng(0).normal(size=(300, 8, 1))
    estimate = StepDependence.estimate(errors)
    assert correlate(estimate, 7)[0] > 0.8


def test_few_windows_are_shrunk_to_the_assumption():
    independent = np.random.default_rng(0).normal(size=(2000, 8, 1))
    assumed = StepDependence.assume(1)
    few, many = StepDependence.estimate(independent[:2]), StepDependence.estimate(independent)
    assert abs(correlate(few, 1) - correlate(assumed, 1)) < 0.2
    assert correlate(many, 1) < 0.05


@pytest.mark.parametrize(
    "errors",
    [np.full((3, 4, 2), np.nan), np.zeros((3, 4, 2)), np.ones((3, 1, 2))],
    ids=["unobserved", "exact", "one step"],
)
def test_errors_without_evidence_give_the_assumption(errors):
    estimate = StepDependence.estimate(errors)
    np.testing.assert_allclose(estimate.common, ASSUMED_COMMON)
    np.testing.assert_allclose(estimate.decay, ASSUMED_DECAY)


def test_channels_are_selected():
    dependence = StepDependence(np.array([0.1, 0.2, 0.3]), np.array([0.4, 0.5, 0.6]))
    selected = dependence.select([2, 0])
    assert selected.common.tolist() == [0.3, 0.1]
    assert selected.decay.tolist() == [0.6, 0.4]
