"""Sums of errors over batches against NumPy, with gaps."""

import numpy as np
import pytest
import torch

from revin_forecast.metrics.error_sums import BY_SERIES, BY_STEP, ErrorSums

AXES = [(0, 1, 2), BY_SERIES, BY_STEP]


def sample_errors(gaps, dtype=np.float32):
    random = np.random.default_rng(0)
    error = random.normal(size=(7, 5, 3)).astype(dtype)
    error[random.random(error.shape) < gaps] = np.nan
    return error


@pytest.mark.parametrize("over", AXES)
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_means_are_those_of_numpy(over, gaps):
    error = torch.from_numpy(sample_errors(gaps))
    sums = ErrorSums(over)
    sums.add(error, [("mae", error.abs()), ("mse", error.square())])
    for name, values in {"mae": error.abs(), "mse": error.square()}.items():
        assert sums.mean(name).dtype == torch.float64
        np.testing.assert_allclose(sums.mean(name), np.nanmean(values.double().numpy(), axis=over))


@pytest.mark.parametrize("over", AXES)
def test_batches_with_and_without_gaps_add_up(over):
    complete, gappy = (torch.from_numpy(sample_errors(gaps)) for gaps in (0.0, 0.3))
    sums = ErrorSums(over)
    for batch in (complete, gappy, complete[:2]):
        sums.add(batch, [("mae", batch.abs())])
    whole = torch.cat([complete, gappy, complete[:2]])
    np.testing.assert_allclose(sums.mean("mae"), np.nanmean(whole.abs().numpy(), axis=over), 1e-6)
    assert sums.count.sum() == whole.isfinite().sum()


def test_many_small_errors_keep_their_digits():
    sums = ErrorSums()
    for value in (2**25, *[1.0] * 100):
        error = torch.full((1, 1, 1), float(value))
        sums.add(error, [("mae", error)])
    assert sums.totals["mae"] == 2**25 + 100


def test_a_series_without_observed_targets_has_no_mean():
    truth = torch.tensor([[[1.0, torch.nan]]])
    sums = ErrorSums(BY_SERIES)
    sums.add(truth, [("mae", torch.full_like(truth, 2.0))])
    assert sums.mean("mae")[0] == 2
    assert sums.mean("mae")[1].isnan()


@pytest.mark.parametrize("gaps", [0.0, 0.5])
def test_a_forecast_that_is_not_finite_shows(gaps):
    truth = torch.from_numpy(sample_errors(gaps))
    truth[0, 0, 0] = 1.0
    error = truth.clone()
    error[0, 0, 0] = torch.nan
    sums = ErrorSums(BY_SERIES)
    sums.add(truth, [("mae", error.abs())])
    assert sums.mean("mae").isnan().tolist() == [True, False, False]
