"""Rows of totals below a table."""

import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

DAYS = pd.date_range("2024-01-01", periods=30).astype(str)
WIDE = pd.DataFrame({"date": DAYS, "x": range(30), "y": 2.5}).to_csv(index=False)
LONG = "unique_id,ds,y\n" + "".join(
    f"{name},{day},{value}\n" for name in ("north", "south") for value, day in enumerate(DAYS[:20])
)


@pytest.fixture
def read(tmp_path):
    def read_text(text, **options):
        path = tmp_path / "sales.csv"
        path.write_text(text, encoding="utf-8")
        return read_series(path, **options)

    return read_text


@pytest.mark.parametrize(
    "rows",
    [
        "Total,435,75\n",
        "Grand total:,435,75\n",
        "Summe,435,\n",
        "Σ,435,75\n",
        "合計,435,75\n",
        ",,\nTOTAL,435,75\n,,\n",
        "Total,435,75\nAverage,14.5,2.5\n",
        '"Total","1,435.00","75"\n',
    ],
)
def test_are_left_out_with_a_note(read, rows):
    series = read(WIDE + rows)
    assert series.values[:, 0].tolist() == list(range(30))
    assert len(series.notes) == 1
    assert "is a row of totals, which was left out" in series.notes[0]
    assert "line 32: " in series.notes[0] or (
        rows.startswith(",,\n") and "line 33" in series.notes[0]
    )


def test_years_stay_years(read):
    text = "year,x\n" + "".join(f"{year},{year}\n" for year in range(1990, 2010))
    series = read(text + "Total,39990\n")
    assert series.frequency == "YS-JAN"
    assert len(series) == 20


def test_a_german_table(read):
    rows = "".join(f"{day}.01.2024;{day},5\n" for day in range(1, 29))
    series = read("Datum;Umsatz\n" + rows + "Gesamt;1.234,5\n")
    assert series.values[:, 0].tolist() == [day + 0.5 for day in range(1, 29)]


@pytest.mark.parametrize("row", ["Total,,380\n", "Total,2024-01-20,380\n"])
def test_of_a_long_table(read, row):
    series = read(LONG + row)
    assert series.names == ("north", "south")
    assert "line 42: 'Total' in column 'unique_id' is a row of totals" in series.notes[0]


def test_a_series_of_that_name_stays(read):
    rows = "".join(f"Total,{day},5\n" for day in DAYS[:20])
    assert read(LONG + rows).names == ("north", "south", "Total")
    assert read(LONG + "Total,2024-01-20,5\n").names == ("north", "south", "Total")


@pytest.mark.parametrize("word", ["Total", "Closed"])
def test_a_row_in_the_middle_is_reported_with_its_line(read, word):
    lines = WIDE.splitlines(keepends=True)
    lines.insert(10, f"{word},3,4\n")
    with pytest.raises(InputError, match=f"line 11, column 'date': '{word}' is not a date"):
        read("".join(lines))


def test_of_a_frame():
    frame = pd.DataFrame({"date": [*DAYS, "Total"], "x": [*range(30), 435]})
    assert read_series(frame).notes == (
        "the table, row 31: 'Total' in column 'date' is a row of totals, which was left out",
    )
