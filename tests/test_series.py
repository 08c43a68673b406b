import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.series import Series
from revin_forecast.errors import InputError

STAMPS = pd.date_range("2024-01-01", periods=4, freq="D")


def series(**changes):
    parts = {
        "values": np.array([[1.0, 2], [np.inf, 4], [5, np.nan], [7, 8]]),
        "timestamps": STAMPS,
        "names": ("a", "b"),
        "frequency": "D",
    }
    return Series(**(parts | changes))


def test_what_is_not_finite_is_unobserved():
    assert series().observed.tolist() == [[1, 1], [0, 1], [1, 0], [1, 1]]
    assert np.isnan(series().values[1, 0])


def test_rows_and_selection():
    part = series().rows(1, 3).select(["b"])
    assert part.names == ("b",)
    assert part.timestamps.tolist() == STAMPS[1:3].tolist()
    assert part.values[0, 0] == 4
    with pytest.raises(InputError, match=r"no column \['c'\] among \['a', 'b'\]"):
        series().select(["c"])


def test_future_needs_a_rhythm():
    assert series().future_timestamps(2).tolist() == [*pd.date_range("2024-01-05", periods=2)]
    with pytest.raises(InputError, match="Pass --frequency"):
        series(frequency=None).future_timestamps(2)


def test_the_first_future_stamp_is_the_next_one_on_the_grid():
    stamps = pd.DatetimeIndex(["2024-01-06", "2024-01-10"])
    future = series(timestamps=stamps, values=np.zeros((2, 2)), frequency="W-SAT")
    assert list(future.future_timestamps(2)) == list(pd.DatetimeIndex(["2024-01-13", "2024-01-20"]))


def test_parts_must_agree():
    with pytest.raises(
        ValueError, match=r"values have shape \(4, 2\); stamps and names say \(4, 1"
    ):
        series(names=("a",))
