"""Normal equations of windows with gaps."""

import numpy as np
import torch

from revin_forecast.closed_form.gram import window_moments
from revin_forecast.closed_form.normal_equations import NormalEquations, solve_ridge
from revin_forecast.closed_form.window_choice import observed_target_equations
from revin_forecast.normalizers import LastValue
from tests.support.seasonal_values import make_values


def test_equations_of_observed_targets():
    values = torch.from_numpy(make_values(rows=200, channels=2))
    gapped = values.clone()
    random = np.random.default_rng(0)
    gapped[torch.from_numpy(random.random((200, 2)) < 0.1)] = torch.nan
    normalizer = LastValue(1).double()
    complete = observed_target_equations(values, normalizer, 12, 4, max_windows=10_000)
    exact = NormalEquations.from_moments(
        window_moments(values, 16).centre(normalizer.location_weights(12)), 12
    )
    for name in ("gram", "cross", "target_squares", "input_sums", "target_sums"):
        torch.testing.assert_close(getattr(complete, name), getattr(exact, name))
    gappy = observed_target_equations(gapped, normalizer, 12, 4, max_windows=10_000)
    assert gappy.count <= complete.count
    windows = values.unfold(0, 16, 1).flatten(0, 1)
    past, future = windows[:, :12] - windows[:, 11:12], windows[:, 12:] - windows[:, 11:12]
    with_gaps, without = (
        (past @ solve_ridge(equations, 1e-3).mT - future).square().mean()
        for equations in (gappy, complete)
    )
    assert without < with_gaps < 1.3 * without
    empty = observed_target_equations(values * torch.nan, normalizer, 12, 4, max_windows=50)
    assert empty.count == 0
