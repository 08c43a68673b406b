"""What cells mean: read where it is certain, refused with line, column and remedy where not."""

import io
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import DAYS, GOOD, NUMBERS, refused, table, written


@pytest.fixture
def file(tmp_path):
    return partial(written, tmp_path)


class TestNumbers:
    @pytest.mark.parametrize(
        ("cells", "values"),
        [
            (["1,5", "2", "-0,25"], [1.5, 2, -0.25]),
            (["1.234,5", "999", "2.000"], [1234.5, 999, 2000]),
            (["1,234.5", "999", "2,000"], [1234.5, 999, 2000]),
            (["1,234,567", "999", "2,000"], [1234567, 999, 2000]),
            (["1.234.567", "999", "2.000"], [1234567, 999, 2000]),
            (["1 234,5", "1\u00a0000", "1\u202f000,25"], [1234.5, 1000, 1000.25]),
            (["1'234.5", "999", "2\u2019000"], [1234.5, 999, 2000]),
            (["0,123", "1,234", "12,345"], [0.123, 1.234, 12.345]),
            (["1,234", "12,345", "1,5e3"], [1.234, 12.345, 1500]),
            (["1234,567", "1,234", "7"], [1234.567, 1.234, 7]),
            (["1.234", "12.345", "123.456"], [1.234, 12.345, 123.456]),
            ([" 7 ", "+3", "\u22125"], [7, 3, -5]),
            (["True", "false", "True"], [1, 0, 1]),
            (["1e300", "-1e-300", "5e-324"], [1e300, -1e-300, 5e-324]),
            (["9007199254740993", "-1", "18446744073709551617"], [2**53, -1, 2**64]),
            (['"5"', '"6"', '"7"'], [5, 6, 7]),
        ],
    )
    def test_read_where_they_are_certain(self, file, cells, values):
        series = read_series(file(table(cells * 4, separator=";")))
        assert series.values[:3, 0].tolist() == values

    @pytest.mark.parametrize(
        ("cells", "told"),
        [
            (["1,234", "12,345"], "'1,234' may be 1.234 or 1234. Say which mark"),
            (["1,5", "2.5"], "line 3, column 'x': '2.5' and '1,5' above it do not have the same"),
            (["0x1F", "0x2"], "line 2, column 'x': '0x1F' is no number"),
            (["0xFFFFFFFFFFFFFFFF", "1"], "'0xFFFFFFFFFFFFFFFF' is no number"),
            (["5 %", "6 %"], "'5 %' is no number. Write it without the percent sign"),
            (["€ 5", "€ 6"], "'€ 5' is no number. Write it without the currency"),
            (["5 kg", "6 kg"], "'5 kg' is no number. Write it without the unit"),
            (["12,34,567", "1"], "'12,34,567' is no number"),
            (["north", "south"], "'north' is no number. If the column names series, see --id"),
            (["1_000", "1"], "'1_000' is no number"),
            (["12:30", "12:45"], "column 'x': '12:30:00' is no number"),
            (["1,5", "1e999"], "line 3, column 'x': '1e999' is larger than any float64"),
            (["1.234,5", "0.500"], "line 3, column 'x': '0.500' "),
        ],
    )
    def test_refused_where_they_are_not(self, file, cells, told):
        assert told in refused(file(table(cells * 6, separator=";")))

    def test_other_columns_settle_a_comma_but_not_a_point(self, file):
        ambiguous = ["1,234"] * 12
        series = read_series(file(table(["1,5"] * 12, ambiguous, separator=";")))
        assert series.values[0].tolist() == [1.5, 1.234]
        assert "may be 1.234 or 1234" in refused(
            file(table(["1.5"] * 12, ambiguous, separator=";"))
        )
        assert "'1.234' may be 1.234 or 1234" in refused(
            file(table(["1,5"] * 12, ["1.234"] * 12, separator=";"))
        )

    @pytest.mark.parametrize(
        ("decimal", "values"), [(",", [1.234, 1234, 1.5]), (".", [1234, 1.234, 15])]
    )
    def test_decimal_settles_it(self, file, decimal, values):
        last = "1,5" if decimal == "," else "15"
        path = file(table(["1,234"] * 12, ["1.234"] * 12, [last] * 12, separator="|"))
        assert read_series(path, decimal=decimal).values[0].tolist() == values
        wrong = "2.5" if decimal == "," else "2,5"
        path = file(table([wrong] * 12, separator="|"))
        assert f"'{wrong}' is no number" in refused(path, decimal=decimal)

    def test_a_contradiction_far_below(self, file):
        stamps = pd.date_range("2000-01-01", periods=30_000, freq="h").astype(str)
        cells = ["1,5"] * 29_999 + ["2.5"]
        text = table(cells, separator=";", stamps=stamps)
        assert "line 30001, column 'x': '2.5' is no number" in refused(file(text))

    def test_objects_in_a_frame(self):
        cells = [1, 2.5, Decimal("3.25"), "4,5", None, "n/a", np.float32(2), True, np.nan, pd.NA]
        frame = pd.DataFrame({"date": DAYS[:10], "x": pd.Series(cells, dtype=object)})
        values = read_series(frame).values[:, 0]
        np.testing.assert_array_equal(values[:4], [1, 2.5, 3.25, 4.5])
        assert np.isnan(values[[4, 5, 8, 9]]).all()
        assert values[6:8].tolist() == [2, 1]
        frame["x"] = pd.Series([[1]] * 10, dtype=object)
        assert "the table, row 1, column 'x': '[1]' is no number" in refused(frame)
        frame["x"] = pd.Series([10**400] * 10, dtype=object)
        assert "the table, row 1, column 'x': '1000" in refused(frame)

    def test_a_frame_is_left_as_it_was(self):
        frame = pd.read_csv(io.StringIO(GOOD))
        before = frame.copy(deep=True)
        read_series(frame.iloc[::-1], missing="interpolate").values[:] = 0
        pd.testing.assert_frame_equal(frame, before)


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
    def test_weeks_start_on_any_day(self, file, day):
        stamps = pd.date_range("2024-01-01", periods=12, freq=f"W-{day}").astype(str)
        assert read_series(file(table(NUMBERS, stamps=stamps))).frequency == f"W-{day}"

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
    def test_forms(self, file, cells, first):
        series = read_series(file(table(NUMBERS, stamps=cells)))
        assert len(series) == 3
        assert series.timestamps[0] == pd.Timestamp(first)

    @pytest.mark.parametrize(
        ("cells", "told"),
        [
            (["01/02/24", "02/02/24", "13/02/24"], "Two digits do not tell the year"),
            (["1704067200", "1704070800", "1704074400"], "like a count of seconds since 1970"),
            (["45292", "45293", "45294"], "like a spreadsheet's count of days"),
            (
                ["12:30", "12:31", "12:32"],
                "'12:30:00' is no date or time, or of a form that is not known. An hour",
            ),
            (["Monday", "Tuesday", "Wednesday"], "'Monday' is no date"),
            (["2024-01-01", "2024-01-02T00:00Z", "2024-01-03"], "column 'date': '2024-01-0"),
            (
                ["03/04/2024", "04/04/2024", "05/04/2024"],
                "may be 2024-03-04 00:00:00 or 2024-04-03",
            ),
        ],
    )
    def test_what_is_no_time(self, file, cells, told):
        message = refused(file(table(NUMBERS, stamps=cells)))
        assert told in message
        assert "sales.csv, line " in message
        assert "2024-12-31" in message

    def test_which_column(self, file):
        two = table(DAYS, NUMBERS, names=["time", "x"])
        assert "several columns that may be the time: ['date', 'time']" in refused(file(two))
        assert read_series(file(two), time="time", target=["x"]).layout.time == "time"
        clock = table(["12:30"] * 12, NUMBERS, names=["time", "x"])
        assert "the day in column 'date' and the hour in 'time'. Join" in refused(file(clock))
        elapsed = table(NUMBERS, NUMBERS, names=["time", "x"])
        assert read_series(file(elapsed)).layout.time == "date"
        content = two.replace("date,time", "opened,closed")
        assert "may be the time: ['opened', 'closed']" in refused(file(content))
        texts = table(["shop 1"] * 12, NUMBERS, names=["shop", "x"]).replace("date", "opened")
        assert read_series(file(texts), target=["x"]).layout.time == "opened"

    def test_a_time_zone_with_both_hours_of_autumn(self, file):
        stamps = pd.date_range("2024-10-26 22:00", periods=12, freq="h", tz="Europe/Berlin")
        series = read_series(file(table(NUMBERS, stamps=[one.isoformat() for one in stamps])))
        assert series.frequency == "h"
        assert series.values[:, 0].tolist() == list(range(12))
        assert list(series.timestamps) == list(stamps)

    def test_wall_time_in_autumn_and_spring(self, file):
        autumn = pd.date_range("2024-10-26 22:00", periods=12, freq="h", tz="Europe/Berlin")
        message = refused(file(table(NUMBERS, stamps=autumn.tz_localize(None).astype(str))))
        assert "line 7: 2024-10-27 02:00:00 stands there a second time" in message
        assert "if clocks were put back then, write times in UTC or with their offset" in message
        spring = pd.date_range("2024-03-30 22:00", periods=12, freq="h", tz="Europe/Berlin")
        series = read_series(file(table(NUMBERS, stamps=spring.tz_localize(None).astype(str))))
        assert len(series) == 13
        assert np.flatnonzero(~series.observed[:, 0]).tolist() == [4]  # 02:00 never was

    def test_days_with_a_changing_offset(self, file):
        stamps = pd.date_range("2024-03-25", periods=12, freq="D", tz="Europe/Berlin")
        message = refused(file(table(NUMBERS, stamps=[one.isoformat() for one in stamps])))
        assert "If clock changes move them, write days without hour and offset" in message

    def test_repeats_say_whether_values_agree(self, file):
        for cell, told in (("5", "has the same values"), ("6", "has other values")):
            message = refused(file(GOOD + f"2024-01-06,{cell}\n"))
            assert "line 14: 2024-01-06 00:00:00 stands there a second time" in message
            assert "the first is " in message
            assert f"sales.csv, line 7 and {told}. Keep one row for each time" in message

    def test_irregular_gaps(self, file):
        lines = GOOD.splitlines()
        series = read_series(file("\n".join(lines[:4] + lines[6:9] + lines[10:])))
        assert np.flatnonzero(~series.observed[:, 0]).tolist() == [3, 4, 8]
        message = refused(file(GOOD.replace("2024-01-06", "2024-01-06 07:13")))
        assert (
            "sales.csv, line 7: the rows do not follow one rhythm: 2024-01-06 07:13:00" in message
        )
