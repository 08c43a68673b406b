"""The matrix products solve weighted least squares at every origin."""

import numpy as np
import pytest
import torch

from revin_forecast.pretrained.discounted_regressions import (
    ORIGINS,
    RATES,
    WINDOW,
    DiscountedRegressions,
)


@pytest.mark.parametrize("rows", [2, 9, 70, 300])
def test_means_and_lines_are_those_of_weighted_least_squares(rows):
    values = np.random.default_rng(rows).normal(size=rows).cumsum()
    padded = np.concatenate([np.zeros(max(0, WINDOW - rows)), values])
    model = DiscountedRegressions()
    solved = model(torch.from_numpy(padded).float()[None], torch.tensor([rows]))
    for origin in (0, 1, 6, ORIGINS - 1):
        seen = values[max(0, rows - WINDOW) : rows - origin]
        if len(seen) < 2:
            continue
        age = np.arange(len(seen))[::-1]
        for column, rate in enumerate(RATES):
            weight = np.sqrt((1 - rate) ** age)
            design = np.stack([np.ones(len(seen)), -age], axis=1)
            (level, slope), *_ = np.linalg.lstsq(
                design * weight[:, None], seen * weight, rcond=None
            )
            mean = np.average(seen, weights=weight**2)
            found = [part[0, origin, column] for part in solved]
            np.testing.assert_allclose(found, [mean, level, slope], rtol=2e-3, atol=2e-3)


def test_one_row_has_no_slope():
    values = torch.zeros(1, WINDOW)
    values[0, -1] = 5
    mean, level, slope = DiscountedRegressions()(values, torch.tensor([1]))
    assert mean[0, 0].tolist() == level[0, 0].tolist() == [5] * len(RATES)
    assert not slope.any()
