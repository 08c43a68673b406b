"""Arguments are checked before any work, with the number that works where there is one."""

import math
from inspect import unwrap
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.forecasting.groups import split_groups
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.arguments import check_count, check_levels, check_quantiles
from revin_forecast.utils.memory import limit_horizon, memory_bytes


@pytest.mark.parametrize("value", [7, np.int64(7), np.uint8(7), 10**20])
def test_whole_numbers_of_python_and_numpy_are_counts(value):
    count = check_count("horizon", value)
    assert type(count) is int
    assert count == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "horizon is a number of steps from 1 up but got 0."),
        (-3, "horizon is a number of steps from 1 up but got -3."),
        (7.0, "horizon is a number of steps from 1 up but got 7.0. Pass 7."),
        ("7", "horizon is a number of steps from 1 up but got '7'. Pass 7."),
        (7.5, "horizon is a number of steps from 1 up but got 7.5."),
        (True, "horizon is a number of steps from 1 up but got True."),
        (None, "horizon is a number of steps from 1 up but got None."),
        (math.nan, "horizon is a number of steps from 1 up but got nan."),
        ("seven", "horizon is a number of steps from 1 up but got 'seven'."),
        ([7], "horizon is a number of steps from 1 up but got [7]."),
    ],
)
def test_other_counts_are_refused(value, message):
    with pytest.raises(InputError) as caught:
        check_count("horizon", value)
    assert str(caught.value) == message


def test_one_level_is_a_list_of_one():
    assert check_levels(90) == (90.0,)
    assert check_levels(np.float32(50)) == (50.0,)
    assert check_levels((80, 95.5)) == (80.0, 95.5)
    assert check_levels(np.array([80, 95])) == (80.0, 95.0)
    assert check_levels(()) == check_levels(None) == ()


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (0.8, "a level is in percent but got 0.8; pass 80."),
        (0, "a level is in percent, from 1 to below 100, but got 0; try 80."),
        (100, "a level is in percent, from 1 to below 100, but got 100; try 80."),
        ([80, 120], "a level is in percent, from 1 to below 100, but got 120; try 80."),
        (math.nan, "a level is in percent, from 1 to below 100, but got nan; try 80."),
        ("90", "a level is in percent, such as 80, but got '90'."),
        (True, "a level is in percent, such as 80, but got True."),
    ],
)
def test_other_levels_are_refused(level, message):
    with pytest.raises(InputError) as caught:
        check_levels(level)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("learning_rate", "decay", "gradient_clip")
        for value in (0.0, -1.0, math.nan, math.inf)
    ]
    + [
        (name, value)
        for name in ("max_epochs", "batch_size", "patience", "devices", "num_nodes")
        for value in (0, -3)
    ]
    + [("threads", 0), ("seed", -1), ("seed", 2**32)],
)
def test_training_settings_are_refused(name, value):
    with pytest.raises(InputError, match=rf"training needs .*{name}.* but got {value}"):
        TrainingSettings(**{name: value})


def test_the_longest_horizon_takes_half_of_the_memory():
    assert 0.4 * memory_bytes() < limit_horizon() * 10_000 <= 0.5 * memory_bytes()
    assert limit_horizon(1000) == limit_horizon() // 1000


DAYS = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=60), "sold": range(60)})


# `unwrap`: tests check the types of arguments at run time, users' programs do not.
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: unwrap(read_series)(DAYS, outliers="kep"),
            "outliers is 'missing' or 'keep' but got 'kep'. Did you mean keep?",
        ),
        (lambda: unwrap(read_series)(DAYS, missing="drop"), "missing is 'observed', 'interpol"),
        (lambda: unwrap(read_series)(DAYS, long_gaps=None), "long_gaps is 'refuse' or 'accept'"),
        (
            lambda: unwrap(split_groups)(DAYS, "shop", outliers="kep"),
            "outliers is 'missing' or 'keep' but got 'kep'",
        ),
        (
            lambda: unwrap(read_series)(DAYS, target="sold"),
            "target is a list of names but got 'sold'; ",
        ),
        (
            lambda: unwrap(read_series)(DAYS, inputs="sold"),
            "inputs is a list of names but got 'sold'; ",
        ),
        (
            lambda: unwrap(read_series)(DAYS, columns="sold"),
            "columns is a list of names but got 'sold'; ",
        ),
        (
            lambda: Forecaster(3, covariates="holiday:DE"),
            "covariates is a list of names but got 'holiday:DE'; pass ['holiday:DE'].",
        ),
        (
            lambda: unwrap(SelectionSettings.__post_init__)(
                SimpleNamespace(effort="standard", season=7)
            ),
            "season is a list of steps but got 7; ",
        ),
        (
            lambda: unwrap(SelectionSettings.__post_init__)(SimpleNamespace(effort="high")),
            "effort is 'standard' or 'thorough'",
        ),
    ],
)
def test_values_that_would_be_another_or_none_are_refused(call, message):
    with pytest.raises(InputError) as error:
        call()
    assert message in str(error.value)


def test_one_quantile_is_a_list_of_one():
    forecaster = Forecaster(2).fit(DAYS)
    one = forecaster.predict(quantiles=0.5)
    pd.testing.assert_frame_equal(one, forecaster.predict(quantiles=[0.5]))
    assert one.columns.tolist() == ["date", "sold", "sold-q-50"]
    with pytest.raises(InputError, match="a quantile is between 0 and 1 but got '0.5'; try 0.1"):
        check_quantiles("0.5")
