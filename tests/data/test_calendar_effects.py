"""Columns of calendar features by which their effects are estimated."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.calendar_effects import (
    CATEGORIES,
    compute_calendar_effect,
    expand_effects,
    is_calendar_effect,
)
from revin_forecast.data.covariates import known_covariates, table_columns

STAMPS = pd.date_range("2023-03-30 21:45", periods=3000, freq="15min")


@pytest.mark.parametrize("feature", CATEGORIES)
def test_each_step_has_one_value_of_a_feature(feature):
    names = expand_effects([feature], STAMPS, "15min")[feature]
    values = known_covariates(names, STAMPS, "15min")
    assert (values.sum(axis=1) == 1).all()
    assert set(np.unique(values)) == {0.0, 1.0}
    assert all(is_calendar_effect(name) for name in names)
    assert table_columns(names) == []


def test_the_day_of_the_year_acts_by_waves():
    assert expand_effects(["yearday"], STAMPS, "15min") == {"yearday": ()}
    stamps = pd.date_range("2023-01-01", periods=600, freq="D")
    names = expand_effects(["yearday"], stamps, "D")["yearday"]
    assert len(names) == 6
    stamp = pd.DatetimeIndex(["2023-01-01"])
    values = [float(compute_calendar_effect(name, stamp)[0]) for name in names]
    assert values == pytest.approx([1, 0] * 3)


def test_other_inputs_stay_as_they_are():
    assert expand_effects(["step", "price"], STAMPS, "D") == {
        "step": ("step",),
        "price": ("price",),
    }
    for name in ("price", "weekday", "weekday=x", "holiday:DE", "yearday*tan1"):
        assert not is_calendar_effect(name)
