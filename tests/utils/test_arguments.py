"""Arguments are checked before any work, with the number that works where there is one."""

import math

import numpy as np
import pytest

from revin_forecast.errors import InputError
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.arguments import check_count, check_levels
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
