"""Damaged files under any options end in a series or in one line that explains, nothing else."""

import random

import numpy as np
import pandas as pd
import pytest

from benchmarks.robustness.damaged_tables import damaged, long_table, wide_table
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

NAMES = ["date", "ds", "x", "y", "unique_id", "time", "a", "", "sold"]


def options(dice):
    """Some options, most of them unfit for the table."""
    one, several = (lambda: dice.choice(NAMES)), (lambda: dice.sample(NAMES, dice.randint(1, 2)))
    ways = {
        "time": one,
        "id": one,
        "value": one,
        "target": several,
        "inputs": several,
        "columns": several,
        "frequency": lambda: dice.choice(["h", "D", "W-SAT", "MS", "ME", "7h", "nonsense", "-1D"]),
        "missing": lambda: dice.choice(["error", "interpolate", "observed"]),
        "decimal": lambda: dice.choice([",", "."]),
        "grid": lambda: False,
    }
    return {name: ways[name]() for name in dice.sample(list(ways), dice.choice([0, 1, 1, 2, 3]))}


def outcome(source, chosen, told):
    """Read, and hold what comes of it to what all series promise; count it if it is one."""
    try:
        series = read_series(source, **chosen)
    except InputError as error:
        told.append(str(error))
        return 0
    assert np.isfinite(series.values[series.observed]).all()
    assert set(series.inputs) | set(series.targets) == set(series.names)
    if series.frequency is not None:
        zeros = np.zeros((2, len(series.targets)))
        assert len(series.align_ends().forecast_frame({"": zeros})) >= 2
    if chosen.get("missing") == "error":
        assert series.observed.any(axis=0).all()
    return 1


@pytest.mark.parametrize("seed", range(3))
def test_files(seed, tmp_path):
    dice, told = random.Random(seed), []
    read = 0
    for _ in range(150):
        ending, data = damaged(dice)
        path = tmp_path / f"table{ending}"
        path.write_bytes(data)
        read += outcome(path, options(dice), told)
    assert 15 < read < 120
    assert all("\n" not in message and len(message) > 30 for message in told)


@pytest.mark.parametrize("seed", range(2))
def test_frames(seed):
    dice, told = random.Random(seed), []
    read = 0
    for _ in range(150):
        header, *rows = long_table(dice) if dice.random() < 0.3 else wide_table(dice)
        frame = pd.DataFrame(rows, columns=header)
        if dice.random() < 0.3:
            frame = frame.set_index(header[0])
        if dice.random() < 0.3:
            frame = frame.apply(pd.to_numeric, errors="coerce").fillna(frame)
        before = frame.copy(deep=True)
        read += outcome(frame, options(dice), told)
        pd.testing.assert_frame_equal(frame, before)
    assert 15 < read < 140
    assert all("\n" not in message and len(message) > 30 for message in told)
