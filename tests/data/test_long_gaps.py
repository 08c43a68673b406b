"""Mistyped dates: a few rows far from all others are named, and real gaps pass."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.rows.long_gaps import check_end_gaps
from revin_forecast.errors import InputError


def make_frame(rows=300, start="2023-01-01", step="D"):
    dates = pd.date_range(start, periods=rows, freq=step)
    return pd.DataFrame({"date": dates.astype(str), "x": np.arange(float(rows))})


def retype(frame, row, date):
    """Return the frame with another date in a row."""
    frame = frame.copy()
    frame.loc[frame.index[row], "date"] = date
    return frame


def get_error(frame, **options):
    with pytest.raises(InputError) as error:
        read_series(frame, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("frame", "row", "date", "likely"),
    [
        (make_frame(), -1, "2024-10-27", "2023-10-27"),
        (make_frame(), -1, "2033-10-27", "2023-10-27"),
        (make_frame(), -1, "2099-10-27", "2023-10-27"),
        (make_frame(), 0, "1923-01-01", "2023-01-01"),
        (make_frame(), 0, "1970-01-01", "2023-01-01"),
        (make_frame(), 0, "1899-12-31", ""),
        (make_frame(), 150, "2033-05-31", ""),
        (make_frame(500, step="h"), -1, "2024-01-21 19:00:00", "2023-01-21 19:00:00"),
        (make_frame(40, step="MS"), -1, "2027-04-01", "2026-04-01"),
        (make_frame(30, step="QS"), -1, "2031-04-01", "2030-04-01"),
        (make_frame(30, "1990-01-01", "YS"), -1, "2033-01-01", ""),
    ],
)
def test_names_a_row_far_from_all_others(frame, row, date, likely):
    message = get_error(retype(frame, row, date))
    number = row % len(frame) + 1
    assert message.startswith(f"the table, row {number}: {date} is ")
    assert f"It may be mistyped{', perhaps for ' * bool(likely)}{likely}. Correct it" in message


def test_the_message_names_the_neighbour_and_remedies_that_work(tmp_path, capsys):
    path = tmp_path / "sales.csv"
    retype(make_frame(), -1, "2024-12-31").to_csv(path, index=False)
    assert main(["inspect", str(path)]) == 2
    assert capsys.readouterr().err.endswith(
        "sales.csv, line 301: 2024-12-31 is 432 days after the row before it in time (2023-10-26, "
        "line 300), but no other two rows are more than 1 day apart. It may be mistyped. Correct "
        "it, leave the row out, or pass --long-gaps accept if the time is right.\n"
    )
    assert main(["inspect", str(path), "--long-gaps", "accept"]) == 0
    assert "731 steps from 2023-01-01 to 2024-12-31" in capsys.readouterr().out


def test_accepting_is_not_offered_where_it_would_not_help():
    frame = retype(make_frame(), -1, "2099-10-27")
    assert get_error(frame).endswith("Correct it or leave the row out.")
    assert "do not follow one frequency" in get_error(frame, long_gaps="accept")


def test_up_to_three_rows_are_far():
    frame = make_frame()
    for rows in (1, 2, 3):
        far = pd.concat([frame, make_frame(rows, "2025-03-01")])
        assert f"row {301}: 2025-03-01 is 491 days after" in get_error(far)
    assert len(read_series(pd.concat([frame, make_frame(4, "2025-03-01")]))) == 794


@pytest.mark.parametrize(
    "frame",
    [
        make_frame(700).drop(range(200, 320)),  # a store closed for four months
        make_frame(700).drop(range(500, 690)),  # closed until ten days ago
        make_frame(1043, step="min").drop(range(1000, 1040)),  # a sensor without power
        make_frame(4),
        make_frame(60, step="W-SAT").drop([3, 7, 8, 30, 57, 58]),
        make_frame(5, step="MS").drop([2]),
        make_frame(262, step="B"),
    ],
)
def test_gaps_in_real_tables_pass(frame):
    series = read_series(frame)
    assert series.notes == ()
    assert series.observed.sum() == len(frame)


@given(seed=st.integers(0, 10**6), rows=st.integers(12, 90))
def test_sparse_events_pass(seed, rows):
    days = np.sort(np.random.default_rng(seed).choice(700, rows, replace=False))
    stamps = pd.DatetimeIndex(np.datetime64("2023-01-01") + days.astype("timedelta64[D]"))
    gaps = np.sort(np.diff(days))
    # A single gap ten times as long as all others may be mistyped even here.
    if gaps[-1] < 4 * gaps[-2]:
        check_end_gaps(stamps)


class TestLongTables:
    def make(self):
        a, b = make_frame(500, "2024-01-01"), make_frame(100, "2024-01-01")
        return pd.concat([a.assign(shop="a"), b.assign(shop="b")], ignore_index=True)

    def read(self, frame):
        return read_series(frame, id="shop", value="x")

    def test_series_end_at_different_times(self):
        assert self.read(self.make()).notes == ()

    def test_a_row_far_from_its_series(self):
        frame = retype(self.make(), -1, "2025-04-09")
        with pytest.raises(InputError, match=r"row 600: 2025-04-09 .* perhaps for 2024-04-09"):
            self.read(frame)

    def test_a_row_far_from_all_series(self):
        with pytest.raises(InputError, match=r"row 600: 2033-04-09 is 2,887 days after"):
            self.read(retype(self.make(), -1, "2033-04-09"))


class TestRowsOffTheGrid:
    @pytest.mark.parametrize(
        ("step", "row", "date"),
        [
            ("W-SUN", 30, "2023-06-08"),
            ("W-SUN", 0, "2023-01-02"),
            ("MS", 0, "2023-01-02"),
            ("MS", 20, "2024-01-09"),
            ("h", 7, "2023-01-01 07:17:00"),
        ],
    )
    def test_names_the_only_row_off_the_grid(self, step, row, date):
        message = get_error(retype(make_frame(100, step=step), row, date))
        assert message.startswith(f"the table, row {row + 1}: {date} is off the steps of the 99 ")

    def test_the_remedy_works(self):
        frame = retype(make_frame(100, step="W-SUN"), 30, "2023-06-08")
        with pytest.raises(InputError, match="resample='W-SUN', aggregate='mean'"):
            read_series(frame)
        assert len(read_series(frame, resample="W-SUN", aggregate="mean")) == 100

    def test_a_repeated_time_out_of_order_is_named(self):
        frame = retype(make_frame(800), 366, "2023-01-02")
        assert (
            "row 367: 2023-01-02 00:00:00 occurs a second time (duplicate timestamp); the first is "
            "the table, row 2 and has other values. It may be mistyped in row 367, which is "
            "between 2024-01-01 and 2024-01-03. Keep one row"
        ) in get_error(frame)
        assert "It may be mistyped in row 367" in get_error(frame[::-1].set_axis(range(800))[::-1])
