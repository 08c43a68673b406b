import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.quality_checks import find_issues
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series

ROWS = 300
STAMPS = pd.date_range("2024-01-01", periods=ROWS, freq="D")


def wave(seed=0):
    random = np.random.default_rng(seed)
    return 20 + 5 * np.sin(np.arange(ROWS) * 2 * np.pi / 7) + random.normal(size=ROWS)


def found(values):
    return find_issues(Series(values[:, None], STAMPS, ("a",), "D"))


def only(values, kind):
    problems = found(values)
    assert [one.kind for one in problems] == [kind]
    return problems[0]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_odd_about_ordinary_series(seed):
    random = np.random.default_rng(seed)
    assert found(wave(seed)) == []
    assert found(np.cumsum(random.normal(size=ROWS))) == []
    assert found(np.exp(random.normal(size=ROWS))) == []
    assert found(random.poisson(0.9, ROWS).astype(float)) == []  # zeros come in rows
    assert found(np.sign(np.sin(np.arange(ROWS) / 5))) == []  # as do the steps of a switch
    assert found(np.round(wave(seed))) == []


def test_gaps_are_counted_and_the_longest_is_placed():
    values = wave()
    values[[3, 50, 51, 52, 200]] = np.nan
    told = only(values, "gaps")
    assert told.description == (
        "5 of 300 values are not observed, in 3 gaps; the longest has 3 rows, from 2024-02-20"
    )
    assert not told.is_serious
    values[60:90] = np.nan
    assert "worth less" in only(values, "gaps").advice


def test_a_value_that_is_stuck():
    values = wave()
    values[100:130] = 17.5
    told = only(values, "stuck")
    assert told.description == "stands at 17.5 for 30 rows in a row from 2024-04-10"
    assert told.is_serious
    assert "empty these cells" in told.advice


def test_spikes_are_told_from_steps():
    values = wave()
    values[[40, 120]] = 400, -90
    assert only(values, "spikes").description == "2 spikes, the largest 400 on 2024-02-10"
    for end in (0, -1):
        values = wave()
        values[end] = 400
        assert only(values, "spikes").description.startswith("1 spike, the largest 400 on 2024-")
    step = wave()
    step[150:] += 100  # the world moved: that is no error
    assert found(step) == []


def test_gaps_that_were_interpolated_are_told_as_such():
    values = wave()[:, None]
    values[100:110] = np.nan
    series = read_series(Series(values, STAMPS, ("a",), "D"), missing="interpolate")
    (told,) = find_issues(series)
    assert told.description.startswith("10 of 300 values are not observed, in 1 gap")
    assert told.advice.startswith("A line was drawn through them.")


def test_counts_that_are_mostly_zero():
    values = np.random.default_rng(0).poisson(0.3, ROWS).astype(float)
    told = only(values, "zeros")
    assert told.description == f"{(values == 0).mean():.0%} of the values are 0, and none is below"
    assert "limits may lie below 0: read 0 there" in told.advice
    assert not told.is_serious
    assert found(values - (values == 1) * 2) == []  # a balance may be below


def test_series_without_content():
    assert only(np.full(ROWS, np.nan), "empty").description == "no value is observed"
    told = only(np.full(ROWS, 3.0), "constant")
    assert told.description == "never changes: all 300 values are 3"


def test_beginnings_ends_and_copies_of_a_long_table():
    frames = [
        pd.DataFrame({"unique_id": name, "ds": STAMPS[rows], "y": wave(seed)[rows]})
        for name, seed, rows in (
            ("a", 0, slice(0, 300)),
            ("b", 1, slice(40, 290)),
            ("c", 0, slice(0, 300)),
        )
    ]
    series = read_series(pd.concat(frames))
    for given in (series, series.align_ends()):
        told = {one.kind: one for one in find_issues(given)}
        assert list(told) == ["copy", "ended", "late"]  # what spoils most first
        assert told["copy"].series == "c"
        assert told["copy"].description == "is the same as 'a', value for value"
        assert told["ended"].description.startswith("its last value is 10 rows before")
        assert told["ended"].description.endswith("on 2024-10-16")
        assert told["late"].description.endswith("on 2024-02-10")
