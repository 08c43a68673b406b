"""Damaged tables on the command line: one line of error, or a forecast."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import GOOD, NUMBERS, make_table


class TestCommand:
    """The command line prints one line, exits with code 2 and writes nothing."""

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (GOOD.replace("date", "when\u00e9").replace("2024", "24"), "'24-01-01' may be 20"),
            (GOOD.replace(",5\n", ",five\n"), "line 7, column 'x': 'five' is not a number"),
            (
                GOOD.replace("2024-01-06", "2024-01-36"),
                "line 7, column 'date': '2024-01-36' is not",
            ),
            (GOOD.replace(",5\n", ",5,5\n"), "line 7 has 3 cells but the header has 2"),
            (
                GOOD.replace("2024-01-06", "2024-01-05"),
                "line 7: 2024-01-05 00:00:00 occurs a second",
            ),
            (GOOD.replace("date,x", "x,x"), "more than one column ['x']"),
            ("Sold,,\ndate,1,2\n2024-01-01,1,2\n", "2 of the 3 columns have no name in its fir"),
            (
                "Sold,\n,\n" + GOOD.replace("x", "1"),
                "If the first line is a title, delete the lines above",
            ),
            (
                "Sold\n" + GOOD.replace("x", "1"),
                "line 2 has 2 cells but line 1 has 1. If that is a title, delete it",
            ),
            (
                GOOD.replace("date", "n").replace("2024-01-", ""),
                "Write times as 2024-12-31, in a",
            ),
            ("date,x\n", "no rows below its header"),
            (
                b"PK\x03\x04 and so on",
                "a damaged spreadsheet (.xlsx, .ods) or zip archive (File is",
            ),
            (
                b"\x89HDF\r\n\x1a\n",
                "is an HDF5 file, neither CSV nor Parquet; save the table as",
            ),
            (b"date,x\n2024-01-01,\x00\x01\n", "line 2 contains a zero byte"),
            (GOOD.replace(",5\n", ",1e999\n"), "'1e999' is larger than any float64"),
        ],
    )
    def test_rejects_a_damaged_file(self, write_file, tmp_path, capsys, text, message):
        out = tmp_path / "forecast.csv"
        out.write_text("old content\n")
        assert main(["forecast", str(write_file(text)), "--horizon", "3", "--out", str(out)]) == 2
        shown = capsys.readouterr().err
        assert message in shown
        assert "sales.csv" in shown
        assert shown.count("\n") == 1
        assert "Traceback" not in shown
        assert out.read_text() == "old content\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["forecast.csv", "sales.csv"]

    @pytest.mark.parametrize("name", ["", "absent.csv"])
    def test_rejects_a_folder_and_a_missing_file(self, tmp_path, capsys, name):
        words = ["forecast", str(tmp_path / name), "--horizon", "3"]
        assert main(words) == 2
        shown = capsys.readouterr().err
        assert ("there is no file" if name else "is a folder; name a CSV or Parquet file") in shown

    @pytest.mark.parametrize(
        ("cells", "separator"),
        [
            ([f"{1000 + day % 7}" for day in range(60)], ","),
            ([f"1.00{day % 7},5" for day in range(60)], ";"),
            (["7"] * 60, ","),
            ([f"{1 + day % 7}e300" for day in range(60)], ","),
            ([f"{1 + day % 7}e-300" for day in range(60)], ","),
            ([str(day % 7) if day % 5 else "n/a" for day in range(60)], "|"),
        ],
        ids=["whole", "European", "constant", "huge", "tiny", "gaps"],
    )
    def test_forecasts_an_unusual_file(self, write_file, tmp_path, cells, separator):
        stamps = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
        path, out = (
            write_file(make_table(cells, separator=separator, stamps=stamps)),
            tmp_path / "f.csv",
        )
        words = ["--horizon", "3", "--lookback", "14", "--backbone", "Ridge", "--quiet"]
        words += ["--normalizer", "RevIN", "--out", str(out)]
        assert main(["forecast", str(path), *words]) == 0
        forecast = read_series(out)
        assert list(forecast.timestamps.day) == [1, 2, 3]
        values = read_series(path).values
        assert (forecast.values >= 0.9 * np.nanmin(values)).all()
        assert (forecast.values <= 1.1 * np.nanmax(values)).all()

    def test_an_empty_column_and_a_table_that_is_too_short(self, write_file, capsys):
        words = ["--horizon", "30"]
        assert main(["forecast", str(write_file(make_table(NUMBERS, [""] * 12))), *words]) == 2
        assert "['y'] have no observed value" in capsys.readouterr().err
        assert main(["forecast", str(write_file(make_table([""] * 12))), *words]) == 2
        assert (
            "['x'] have no observed value, so there is nothing to learn" in capsys.readouterr().err
        )
        assert main(["forecast", str(write_file(GOOD)), *words]) == 0
        shown = capsys.readouterr()
        assert "chosen at 4 expanding origins, season 7:" in shown.err
        assert shown.out.count("\n") == 31
