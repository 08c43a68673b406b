"""Forecasts as sheets of Excel: real dates in the form of the table, numbers, a fixed header."""

from datetime import datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest

from revin_forecast.data.table_format import TableFormat
from revin_forecast.data.write_table import write_table
from revin_forecast.errors import InputError


def write_and_load(tmp_path, frame, format=TableFormat(time="date")):  # noqa: B008
    """Return the notes and the sheet of a workbook."""
    path = tmp_path / "f.xlsx"
    notes = write_table(frame, path, format)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["forecast"]
    return notes, book["forecast"]


def make_frame(stamps):
    return pd.DataFrame({"date": pd.DatetimeIndex(stamps), "a": 1.5})


def test_the_sheet_has_a_fixed_bold_header_numbers_and_widths(tmp_path):
    frame = make_frame(["2024-12-31", "2025-01-01"]).assign(shop="=SUM(1)", b=[0.1 + 0.2, np.nan])
    notes, sheet = write_and_load(tmp_path, frame)
    assert notes == []
    assert [cell.value for cell in sheet[1]] == ["date", "a", "shop", "b"]
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert [cell.value for cell in sheet[2]] == [datetime(2024, 12, 31), 1.5, "=SUM(1)", 0.3]
    assert sheet["C2"].data_type == "s"
    assert sheet["D3"].value is None
    assert sheet.column_dimensions["A"].width >= 10


@pytest.mark.parametrize(
    ("form", "stamp", "pattern", "value"),
    [
        (None, "2024-12-31", "yyyy-mm-dd", datetime(2024, 12, 31)),
        (None, "2024-12-31 13:30", "yyyy-mm-dd hh:mm", datetime(2024, 12, 31, 13, 30)),
        ("ISO 8601", "2024-12-31 13:30:05", "yyyy-mm-dd hh:mm:ss", None),
        ("%d.%m.%Y", "2024-12-31", "dd.mm.yyyy", datetime(2024, 12, 31)),
        ("%m/%d/%Y %H:%M", "2024-12-31 13:30", "mm/dd/yyyy hh:mm", datetime(2024, 12, 31, 13, 30)),
        ("%Y%m%d", "2024-12-31", "General", 20241231),
        ("%Y%m", "2024-12-01", "General", 202412),
        ("%Y", "2024-01-01", "General", 2024),
        ("quarters", "2024-10-01", "General", "2024Q4"),
        ("seconds since 1970", "1970-01-01 00:01", "General", 60),
        ("%d.%m.%Y", "1850-12-31", "General", "31.12.1850"),
        (None, "2024-12-31 00:00:00.000001", "General", "2024-12-31 00:00:00.000001"),
    ],
)
def test_times_show_as_in_the_table(tmp_path, form, stamp, pattern, value):
    format = TableFormat(time="date", time_form=form)
    _, sheet = write_and_load(tmp_path, make_frame([stamp]), format)
    assert sheet["A2"].number_format == pattern
    assert sheet["A2"].value == (value or pd.Timestamp(stamp).to_pydatetime())


def test_time_zones_become_local_times_with_a_note(tmp_path):
    stamps = pd.date_range("2024-06-01 12:00", periods=2, freq="h", tz="Europe/Berlin")
    notes, sheet = write_and_load(tmp_path, make_frame(stamps))
    assert sheet["A2"].value == datetime(2024, 6, 1, 12)
    assert notes == [
        "sheets of Excel have no time zones: the times are local times of Europe/Berlin"
    ]


def test_months_in_two_columns_are_numbers(tmp_path):
    format = TableFormat(time=("year", "month"), time_form="%Y | %-m", frequency="MS")
    _, sheet = write_and_load(tmp_path, make_frame(["2024-12-01"]), format)
    assert [[cell.value for cell in row] for row in sheet] == [
        ["year", "month", "a"],
        [2024, 12, 1.5],
    ]


def test_control_characters_are_rejected_and_the_old_file_stays(tmp_path):
    (tmp_path / "f.xlsx").write_bytes(b"old")
    with pytest.raises(InputError, match="can't hold the control character in .*Write a .csv"):
        write_table(make_frame(["2024-12-31"]).assign(shop="a\x0bb"), tmp_path / "f.xlsx")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_sheet_is_read_back_as_it_was(tmp_path):
    stamps = pd.date_range("2024-01-01", periods=30, freq="h")
    frame = pd.DataFrame({"date": stamps, "a": np.arange(30) / 7})
    write_and_load(tmp_path, frame)
    read = pd.read_excel(tmp_path / "f.xlsx")
    assert (read["date"] == stamps).all()
    np.testing.assert_allclose(read["a"], frame["a"], rtol=1e-11)
