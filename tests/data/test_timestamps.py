"""Timestamps: parsed where they are unambiguous, rejected with line, column and fix otherwise."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from tests.support.small_tables import DAYS, GOOD, NUMBERS, get_read_error, make_table


class TestTimes:
    @pytest.mark.parametrize("frequency", ["h", "D", "B", "ME", "MS", "100ms", "QE-DEC", "YE-JUN"])
    @pytest.mark.parametrize("ending", [".csv", ".parquet"])
    def test_steps(self, tmp_path, frequency, ending):
        stamps = pd.date_range("2023-01-31", periods=12, freq=frequency)
        frame = pd.DataFrame({"date": stamps, "x": np.arange(12.0)})
        path = tmp_path / f"t{ending}"
        frame.to_csv(path, index=False) if ending == ".csv" else frame.to_parquet(path)
        series = read_series(path)
        assert series.frequency == frequency
        assert list(series.timestamps) == list(stamps)
        after = pd.date_range(stamps[-1], periods=3, freq=frequency)[1:]
        assert list(series.future_timestamps(2)) == list(after)

    @pytest.mark.parametrize("day", ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"])
    def test_weeks_start_on_any_day(self, write_file, day):
        stamps = pd.date_range("2024-01-01", periods=12, freq=f"W-{day}").astype(str)
        assert read_series(write_file(make_table(NUMBERS, stamps=stamps))).frequency == f"W-{day}"

    @pytest.mark.parametrize(
        ("cells", "first"),
        [
            (["2024Q1", "2024Q2", "2024Q3"], "2024-01-01"),
            (["2023-Q4", "2024-Q1", "2024-Q2"], "2023-10-01"),
            (["20240131", "20240229", "20240331"], "2024-01-31"),
            (["202401", "202402", "202403"], "2024-01-01"),
            (["12/2023", "01/2024", "02/2024"], "2023-12-01"),
            (["Dec 2023", "Jan 2024", "Feb 2024"], "2023-12-01"),
            (["1/13/2024 11:00 PM", "1/14/2024 12:00 AM", "1/14/2024 1:00 AM"], "2024-01-13 23:00"),
            (["31-Jan-2024", "29-Feb-2024", "31-Mar-2024"], "2024-01-31"),
            ([" 2024-01-01", "2024-01-02 ", "2024-01-03"], "2024-01-01"),
        ],
    )
    def test_formats(self, write_file, cells, first):
        series = read_series(write_file(make_table(NUMBERS, stamps=cells)))
        assert len(series) == 3
        assert series.timestamps[0] == pd.Timestamp(first)

    @pytest.mark.parametrize(
        ("cells", "reason"),
        [
            (["01/02/24", "02/02/24", "13/02/24"], "A year of two digits is ambiguous"),
            (["1704067200", "1704070811", "1704074400"], "like a count of seconds since 1970"),
            (["45292", "45293", "45304"], "like a count of days in a spreadsheet"),
            (
                ["12:30", "12:31", "12:32"],
                "'12:30:00' is not a date or time, or its format is not known. A time of day",
            ),
            (["Monday", "Tuesday", "Wednesday"], "'Monday' is not a date"),
            (["2024-01-01", "2024-01-02T00:00Z", "2024-01-03"], "column 'date': '2024-01-0"),
            (
                ["03/04/2024", "04/04/2024", "05/04/2024"],
                "may be 2024-03-04 00:00:00 or 2024-04-03",
            ),
        ],
    )
    def test_rejects_other_cells(self, write_file, cells, reason):
        message = get_read_error(write_file(make_table(NUMBERS, stamps=cells)))
        assert reason in message
        assert "sales.csv, line " in message
        assert "2024-12-31" in message

    def test_time_column(self, write_file):
        two = make_table(DAYS, NUMBERS, names=["time", "x"])
        assert "several columns that may be the time: ['date', 'time']" in get_read_error(
            write_file(two)
        )
        assert read_series(write_file(two), time="time", target=["x"]).format.time == "time"
        clock = make_table(["12:30"] * 12, NUMBERS, names=["time", "x"])
        series = read_series(write_file(clock))
        assert series.format.time == ("date", "time")
        assert (str(series.timestamps[0]), series.frequency) == ("2024-01-01 12:30:00", "D")
        elapsed = make_table(NUMBERS, NUMBERS, names=["time", "x"])
        assert read_series(write_file(elapsed)).format.time == "date"
        content = two.replace("date,time", "opened,closed")
        assert "may be the time: ['opened', 'closed']" in get_read_error(write_file(content))
        texts = make_table(["shop 1"] * 12, NUMBERS, names=["shop", "x"]).replace("date", "opened")
        assert read_series(write_file(texts), target=["x"]).format.time == "opened"

    def test_a_repeated_hour_with_offsets(self, write_file):
        stamps = pd.date_range("2024-10-26 22:00", periods=12, freq="h", tz="Europe/Berlin")
        series = read_series(
            write_file(make_table(NUMBERS, stamps=[stamp.isoformat() for stamp in stamps]))
        )
        assert series.frequency == "h"
        assert series.values[:, 0].tolist() == list(range(12))
        assert list(series.timestamps) == list(stamps)

    def test_local_time_at_clock_changes(self, write_file):
        autumn = pd.date_range("2024-10-26 22:00", periods=12, freq="h", tz="Europe/Berlin")
        message = get_read_error(
            write_file(make_table(NUMBERS, stamps=autumn.tz_localize(None).astype(str)))
        )
        assert "line 7: 2024-10-27 02:00:00 occurs a second time" in message
        assert "if clocks were put back then, write times in UTC or with their offset" in message
        spring = pd.date_range("2024-03-30 22:00", periods=12, freq="h", tz="Europe/Berlin")
        series = read_series(
            write_file(make_table(NUMBERS, stamps=spring.tz_localize(None).astype(str)))
        )
        assert len(series) == 13
        assert np.flatnonzero(~series.observed[:, 0]).tolist() == [4]  # 02:00 never was

    def test_days_with_a_changing_offset(self, write_file):
        stamps = pd.date_range("2024-03-25", periods=12, freq="D", tz="Europe/Berlin")
        message = get_read_error(
            write_file(make_table(NUMBERS, stamps=[stamp.isoformat() for stamp in stamps]))
        )
        assert "If clock changes move them, write days without hour and offset" in message

    def test_reports_whether_repeated_rows_agree(self, write_file):
        for cell, outcome in (("5", "has the same values"), ("6", "has other values")):
            message = get_read_error(write_file(GOOD + f"2024-01-06,{cell}\n"))
            assert "line 14: 2024-01-06 00:00:00 occurs a second time" in message
            assert "the first is " in message
            assert f"sales.csv, line 7 and {outcome}. Keep one row for each time" in message

    def test_irregular_gaps(self, write_file):
        lines = GOOD.splitlines()
        series = read_series(write_file("\n".join(lines[:4] + lines[6:9] + lines[10:])))
        assert np.flatnonzero(~series.observed[:, 0]).tolist() == [3, 4, 8]
        message = get_read_error(write_file(GOOD.replace("2024-01-06", "2024-01-06 07:13")))
        assert (
            "sales.csv, line 7: 2024-01-06 07:13:00 is off the steps of the 11 other rows (D)."
            in message
        )

    def test_says_that_local_times_became_utc(self, write_file, tmp_path):
        stamps = pd.date_range("2024-03-31", periods=12, freq="h", tz="Europe/Berlin")
        path = write_file(make_table(NUMBERS, stamps=[stamp.isoformat() for stamp in stamps]))
        (note,) = read_series(path).notes
        assert note.startswith(
            f"{path}, line 2, column 'date': times were converted to UTC "
            "('2024-03-31T00:00:00+01:00' is 2024-03-30 23:00:00+00:00), in which days begin"
        )
        format = tmp_path / "format.yaml"
        format.write_text("zone: Europe/Berlin\n")
        series = read_series(path, format=format)
        assert (series.timestamps[0], series.notes) == (stamps[0], ())

    def test_the_same_time_in_all_rows_is_not_the_time(self, write_file):
        text = make_table(DAYS, NUMBERS, names=["period", "x"], stamps=["2024-11-11 23:00"] * 12)
        text = text.replace("date,", "last update,")
        series = read_series(write_file(text), target=["x"])
        assert series.format.time == "period"
        other = text.replace("2024-11-11", "2024-11-12", 1)
        assert "several columns that may be the time" in get_read_error(write_file(other))

    def test_days_and_months_that_were_swapped(self, write_file):
        days = pd.date_range("2024-03-01", periods=60)
        stamps = [f"{day:%d/%m/%Y}" if day.day <= 12 else f"{day:%m/%d/%Y}" for day in days]
        path = write_file(make_table(["1"] * 60, stamps=stamps))
        message = get_read_error(path)
        assert (
            "line 2, column 'date': the rows are regular only if '01/03/2024' is 2024-" in message
        )
        assert "is 2024-03-01 but '03/13/2024', in " in message
        assert "line 14, is 2024-03-13: a program has swapped day and month in some" in message
        assert len(read_series(path, time_form="%m/%d/%Y")) > 60
        irregular = [f"{day:%m/%d/%Y}" for day in days[[0, 3, 4, 11, 12, 30, 31, 33, 50, 52]]]
        text = make_table(NUMBERS, stamps=irregular)
        assert len(read_series(write_file(text), grid=False)) == 10

    def test_times_in_utc_are_not_converted(self, write_file):
        for end in ("Z", "+00:00", " UTC"):
            stamps = [f"{day} 00:00:00{end}" for day in DAYS]
            assert read_series(write_file(make_table(NUMBERS, stamps=stamps))).notes == ()


class TestMonthsAndYears:
    """Months and years, which a CSV reader parses as numbers."""

    @pytest.mark.parametrize("name", ["date", "Monat"])
    @pytest.mark.parametrize("separator", [",", ";"])
    def test_months_with_a_dot(self, write_file, name, separator):
        stamps = pd.date_range("2012-01-01", periods=40, freq="MS")
        rows = [f"{stamp:%m.%Y}{separator}{index}.5" for index, stamp in enumerate(stamps)]
        series = read_series(write_file("\n".join([f"{name}{separator}x", *rows])))
        assert series.timestamps.equals(stamps.as_unit(series.timestamps.unit))
        assert (series.frequency, series.names) == ("MS", ("x",))

    def test_a_column_of_years_needs_its_name(self, write_file):
        rows = [f"{year},{year % 7}.5,{year}" for year in range(1980, 2020)]
        series = read_series(write_file("\n".join(["Year,x,y", *rows])))
        assert (str(series.timestamps[0].date()), series.names) == ("1980-01-01", ("x", "y"))
        with pytest.raises(InputError, match="has no time column"):
            read_series(write_file("\n".join(["Years,x,y", *rows])))
        with pytest.raises(InputError, match="has no time column"):  # a month is in another column
            read_series(write_file("\n".join(["Year,x,y", *rows, rows[-1]])))

    def test_numbers_like_months_are_numbers_if_there_is_a_date(self, write_file):
        rows = [f"2024-01-{day:02d},{day % 12 + 1:02d}.2012" for day in range(1, 30)]
        series = read_series(write_file("\n".join(["date,x", *rows])))
        assert series.values[0, 0] == 2.2012
