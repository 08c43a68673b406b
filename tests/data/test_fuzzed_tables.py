"""Damaged tables with random options: each gives a valid series or an error of one line."""

import random

import numpy as np
import pandas as pd
import pytest

from benchmarks.robustness.damaged_tables import (
    make_damaged_table,
    make_long_table,
    make_wide_table,
)
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

NAMES = ["date", "ds", "x", "y", "unique_id", "time", "a", "", "sold"]


def draw_options(dice):
    """Return random options, most of which do not suit the table."""

    def draw_name():
        return dice.choice(NAMES)

    def draw_names():
        return dice.sample(NAMES, dice.randint(1, 2))

    draws = {
        "time": draw_name,
        "id": draw_name,
        "value": draw_name,
        "target": draw_names,
        "inputs": draw_names,
        "columns": draw_names,
        "frequency": lambda: dice.choice(["h", "D", "W-SAT", "MS", "ME", "7h", "nonsense", "-1D"]),
        "missing": lambda: dice.choice(["error", "interpolate", "observed"]),
        "decimal": lambda: dice.choice([",", "."]),
        "grid": lambda: False,
    }
    return {name: draws[name]() for name in dice.sample(list(draws), dice.choice([0, 1, 1, 2, 3]))}


def read_and_check(source, read_options, messages):
    """Read a table and check the series; return 1, or 0 and record the message of an error."""
    try:
        series = read_series(source, **read_options)
    except InputError as error:
        messages.append(str(error))
        return 0
    assert np.isfinite(series.values[series.observed]).all()
    assert set(series.inputs) | set(series.targets) == set(series.names)
    if series.frequency is not None:
        zeros = np.zeros((2, len(series.targets)))
        assert len(series.align_ends().forecast_frame({"": zeros})) >= 2
    if read_options.get("missing") == "error":
        assert series.observed.any(axis=0).all()
    return 1


@pytest.mark.parametrize("seed", range(3))
def test_files(seed, tmp_path):
    dice, messages = random.Random(seed), []
    read = 0
    for _ in range(150):
        ending, data = make_damaged_table(dice)
        path = tmp_path / f"table{ending}"
        path.write_bytes(data)
        read += read_and_check(path, draw_options(dice), messages)
    assert 15 < read < 120
    assert all("\n" not in message and len(message) > 30 for message in messages)


@pytest.mark.parametrize("seed", range(2))
def test_frames(seed):
    dice, messages = random.Random(seed), []
    read = 0
    for _ in range(150):
        header, *rows = make_long_table(dice) if dice.random() < 0.3 else make_wide_table(dice)
        frame = pd.DataFrame(rows, columns=header)
        if dice.random() < 0.3:
            frame = frame.set_index(header[0])
        if dice.random() < 0.3:
            frame = frame.apply(pd.to_numeric, errors="coerce").fillna(frame)
        before = frame.copy(deep=True)
        read += read_and_check(frame, draw_options(dice), messages)
        pd.testing.assert_frame_equal(frame, before)
    assert 15 < read < 140
    assert all("\n" not in message and len(message) > 30 for message in messages)
