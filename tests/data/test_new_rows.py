"""Newer rows, which must have the frequency of the history."""

import functools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.rows.new_rows import read_new_rows
from revin_forecast.data.step_words import describe_frequency
from revin_forecast.errors import InputError

MODEL = Path(__file__).parents[1] / "fixtures" / "models" / "schema-2" / "ridge"


def make_frame(rows=60, frequency="D"):
    stamps = pd.date_range("2024-01-01", periods=rows, freq=frequency)
    return pd.DataFrame({"date": stamps, "a": np.arange(rows) * 1.0})


def read_newer(fitted, frame, **options):
    history = read_series(fitted, **options)
    return read_new_rows(lambda step: read_series(frame, frequency=step), history)


@pytest.mark.parametrize("frequency", ["h", "D", "B", "W-SAT", "MS", "15min"])
def test_reads_the_same_frequency(frequency):
    rows = read_newer(make_frame(frequency=frequency), make_frame(rows=80, frequency=frequency))
    assert len(rows) == 80


@pytest.mark.parametrize(
    ("fitted", "frequency"),
    [
        ("D", "h"),
        ("h", "D"),
        ("6h", "D"),
        ("D", "W-MON"),
        ("D", "MS"),
        ("MS", "ME"),
        ("W-SAT", "W-SUN"),
        ("B", "D"),
        ("15min", "30min"),
    ],
)
def test_rejects_another_frequency(fitted, frequency):
    found, wanted = (f"{code} ({describe_frequency(code)})" for code in (frequency, fitted))
    message = f"new table's step is {found}, but the forecaster was fitted on rows of step {wanted}"
    with pytest.raises(InputError, match=re.escape(message)):
        read_newer(make_frame(frequency=fitted), make_frame(frequency=frequency))


def test_rejects_a_series_of_another_frequency():
    history = read_series(make_frame())
    with pytest.raises(InputError, match=r"step is h \(hourly\), but .* step D \(daily\)\. Pass"):
        read_new_rows(lambda step: read_series(make_frame(frequency="h")), history)


def test_gaps_are_not_another_frequency():
    gappy = make_frame().drop(index=[3, 4, 5, 20, 21, 40])
    assert len(read_newer(make_frame(), gappy)) == 60
    assert len(read_newer(make_frame(), make_frame()[::7].head(2))) == 8


def test_accepts_sparse_rows_if_the_history_is_sparse():
    every_second_hour = functools.partial(make_frame, frequency="2h")
    assert len(read_newer(every_second_hour(), every_second_hour(rows=30), frequency="h")) == 59


def test_reports_why_a_table_cannot_be_read():
    with pytest.raises(InputError, match="occurs a second time"):
        read_newer(make_frame(), pd.concat([make_frame(), make_frame().tail(1)]))


def test_predict_rejects_tables_that_do_not_match_the_saved_model(tmp_path, capsys):
    path, out = tmp_path / "newer.csv", tmp_path / "f.csv"
    both = make_frame().assign(b=1.0)
    hourly = make_frame(frequency="h").assign(b=1.0)
    for frame, message in (
        (hourly, "the new table's step is h (hourly), but the forecaster was fitted on rows of"),
        (both.rename(columns={"b": "sold"}), "lacks ['b']"),
        (both.tail(5), "has 5 rows but the forecaster looks back 14"),
    ):
        frame.to_csv(path, index=False)
        assert main(["predict", str(MODEL), str(path), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not out.exists()
    both.to_csv(path, index=False)
    assert main(["predict", str(MODEL), str(path), "--out", str(out)]) == 0
    assert len(pd.read_csv(out)) == 5


def test_rejects_values_beyond_float32():
    frame = make_frame().assign(a=np.sin(np.arange(60.0)))
    forecaster = Forecaster(3, 7, Ridge).fit(frame)
    frame.loc[59, "a"] = -1e300
    with pytest.raises(
        InputError, match=r"the value -1e\+300 is more than 3e38 standard deviations from the mean"
    ):
        forecaster.predict(read_series(frame, outliers="keep"))


def test_series_that_the_model_does_not_know_are_noted():
    def make_rows(*names):
        parts = [make_frame().rename(columns={"date": "ds", "a": "y"}) for _ in names]
        return pd.concat([part.assign(unique_id=n) for part, n in zip(parts, names, strict=True)])

    assert read_newer(make_rows("a", "b"), make_rows("b", "a")).notes == ()
    (note,) = read_newer(make_rows("a"), make_rows("a", "b", "c")).notes
    assert note == (
        "['b', 'c'] are not among the series that the forecaster was fitted on; they are not "
        "forecast"
    )
    # Columns of a wide table may be anything.
    assert read_newer(make_frame(), make_frame().assign(other=1.0)).notes == ()
