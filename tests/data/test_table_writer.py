"""Tables written in parts: equal to one written at once, and atomic."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.table_writer import open_table_writer
from revin_forecast.errors import InputError


def make_frame(names=("a", "b"), freq="D", tz=None):
    stamps = pd.date_range("2024-01-01", periods=6, freq=freq, tz=tz)
    return pd.DataFrame(
        {
            "name": np.resize(np.array(names, dtype=object), 6),
            "ds": stamps,
            "y": [1.5, np.nan, 1e-12, 123456.789, -0.25, 3.0],
        }
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("names", [("a", "b"), ("a,b", 'c"d'), ("ü", "x\ny")])
def test_parts_are_one_table(tmp_path, suffix, names):
    path, frame = tmp_path / f"t{suffix}", make_frame(names)
    with open_table_writer(path) as writer:
        for first in range(0, 6, 2):
            writer.write(frame[first : first + 2])
    if suffix == ".parquet":
        pd.testing.assert_frame_equal(
            pd.read_parquet(path), frame, check_dtype=False, check_freq=False
        )
        return
    read = pd.read_csv(path, parse_dates=["ds"])
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)
    assert path.read_bytes().startswith(b"name,ds,y\n")


def test_times_have_one_form_in_all_parts(tmp_path):
    path = tmp_path / "t.csv"
    hourly = make_frame(freq="12h", tz="Europe/Berlin")
    with open_table_writer(path) as writer:
        for row in range(6):
            writer.write(hourly[row : row + 1])
    times = pd.read_csv(path)["ds"]
    assert times.tolist()[:2] == ["2024-01-01 00:00:00+01:00", "2024-01-01 12:00:00+01:00"]
    with open_table_writer(path, has_clock=False) as writer:
        writer.write(make_frame())
    assert pd.read_csv(path)["ds"].tolist()[:2] == ["2024-01-01", "2024-01-02"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_error_leaves_the_old_file(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_text("old")

    def fail():
        with open_table_writer(path) as writer:
            writer.write(make_frame())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match=".csv or .parquet"), open_table_writer(tmp_path / "t.txt"):
        pass
