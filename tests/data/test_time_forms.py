"""Every form of times is read, and written as it came."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.data.format_timestamps import format_timestamps
from revin_forecast.data.month_names import LANGUAGES
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.reading.times.guess_time_forms import guess_time_forms
from revin_forecast.data.reading.times.parse_time_cells import parse_cells
from revin_forecast.data.table_format import TableFormat
from tests.support.small_tables import NUMBERS, get_read_error, make_table

DAYS = pd.date_range("2024-01-20", periods=40)
MONTHS = pd.date_range("2010-03-01", periods=40, freq="MS")
QUARTERS = pd.date_range("2005-01-01", periods=20, freq="QS")
WEEKS = pd.date_range("2023-12-18", periods=60, freq="W-MON")
HOURS = pd.date_range("2024-02-27", periods=80, freq="h")
COUNTS = [str(row) for row in range(40)]
HALVES = pd.date_range("2024-02-27", periods=80, freq="30min")
DAY_FORMS = [
    "%d.%m.%Y",
    "%-d.%-m.%Y",
    "%m/%d/%Y",
    "%-m/%-d/%y",
    "%d.%m.%y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%a, %d.%m.%Y (German)",
    "%A %-d %B %Y (French)",
    "%-d de %B de %Y (Spanish)",
    "%d %b %Y (Italian)",
    "%d %B %Y (Dutch)",
    "%d/%b/%Y (Portuguese)",
    "days since 1899-12-30",
    "%Y年%-m月%-d日",
    "%Y년 %m월 %d일",
    "ISO 8601",
]
MONTH_FORMS = [
    "%b-%y",
    "%b %Y",
    "%B %Y",
    "%m/%Y",
    "%YM%m",
    "%Y-%-m",
    "%Y%m",
    "%B %Y (German)",
    "%b %Y (German)",
    "%b. %Y (French)",
    "%Y年%m月",
    "ISO 8601 like 2024-12",
]
QUARTER_FORMS = ["Q%q %Y", "%Y Q%q", "%Yq%q", "%qQ%Y", "Q%q-%y", "%Y-Q%q"]
WEEK_FORMS = ["%G-W%V", "%GW%V", "%G-W%V-%u", "KW %-V %G"]
HOUR_FORMS = [
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%Y%m%d%H",
    "%d.%m.%Y %H:%M - {end}",
    "%Y-%m-%d %H:%M-{end}",
    "seconds since 1970",
    "milliseconds since 1970",
    "microseconds since 1970",
    "nanoseconds since 1970",
    "ISO 8601",
    "ISO 8601 like 2024-12-31T23:00",
]
FORMS = [
    *((form, DAYS, "D") for form in DAY_FORMS),
    *((form, MONTHS, "MS") for form in MONTH_FORMS),
    *((form, QUARTERS, "QS-JAN") for form in QUARTER_FORMS),
    *((form, WEEKS, "W-MON") for form in WEEK_FORMS),
    *((form, HOURS, "h") for form in HOUR_FORMS),
]
PARTS = [
    (["year", "month"], "%Y | %-m", MONTHS, "MS"),
    (["Monat", "Jahr"], "%-m | %Y", MONTHS, "MS"),
    (["month", "year"], "%m | %Y", MONTHS, "MS"),
    (["year", "month"], "%Y | %b", MONTHS, "MS"),
    (["year", "month"], "%Y | %B (German)", MONTHS, "MS"),
    (["année", "mois"], "%Y | %B (French)", MONTHS, "MS"),
    (["year", "quarter"], "%Y | %q", QUARTERS, "QS-JAN"),
    (["year", "qtr"], "%Y | Q%q", QUARTERS, "QS-JAN"),
    (["year", "week"], "%G | %-V", WEEKS, "W-MON"),
    (["year", "month", "day"], "%Y | %-m | %-d", DAYS, "D"),
    (["day", "month", "year"], "%-d | %-m | %Y", DAYS, "D"),
    (["year", "month", "day", "hour"], "%Y | %-m | %-d | %-H", HOURS, "h"),
    (["Year", "Month", "Day", "Hour", "Minute"], "%Y | %-m | %-d | %-H | %-M", HALVES, "30min"),
    (["date", "hour"], "%Y-%m-%d | %-H", HOURS, "h"),
    (["Datum", "Stunde"], "%d.%m.%y | {1-24}", HOURS, "h"),
    (["Date", "Time"], "%m/%d/%Y | %H:%M:%S", HOURS, "h"),
    (["Datum", "Uhrzeit"], "%d.%m.%Y | %H:%M-{end}", HOURS, "h"),
    (["date", "hour"], "%Y-%m-%d | %I %p", HOURS, "h"),
]


def write_times(path, names, form, stamps, frequency):
    """Write a table with times of a form; return their cells."""
    cells = format_timestamps(
        stamps, TableFormat(time=names, time_form=form, frequency=frequency)
    ).astype(str)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*cells.columns, "sold"])
        for row, (_, parts) in enumerate(cells.iterrows()):
            writer.writerow([*parts, row % 5 + 0.5])
    return cells


class TestRoundTrip:
    @pytest.mark.parametrize(("form", "stamps", "frequency"), FORMS)
    def test_one_column(self, tmp_path, form, stamps, frequency):
        path = tmp_path / "sales.csv"
        cells = write_times(path, "date", form, stamps, frequency)
        series = read_series(path)
        assert list(series.timestamps) == list(stamps)
        assert (series.format.time_form, series.frequency) == (form, frequency)
        written = format_timestamps(series.timestamps, series.format).astype(str)
        assert written["date"].tolist() == cells["date"].tolist()

    @pytest.mark.parametrize(("names", "form", "stamps", "frequency"), PARTS)
    def test_several_columns(self, tmp_path, names, form, stamps, frequency):
        path = tmp_path / "sales.csv"
        cells = write_times(path, names, form, stamps, frequency)
        series = read_series(path)
        assert list(series.timestamps) == list(stamps)
        assert series.names == ("sold",)
        assert (series.format.time, series.format.time_form) == (tuple(names), form)
        written = format_timestamps(series.timestamps, series.format).astype(str)
        assert written.to_numpy().tolist() == cells.to_numpy().tolist()

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from([(form, frequency) for form, _, frequency in FORMS]),
        st.sampled_from(sorted(LANGUAGES)),
        st.datetimes(pd.Timestamp("1952-01-01"), pd.Timestamp("2045-12-31")),
        st.integers(1, 30),
    )
    def test_any_times_of_a_form(self, form_and_frequency, language, start, count):
        form, frequency = form_and_frequency
        has_names = re.search("%[aAbB]", form) is not None and "(" not in form
        if has_names and language != "English":
            form = f"{form} ({language})"
        start = (
            pd.Timestamp(start).floor("h") if frequency == "h" else pd.Timestamp(start).floor("D")
        )
        stamps = pd.date_range(start, periods=count, freq=frequency)
        format = TableFormat(time="date", time_form=form, frequency=frequency)
        cells = format_timestamps(stamps, format)["date"]
        assert list(parse_cells(cells, form)) == list(stamps)

    @settings(max_examples=40, deadline=None)
    @given(
        st.sampled_from([(form, frequency) for _, form, _, frequency in PARTS]),
        st.datetimes(pd.Timestamp("1952-01-01"), pd.Timestamp("2045-12-31")),
        st.integers(1, 30),
    )
    def test_any_times_in_several_columns(self, form_and_frequency, start, count):
        form, frequency = form_and_frequency
        start = (
            pd.Timestamp(start).floor("h") if frequency == "h" else pd.Timestamp(start).floor("D")
        )
        stamps = pd.date_range(start, periods=count, freq=frequency)
        names = [f"part {index}" for index in range(form.count("|") + 1)]
        format = TableFormat(time=names, time_form=form, frequency=frequency)
        cells = format_timestamps(stamps, format).astype(str).agg(" | ".join, axis=1)
        assert list(parse_cells(cells, form)) == list(stamps)


class TestCertainty:
    """All rows decide; where they can't, the message names an option that does."""

    def test_the_order_that_makes_rows_regular_is_noted(self, write_file):
        cells = pd.date_range("2020-01-01", periods=24, freq="MS").strftime("%d/%m/%Y")
        series = read_series(write_file(make_table(COUNTS, stamps=cells)))
        assert (series.format.time_form, series.frequency) == ("%d/%m/%Y", "MS")
        (note,) = series.notes
        assert "line 2, column 'date': '01/01/2020' was read as 2020-01-01" in note

    def test_months_of_one_year_may_be_days(self, write_file):
        cells = pd.date_range("2020-01-01", periods=12, freq="MS").strftime("%d/%m/%Y")
        path = write_file(make_table(NUMBERS, stamps=cells))
        message = get_read_error(path)
        assert "line 3, column 'date': '01/02/2020' may be 2020-01-02" in message
        assert read_series(path, time_form="day first").frequency == "MS"
        assert read_series(path, time_form="month first").frequency == "D"

    @pytest.mark.parametrize(
        ("cells", "form"),
        [
            (["Jan-12", "Jan-13", "Jan-14", "Jan-15"], "%b-%y"),
            (["31.12.24", "15.01.25", "17.03.25"], "%d.%m.%y"),
            (["1704067200", "1704067201", "1704069999"], "seconds since 1970"),
            (["45292", "45293", "45304"], "days since 1899-12-30"),
        ],
    )
    def test_the_message_names_the_form(self, write_file, cells, form):
        path = write_file(make_table(COUNTS, stamps=cells))
        message = get_read_error(path)
        assert f"time_form='{form}'" in message
        assert len(read_series(path, time_form=form, grid=False)) == len(cells)

    def test_a_gap_does_not_hide_months(self, write_file):
        cells = [*MONTHS[:20].strftime("%b-%y"), *MONTHS[21:].strftime("%b-%y")]
        series = read_series(write_file(make_table(COUNTS, stamps=cells)))
        assert (series.frequency, len(series)) == ("MS", 40)

    @pytest.mark.parametrize("name", ["period", "x1"])
    def test_months_as_numbers_need_no_usual_name(self, write_file, name):
        path = write_file(make_table(COUNTS, stamps=MONTHS.strftime("%Y%m")))
        path.write_text(path.read_text().replace("date", name))
        assert read_series(path).format.time == name

    def test_sales_are_not_times(self, write_file):
        text = make_table([str(202401 + row**2) for row in range(12)], NUMBERS, names=["x", "y"])
        series = read_series(write_file(text.replace("date", "day")))
        assert (series.format.time, series.names) == ("day", ("x", "y"))
        elapsed = make_table([str(20000 + row) for row in range(12)], names=["time"])
        assert read_series(write_file(elapsed)).names == ("time",)

    @pytest.mark.parametrize("form", ["{}H1", "FY{}", "{}-A", "store {}", "1.{}", "{} kg"])
    def test_other_text_is_not_a_time(self, form):
        assert guess_time_forms(form.format(2024)) in ([], ["%m.%Y"])

    def test_hours_as_values_are_not_times(self, write_file):
        text = make_table(NUMBERS, NUMBERS, names=["hours", "x"])
        assert read_series(write_file(text)).names == ("hours", "x")

    def test_a_column_of_years_beside_months(self, write_file):
        rows = [f"{stamp:%Y},{stamp:%m},{row},a" for row, stamp in enumerate(MONTHS)]
        rows += [f"{stamp:%Y},{stamp:%m},{row},b" for row, stamp in enumerate(MONTHS)]
        path = write_file("\n".join(["year,month,sold,shop", *rows]))
        series = read_series(path, id="shop", value="sold")
        assert series.format.time == ("year", "month")
        assert (series.names, len(series)) == (("a", "b"), 40)


class TestMistypedCells:
    @pytest.mark.parametrize(
        ("form", "cell", "problem"),
        [
            ("ISO 8601", "2024-13-01", "'2024-13-01' is not a date: there is no month 13."),
            ("ISO 8601", "2023-02-30", "February 2023 has 28 days. Correct it, or delete the row."),
            ("ISO 8601", "202-01-05", "its year 202 has 3 digits"),
            ("ISO 8601", "2024-01-05 25:00", "there is no hour 25"),
            ("ISO 8601", "n.a.", "'n.a.' stands for a missing time. Write it as 2024-12-31"),
            ("ISO 8601", "", "empty is not a date or time. Fill in the cell, as 2024-12-31"),
            ("%d.%m.%Y", "31.12.224", "its year 224 has 3 digits"),
            (
                "%d.%m.%Y",
                "soon",
                "'soon' is not a date or time like those above it. Write it as 31",
            ),
            ("%Y%m%d", "20240231", "February 2024 has 29 days"),
            ("%Y%m%d", "2024", "'2024' is not a date or time like those above it"),
            ("%a, %d.%m.%Y (German)", "Mo, 21.01.2024", "the day is a Sunday"),
            ("%G-W%V-%u", "2024-W54-1", "there is no week 54"),
            ("%G-W%V-%u", "2024-W53-1", "the year 2024 has 52 weeks"),
        ],
    )
    @pytest.mark.parametrize("row", [0, 20, 39])
    def test_reason_and_line(self, tmp_path, form, cell, problem, row):
        path = tmp_path / "sales.csv"
        write_times(path, "date", form, DAYS, "D")
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        rows[row + 1][0] = cell
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        message = get_read_error(path)
        assert f"sales.csv, line {row + 2}, column 'date': " in message
        assert problem.replace("above", "above" if row else "below") in message

    def test_in_several_columns(self, tmp_path):
        path = tmp_path / "sales.csv"
        write_times(path, ["year", "month"], "%Y | %-m", MONTHS, "MS")
        path.write_text(path.read_text().replace("2011,12,", "2011,13,"))
        message = get_read_error(path)
        assert (
            "line 23, columns 'year', 'month': '2011 | 13' is not a date: there is no mo" in message
        )


class TestRemoteYears:
    def test_nanoseconds_over_more_than_292_years(self):
        stamps = pd.date_range("1700-01-01", periods=300, freq="YS").astype("datetime64[ns]")
        long = pd.DataFrame(
            {
                "unique_id": np.repeat(["a", "b"], 300),
                "ds": [*stamps, *stamps],
                "y": np.arange(600.0),
            }
        )
        long["ds"] = long["ds"].astype("datetime64[ns]")
        series = read_series(long)
        assert (series.frequency, len(series)) == ("YS-JAN", 300)
        assert series.future_timestamps(1)[0].year == 2000

    @pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%Y"])
    @pytest.mark.parametrize("start", [1500, 2300])
    def test_years_beyond_nanoseconds(self, write_file, form, start):
        stamps = pd.date_range(f"{start}-01-01", periods=12, freq="YS", unit="s")
        path = write_file(make_table(NUMBERS, stamps=stamps.strftime(form)))
        if pd.__version__.startswith("2."):
            assert "line 2: pandas 2" in get_read_error(path)
            return
        series = read_series(path)
        assert [stamp.year for stamp in series.timestamps] == list(range(start, start + 12))


def test_two_columns_of_years_are_not_joined(tmp_path):
    path = tmp_path / "years.csv"
    path.write_text("ds,x,time\n2024,3,2024\n2025,4,2025\n2026,1,2026\n")
    message = get_read_error(path)
    assert "several columns that may be the time: ['ds', 'time']" in message


def test_years_of_two_digits_across_the_century_are_refused(tmp_path):
    path = tmp_path / "years.csv"
    rows = "".join(f"01.01.{year % 100:02d},{year}\n" for year in range(2025, 2055))
    path.write_text(f"time,x\n{rows}")
    assert "A year of two digits is ambiguous" in get_read_error(path)
    path.write_text(f"time,x\n{rows[: rows.index('01.01.50')]}")
    assert len(read_series(path)) == 25
