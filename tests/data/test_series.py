"""Series: selection, alignment of ends, and forecasts in the layout of the table."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.series import Series
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError

STAMPS = pd.date_range("2024-01-01", periods=4, freq="D")
LONG = TableFormat(time="ds", id="unique_id", value="y")


def make_series(**changes):
    parts = {
        "values": np.array([[1.0, 2], [np.inf, 4], [5, np.nan], [7, 8]]),
        "timestamps": STAMPS,
        "names": ("a", "b"),
        "frequency": "D",
    }
    return Series(**(parts | changes))


def make_uneven_series(frequency="ME", tz=None):
    """Return a channel that ends with the last row and one that ends two steps earlier."""
    stamps = pd.date_range("2024-01-31", periods=5, freq=frequency, tz=tz)
    values = np.array([[0.0, 1], [2, 3], [4, 5], [6, np.nan], [8, np.nan]])
    lasts = stamps[[4, 2]]
    return Series(values, stamps, ("a", "b"), frequency, LONG, last_timestamps=lasts), stamps


def test_infinite_values_are_unobserved():
    assert make_series().observed.tolist() == [[1, 1], [0, 1], [1, 0], [1, 1]]
    assert np.isnan(make_series().values[1, 0])


def test_rows_and_selection():
    part = make_series().slice_rows(1, 3).select(["b"])
    assert part.names == ("b",)
    assert part.timestamps.tolist() == STAMPS[1:3].tolist()
    assert part.values[0, 0] == 4
    with pytest.raises(InputError, match=r"no column \['c'\] among \['a', 'b'\]"):
        make_series().select(["c"])


def test_inputs_are_not_targets():
    marked = make_series(inputs=("b",))
    assert marked.targets == ("a",)
    assert marked.select(["a"]).inputs == ()
    frame = marked.forecast_frame({"": np.array([[3.0], [4]]), "-lo-80": np.array([[1.0], [2]])})
    assert list(frame.columns) == ["date", "a", "a-lo-80"]
    assert frame.date.tolist() == list(pd.date_range("2024-01-05", periods=2))
    assert frame["a-lo-80"].tolist() == [1, 2]


def test_columns_of_a_channel_are_adjacent():
    point = np.arange(6.0).reshape(3, 2)
    frame = make_series().forecast_frame({"": point, "-lo-80": point - 1, "-hi-80": point + 1})
    assert list(frame.columns) == ["date", "a", "a-lo-80", "a-hi-80", "b", "b-lo-80", "b-hi-80"]
    assert frame.iloc[2, 1:].tolist() == [4, 3, 5, 5, 4, 6]
    named = make_series(names=("a", "a-lo-80"))
    with pytest.raises(InputError, match=r"more than one column \['a-lo-80'\]; rename it"):
        named.forecast_frame({"": point, "-lo-80": point})


def test_future_needs_a_frequency():
    assert make_series().future_timestamps(2).tolist() == [*pd.date_range("2024-01-05", periods=2)]
    with pytest.raises(InputError, match="Pass `frequency`"):
        make_series(frequency=None).future_timestamps(2)


def test_the_first_future_stamp_is_the_next_one_on_the_grid():
    stamps = pd.DatetimeIndex(["2024-01-06", "2024-01-10"])
    future = make_series(timestamps=stamps, values=np.zeros((2, 2)), frequency="W-SAT")
    assert list(future.future_timestamps(2)) == list(pd.DatetimeIndex(["2024-01-13", "2024-01-20"]))


def test_parts_must_agree():
    with pytest.raises(
        ValueError, match=r"values have shape \(4, 2\), but timestamps and names require \(4, 1"
    ):
        make_series(names=("a",))
    with pytest.raises(ValueError, match="there are 1 last_timestamps for 2 channels"):
        make_series(last_timestamps=STAMPS[:1])


@pytest.mark.parametrize("frequency", ["ME", "h", "B", "W-WED"])
@pytest.mark.parametrize("tz", [None, "Europe/Berlin"])
def test_each_series_is_dated_from_its_own_end(frequency, tz):
    unaligned, stamps = make_uneven_series(frequency, tz)
    ahead = pd.date_range(stamps[0], periods=7, freq=frequency)
    for table in (unaligned, unaligned.align_ends()):
        frame = table.forecast_frame({"": np.array([[1.0, 3], [2, 4]])})
        assert frame.unique_id.tolist() == ["a", "a", "b", "b"]
        assert frame.ds.tolist() == [*ahead[5:7], *ahead[3:5]]
        assert frame.y.tolist() == [1, 2, 3, 4]


def test_alignment_moves_each_channel_to_the_last_row():
    unaligned, stamps = make_uneven_series()
    aligned = unaligned.align_ends()
    np.testing.assert_array_equal(aligned.values[:, 1], [np.nan, np.nan, 1, 3, 5])
    np.testing.assert_array_equal(aligned.values[:, 0], unaligned.values[:, 0])
    assert aligned.last_timestamps.equals(unaligned.last_timestamps)
    assert aligned.align_ends() is aligned
    assert make_series().align_ends().last_timestamps is None
    part = aligned.slice_rows(1, 4)  # ends a step earlier, so does every channel
    assert part.last_timestamps.tolist() == [stamps[3], stamps[1]]
    assert part.select(["b"]).forecast_frame({"": np.zeros((1, 1))}).ds.tolist() == [stamps[2]]
    assert unaligned.slice_rows(0, 4).last_timestamps.tolist() == [stamps[3], stamps[2]]
