import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.series import Series, TableLayout
from revin_forecast.errors import InputError

STAMPS = pd.date_range("2024-01-01", periods=4, freq="D")
LONG = TableLayout(time="ds", id="unique_id", value="y")


def series(**changes):
    parts = {
        "values": np.array([[1.0, 2], [np.inf, 4], [5, np.nan], [7, 8]]),
        "timestamps": STAMPS,
        "names": ("a", "b"),
        "frequency": "D",
    }
    return Series(**(parts | changes))


def uneven(frequency="ME", tz=None):
    """A series that ends with the last row and one that ended two steps before."""
    stamps = pd.date_range("2024-01-31", periods=5, freq=frequency, tz=tz)
    values = np.array([[0.0, 1], [2, 3], [4, 5], [6, np.nan], [8, np.nan]])
    lasts = stamps[[4, 2]]
    return Series(values, stamps, ("a", "b"), frequency, LONG, last_timestamps=lasts), stamps


def test_what_is_not_finite_is_unobserved():
    assert series().observed.tolist() == [[1, 1], [0, 1], [1, 0], [1, 1]]
    assert np.isnan(series().values[1, 0])


def test_rows_and_selection():
    part = series().slice_rows(1, 3).select(["b"])
    assert part.names == ("b",)
    assert part.timestamps.tolist() == STAMPS[1:3].tolist()
    assert part.values[0, 0] == 4
    with pytest.raises(InputError, match=r"no column \['c'\] among \['a', 'b'\]"):
        series().select(["c"])


def test_inputs_are_no_targets():
    marked = series(inputs=("b",))
    assert marked.targets == ("a",)
    assert marked.select(["a"]).inputs == ()
    frame = marked.forecast_frame({"": np.array([[3.0], [4]]), "-lo-80": np.array([[1.0], [2]])})
    assert list(frame.columns) == ["date", "a", "a-lo-80"]
    assert frame.date.tolist() == list(pd.date_range("2024-01-05", periods=2))
    assert frame["a-lo-80"].tolist() == [1, 2]


def test_columns_of_a_channel_stand_side_by_side():
    point = np.arange(6.0).reshape(3, 2)
    frame = series().forecast_frame({"": point, "-lo-80": point - 1, "-hi-80": point + 1})
    assert list(frame.columns) == ["date", "a", "a-lo-80", "a-hi-80", "b", "b-lo-80", "b-hi-80"]
    assert frame.iloc[2, 1:].tolist() == [4, 3, 5, 5, 4, 6]
    named = series(names=("a", "a-lo-80"))
    with pytest.raises(InputError, match=r"more than one column \['a-lo-80'\]; rename it"):
        named.forecast_frame({"": point, "-lo-80": point})


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
    with pytest.raises(ValueError, match="there are 1 lasts of 2 channels"):
        series(last_timestamps=STAMPS[:1])


@pytest.mark.parametrize("frequency", ["ME", "h", "B", "W-WED"])
@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_each_series_is_dated_from_its_own_end(frequency, tz):
    whole, stamps = uneven(frequency, tz)
    ahead = pd.date_range(stamps[0], periods=7, freq=frequency)
    for one in (whole, whole.align_ends()):
        frame = one.forecast_frame({"": np.array([[1.0, 3], [2, 4]])})
        assert frame.unique_id.tolist() == ["a", "a", "b", "b"]
        assert frame.ds.tolist() == [*ahead[5:7], *ahead[3:5]]
        assert frame.y.tolist() == [1, 2, 3, 4]
        assert one.to_frame(np.zeros((1, 2)), stamps[-1:]).ds.tolist() == [stamps[4], stamps[2]]


def test_alignment_moves_the_last_row_down_and_loses_nothing():
    whole, stamps = uneven()
    moved = whole.align_ends()
    np.testing.assert_array_equal(moved.values[:, 1], [np.nan, np.nan, 1, 3, 5])
    np.testing.assert_array_equal(moved.values[:, 0], whole.values[:, 0])
    assert moved.last_timestamps.equals(whole.last_timestamps)
    assert moved.align_ends() is moved
    assert series().align_ends().last_timestamps is None
    part = moved.slice_rows(1, 4)  # ends a step earlier, so does every channel
    assert part.last_timestamps.tolist() == [stamps[3], stamps[1]]
    assert part.select(["b"]).forecast_frame({"": np.zeros((1, 1))}).ds.tolist() == [stamps[2]]
    assert whole.slice_rows(0, 4).last_timestamps.tolist() == [stamps[3], stamps[2]]
