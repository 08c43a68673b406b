"""Excel workbooks: sheets, headers, typed cells and damage."""

import datetime as dt
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import GOOD, get_read_error

openpyxl = pytest.importorskip("openpyxl")
DATES = [dt.datetime(2024, 1, 1) + dt.timedelta(days=day) for day in range(12)]
ROWS = [[date, day * 1.5, day] for day, date in enumerate(DATES)]
HEADER = ["date", "a", "b"]
TABLE = [HEADER, *ROWS]


@pytest.fixture
def write_book(tmp_path):
    """Return a function that writes sheets, by title, to a workbook and returns its path."""

    def write(sheets, merged=(), epoch=None, name="sales.xlsx"):
        book = openpyxl.Workbook()
        book.remove(book.active)
        book.epoch = epoch or book.epoch
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
            for cells in merged:
                sheet.merge_cells(cells)
        book.save(tmp_path / name)
        return tmp_path / name

    return write


def replace_row(index, row):
    """Return the rows of the table with another row at this index."""
    return [row if place == index else other for place, other in enumerate(TABLE)]


def shift(rows, right=2):
    """Return rows that begin further right."""
    return [[*[None] * right, *row] for row in rows]


@pytest.mark.parametrize(
    ("rows", "notes"),
    [
        (TABLE, ()),
        ([["Sales per day"], [], *TABLE], ("row 1: the row above the names of the columns",)),
        ([[], [], *shift(TABLE)], ()),
        (
            [["Report"], ["Author", "M"], [], *shift(TABLE)],
            ("rows 1 to 2: the rows above the names of the columns",),
        ),
        ([HEADER, [None, "kg", "°C"], *ROWS], ("row 2: the row of units below the names was",)),
        (
            [*TABLE, [], [None, None, None], ["Source: till"]],
            ("row 16: the remark below the table",),
        ),
        ([*TABLE[:5], [], *TABLE[5:]], ()),
        ([*TABLE, ["", " "], [""]], ()),
    ],
    ids=["plain", "title", "offset", "block", "units", "remark", "empty row", "blank rows"],
)
def test_a_table_anywhere_in_a_sheet(write_book, rows, notes):
    series = read_series(write_book({"Sales": rows}))
    assert series.names == ("a", "b")
    assert series.values.tolist() == [row[1:] for row in ROWS]
    assert series.timestamps.tolist() == DATES
    assert len(series.notes) == len(notes)
    for shown, note in zip(series.notes, notes, strict=True):
        assert f"sales.xlsx, sheet 'Sales', {note}" in shown


def test_positions_are_those_of_the_sheet(write_book):
    rows = [["Report"], [], *shift(replace_row(4, [DATES[3], "five", 5]))]
    message = get_read_error(write_book({"Sales": rows}))
    assert "sales.xlsx, sheet 'Sales', row 7, column 'a': 'five' is not a number" in message
    rows = [*TABLE[:5], [], *replace_row(8, [DATES[7], "five", 5])[5:]]
    assert "row 10, column 'a': 'five'" in get_read_error(write_book({"Sales": rows}))


def test_text_among_dates_is_rejected(write_book):
    message = get_read_error(write_book({"Sales": replace_row(6, ["13/01/2024", 1, 2])}))
    assert "sheet 'Sales', row 7, column 'date': '13/01/2024' is not a date" in message


def test_cells_of_text(write_book):
    rows = [["Datum", "Wert"], *([f"{day:02d}.01.2024", f"1.0{day:02d},5"] for day in range(9, 16))]
    assert read_series(write_book({"Tabelle1": rows})).values[1, 0] == 1010.5
    ids = [["unique_id", "ds", "y"], *(["007", date, 1] for date in DATES)]
    assert read_series(write_book({"Tabelle1": ids})).names == ("007",)


def test_merged_names(write_book):
    rows = [["date", "Sales", None, "Costs", None], [None, "Q1", "Q2", "Q1", "Q2"]]
    rows += [[date, 1, 2, 3, day] for day, date in enumerate(DATES)]
    series = read_series(write_book({"S": rows}, merged=["B1:C1", "D1:E1", "A1:A2"]))
    assert series.names == ("Sales Q1", "Sales Q2", "Costs Q1", "Costs Q2")
    assert series.notes[0].endswith("sheet 'S', rows 1 to 2: the names of the columns were joined.")
    message = get_read_error(write_book({"S": [["date", "Sales", None], *ROWS]}, ["B1:C1"]))
    assert "sheet 'S', row 1: column C has cells but no name (a title or merged" in message


def test_error_cells_are_missing(write_book):
    rows = replace_row(4, [DATES[3], "#N/A", "#DIV/0!"])
    rows[7] = [DATES[6], "#REF!", 1]
    series = read_series(write_book({"Sales": rows}))
    assert np.isnan(series.values[3]).all()
    assert np.isnan(series.values[6]).tolist() == [True, False]
    assert series.notes[0].endswith(", row 5: 3 error cells were read as missing (#N/A).")


def test_the_date_system_of_1904(write_book):
    series = read_series(write_book({"S": TABLE}, epoch=openpyxl.utils.datetime.CALENDAR_MAC_1904))
    assert series.timestamps.tolist() == DATES


def test_computed_times_are_whole_seconds(write_book):
    third = dt.timedelta(milliseconds=3)
    hours = [dt.datetime(2024, 1, 1, hour) + third * (hour % 3 - 1) for hour in range(12)]
    series = read_series(write_book({"S": [["time", "x"], *([hour, 1] for hour in hours)]}))
    assert series.frequency == "h"


class TestSheets:
    def test_the_first_with_a_table_of_times(self, write_book):
        lookup = [["shop", "area"], ["a", 5], ["b", 6]]
        path = write_book({"Read me": [["Hello"]], "Shops": lookup, "Sales": TABLE})
        assert read_series(path).notes == (
            f"{path}, sheet 'Sales' was read, not ['Read me', 'Shops'].",
        )
        named = read_series(f"{path}::Sales")
        assert (named.names, named.notes) == (("a", "b"), ())

    def test_another_table_is_noted(self, write_book):
        path = write_book({"Sales": TABLE, "Costs": [["date", "c"], *([d, 1] for d in DATES)]})
        series = read_series(path)
        assert series.names == ("a", "b")
        assert series.notes == (
            f"{path}, sheet 'Sales' was read; ['Costs'] has a table too, see '{path}::Costs'.",
        )
        assert read_series(f"{path}::Costs").names == ("c",)

    def test_parts_of_one_table(self, write_book):
        path = write_book({"2023": TABLE, "2024": TABLE})
        message = get_read_error(path)
        assert "has 2 sheets with the same columns, ['2023', '2024']. Name one, as in" in message
        assert len(read_series(f"{path}::2024")) == 12

    def test_unknown_and_empty(self, write_book):
        path = write_book({"Sales": TABLE, "Empty": []})
        assert "has no sheet 'sale' but ['Sales', 'Empty']. Did you mean Sales?" in (
            get_read_error(f"{path}::sale")
        )
        assert "sheet 'Empty' is empty" in get_read_error(f"{path}::Empty")
        assert "no cells in a visible sheet" in get_read_error(write_book({"A": []}))
        assert "no rows below its header" in get_read_error(write_book({"A": [HEADER]}))

    def test_hidden_sheets_are_not_chosen(self, write_book):
        path = write_book({"Old": TABLE, "Sales": [["date", "c"], *([d, 1] for d in DATES)]})
        book = openpyxl.load_workbook(path)
        book["Old"].sheet_state = "hidden"
        book.save(path)
        series = read_series(path)
        assert (series.names, series.notes) == (("c",), ())


class TestFormulas:
    def test_without_stored_values(self, write_book):
        rows = [HEADER, *([d, i, f"=B{i + 2}*2"] for i, (d, _, _) in enumerate(ROWS))]
        message = get_read_error(write_book({"Sales": rows}))
        assert "sheet 'Sales', row 2, column C is a formula without a stored value" in message

    def test_with_stored_values(self, write_book, tmp_path):
        rows = [HEADER, *([date, 1.5, None] for date in DATES)]
        path, out = write_book({"Sales": rows}), tmp_path / "computed.xlsx"
        with zipfile.ZipFile(path) as book, zipfile.ZipFile(out, "w") as computed:
            for name in book.namelist():
                text = book.read(name)
                if name == "xl/worksheets/sheet1.xml":
                    cell = b'<c r="B3" t="n"><v>1.5</v></c>'
                    assert cell in text
                    formula = b'<c r="B3"><f>B2*2</f><v>7.5</v></c>'
                    empty = b'<c r="C3" t="str"><f>IF(A3,"","")</f><v></v></c>'
                    text = text.replace(cell, formula + empty)
                computed.writestr(name, text)
        assert read_series(out, target=["a"]).values[1, 0] == 7.5


class TestMessages:
    def test_openpyxl_is_missing(self, write_book, monkeypatch, capsys):
        path = write_book({"Sales": TABLE})
        monkeypatch.setitem(sys.modules, "openpyxl", None)
        assert main(["inspect", str(path)]) == 2
        message = capsys.readouterr().err
        assert 'needs openpyxl: pip install -c constraints.txt ".[excel]".' in message

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            (["mimetype"], "is an OpenDocument spreadsheet (.ods), not a table; save it as .xlsx"),
            (["xl/workbook.bin"], "is a binary workbook (.xlsb), not a table; save it as .xlsx"),
            (["notes.txt"], "is a zip archive, not a table; unpack it"),
            (["xl/workbook.xml"], "is not a readable Excel workbook: "),
        ],
    )
    def test_other_archives(self, tmp_path, members, message):
        with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
            for member in members:
                archive.writestr(member, "application/vnd.oasis.opendocument.spreadsheet")
        assert f"t.xlsx {message}" in get_read_error(tmp_path / "t.xlsx")

    def test_a_cut_workbook(self, write_book):
        path = write_book({"Sales": TABLE})
        path.write_bytes(path.read_bytes()[:-200])
        assert "sales.xlsx is a damaged spreadsheet (.xlsx, .ods) or zip" in get_read_error(path)

    def test_old_and_encrypted(self, write_file):
        old = b"\xd0\xcf\x11\xe0" + bytes(100)
        assert "is an old spreadsheet (.xls); save it as .xlsx" in get_read_error(
            write_file(old, "t.xls")
        )
        encrypted = old + "EncryptedPackage".encode("utf-16-le")
        assert "is a workbook with a password; save it without one" in get_read_error(
            write_file(encrypted, "t.xlsx")
        )

    def test_text_with_the_name_of_a_workbook(self, write_file):
        message = get_read_error(write_file(GOOD, "t.xlsx"))
        assert "t.xlsx has the name of an Excel workbook but does not begin like one" in message

    def test_options(self, write_book):
        path = write_book({"Sales": [["Sales", 1, 2], HEADER, *ROWS]})
        series = read_series(path, skip_rows=1)
        assert (series.names, len(series)) == (("a", "b"), 12)
        assert "row 41 has no cells" in get_read_error(path, skip_rows=40)
        assert "`encoding` is for text such as CSV" in get_read_error(path, encoding="cp1252")


def test_commands(write_book, tmp_path, capsys):
    rows = [[date, day % 7] for day, date in enumerate(pd.date_range("2024-01-01", periods=60))]
    rows = [["date", "x"], *([stamp.to_pydatetime(), value] for stamp, value in rows)]
    path = f"{write_book({'Sales': rows, 'Other': TABLE})}::Sales"
    words = ["--horizon", "3", "--lookback", "14", "--backbone", "Ridge", "--normalizer", "RevIN"]
    model = str(tmp_path / "model")
    assert main(["fit", path, *words, "--quiet", "--out", model]) == 0
    capsys.readouterr()
    assert main(["predict", model, path]) == 0
    assert capsys.readouterr().out.startswith("date,x\n2024-03-01,")
    out = str(tmp_path / "sales.xlsx")
    assert main(["forecast", path, *words, "--out", out]) == 2
    assert "is the input table" in capsys.readouterr().err
    missing = path.replace("sales", "sale")
    assert main(["forecast", missing, "--horizon", "3"]) == 2
    assert "there is no file" in capsys.readouterr().err
