"""The power of the signed-rank test, against simulations and by hand."""

import math

import numpy as np
import pytest
from scipy.stats import wilcoxon

from revin_forecast.shift.aggregates.power import (
    power_analysis,
    signed_rank_power,
    smallest_effect,
    units_needed,
)


@pytest.mark.parametrize(
    ("units", "effect", "alpha", "tolerance"),
    [
        (7, 1.5, 0.05, 0.05),
        (20, 0.7, 0.05, 0.03),
        (25, 0.9, 0.05 / 28, 0.04),
        (12, 0.0, 0.05, 0.02),
    ],
)
def test_power_agrees_with_a_simulation(units, effect, alpha, tolerance):
    draws = np.random.default_rng(0).standard_normal((2000, units)) + effect
    found = wilcoxon(draws, axis=1, method="exact").pvalue <= alpha
    assert signed_rank_power(units, effect, alpha) == pytest.approx(found.mean(), abs=tolerance)


def test_few_units_find_nothing():
    # Five signs give p = .0625 at best, seven p = .0156: more than .05 / 10.
    assert signed_rank_power(5, 20.0, 0.05) == 0
    assert signed_rank_power(7, 20.0, 0.05) == pytest.approx(1)
    assert signed_rank_power(7, 20.0, 0.05 / 10) == 0
    assert math.isinf(smallest_effect(7, 0.05 / 10))
    assert units_needed(20.0, 0.05) == 6
    assert units_needed(20.0, 0.05 / 10) == 9  # 2 / 2**9 = .004
    assert math.isinf(units_needed(0.0))


def test_analysis_of_values_at_hand():
    values = np.array([-0.4, -0.1, -0.3, -0.2, -0.25, 0.1, -0.15])
    needed, detectable = power_analysis(values)
    effect = 0.2 / values.std(ddof=1)
    assert signed_rank_power(int(needed), effect, 0.05) >= 0.8
    assert signed_rank_power(int(needed) - 1, effect, 0.05) < 0.8
    size = detectable / values.std(ddof=1)
    assert signed_rank_power(7, size, 0.05) == pytest.approx(0.8, abs=1e-3)
    assert power_analysis(values, tests=28).needed > needed
    assert power_analysis(-values) == (needed, detectable)  # the sign does not matter
    assert power_analysis(3 * values) == (needed, pytest.approx(3 * detectable))
    assert np.isnan(power_analysis(values[:1])).all()
    assert power_analysis(np.full(7, -0.1)).needed == 6  # no spread: all signs agree
