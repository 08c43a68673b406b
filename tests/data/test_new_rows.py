import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main
from revin_forecast.data.reading.new_rows import read_new_rows
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

MODEL = Path(__file__).parents[1] / "fixtures" / "models" / "schema-2" / "ridge"


def table(rows=60, frequency="D"):
    stamps = pd.date_range("2024-01-01", periods=rows, freq=frequency)
    return pd.DataFrame({"date": stamps, "a": np.arange(rows) * 1.0})


def newer(fitted, frame, **options):
    history = read_series(fitted, **options)
    return read_new_rows(lambda step: read_series(frame, frequency=step), history)


@pytest.mark.parametrize("frequency", ["h", "D", "B", "W-SAT", "MS", "15min"])
def test_the_same_rhythm_is_read(frequency):
    found = newer(table(frequency=frequency), table(rows=80, frequency=frequency))
    assert len(found) == 80


@pytest.mark.parametrize(
    ("fitted", "given"),
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
def test_another_rhythm_is_refused(fitted, given):
    message = f"new table's step is {given}, but the forecaster was fitted on rows of step {fitted}"
    with pytest.raises(InputError, match=message):
        newer(table(frequency=fitted), table(frequency=given))


def test_a_series_of_another_rhythm_is_refused():
    history = read_series(table())
    with pytest.raises(InputError, match="step is h, but .* rows of step D. Pass a table of that"):
        read_new_rows(lambda step: read_series(table(frequency="h")), history)


def test_gaps_are_no_other_rhythm():
    gappy = table().drop(index=[3, 4, 5, 20, 21, 40])
    assert len(newer(table(), gappy)) == 60
    assert len(newer(table(), table()[::7].head(2))) == 8


def test_rows_that_were_sparse_already_may_be_so_again():
    every = functools.partial(table, frequency="2h")
    assert len(newer(every(), every(rows=30), frequency="h")) == 59


def test_a_table_that_cannot_be_read_says_why():
    with pytest.raises(InputError, match="stands there a second time"):
        newer(table(), pd.concat([table(), table().tail(1)]))


def test_predict_refuses_what_the_saved_model_does_not_know(tmp_path, capsys):
    path, out = tmp_path / "newer.csv", tmp_path / "f.csv"
    two = table().assign(b=1.0)
    hourly = table(frequency="h").assign(b=1.0)
    for frame, message in (
        (hourly, "the new table's step is h, but the forecaster was fitted on rows of step D"),
        (two.rename(columns={"b": "sold"}), "lacks ['b']"),
        (two.tail(5), "has 5 rows but the forecaster looks back 14"),
    ):
        frame.to_csv(path, index=False)
        assert main(["predict", str(MODEL), str(path), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not out.exists()
    two.to_csv(path, index=False)
    assert main(["predict", str(MODEL), str(path), "--out", str(out)]) == 0
    assert len(pd.read_csv(out)) == 5


def test_values_beyond_float32_are_refused_not_taken_for_gaps():
    frame = table().assign(a=np.sin(np.arange(60.0)))
    forecaster = Forecaster(3, 7, Ridge).fit(frame)
    frame.loc[59, "a"] = -1e300
    with pytest.raises(InputError, match=r"the value -1e\+300 is more than 3e38 times as far"):
        forecaster.predict(frame)
