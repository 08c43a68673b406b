"""Outliers become missing values, and a note gives line, column and value."""

import contextlib

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.data.quality_checks import find_issues
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.predict import handle_request
from tests.support.small_tables import DAYS, make_table, write_text_file

TREATED = "was treated as missing;"
KEEP = f"{TREATED} outliers='keep' uses it"


def make_cells(rows=60, **changes):
    """Return cells near 100, with some of them changed."""
    cells = [f"{100 + row % 7}.5" for row in range(rows)]
    for row, cell in changes.items():
        cells[int(row.removeprefix("row"))] = cell
    return cells


def write_cells(folder, *columns, name="sales.csv"):
    stamps = pd.date_range("2024-01-01", periods=len(columns[0])).strftime("%Y-%m-%d")
    return write_text_file(folder, make_table(*columns, stamps=stamps), name)


def test_a_note_gives_line_column_and_value(tmp_path):
    path = write_cells(tmp_path, make_cells(row49="1e12"), make_cells(row3="-9999", row9="-9999"))
    series = read_series(path)
    assert series.notes == (
        f"line 51, column 'x': 1e+12 is far beyond all other values and {KEEP}",
        "line 5, column 'y': -9999 and 1 more value are far beyond all others and were treated as "
        "missing; outliers='keep' uses them",
    )
    assert np.argwhere(np.isnan(series.values)).tolist() == [[3, 1], [9, 1], [49, 0]]
    kept = read_series(path, outliers="keep")
    assert kept.notes == ()
    assert kept.values[49].tolist() == [1e12, 100.5]
    filled = read_series(path, missing="interpolate")
    assert filled.values[3, 1] == pytest.approx(103.5)


def test_the_line_is_that_of_the_file_when_rows_are_not_sorted(tmp_path):
    path = write_cells(tmp_path, make_cells(row49="1e12"))
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *rows[::-1]]) + "\n")
    assert any(note.startswith("line 12, column 'x': 1e+12") for note in read_series(path).notes)


def test_long_tables_and_frames():
    frame = pd.DataFrame({"ds": np.repeat(DAYS, 2), "unique_id": ["a", "b"] * 12})
    frame["y"] = np.arange(24.0)
    frame.loc[5, "y"] = 4294967295
    before = frame.copy(deep=True)
    series = read_series(frame)
    assert series.notes == (
        f"row 6, series 'b': 4294967295 is far beyond all other values and {KEEP}",
    )
    pd.testing.assert_frame_equal(frame, before)
    assert read_series(series) is series


def test_a_series_of_the_caller_keeps_its_values():
    stamps = pd.date_range("2024-01-01", periods=60)
    values = np.where(np.arange(60) == 5, 1e12, 100.0)[:, None]
    series = Series(values, stamps, ("x",), "D")
    assert read_series(series).values[5, 0] == 1e12


def test_many_columns_share_a_note(tmp_path):
    frame = pd.DataFrame({f"x{i}": make_cells(row9="1e12") for i in range(23)}, dtype=float)
    frame.insert(0, "date", pd.date_range("2024-01-01", periods=60))
    notes = read_series(frame).notes
    assert len(notes) == 21
    assert notes[-1].startswith("3 more columns have values far beyond all others, which were")


@pytest.mark.parametrize("value", ["1e12", "4294967295", "1e20", "9.96921e36", "-3.4e38", "-9999"])
def test_the_forecast_is_that_without_the_value(tmp_path, capsys, value):
    outputs = []
    for name, cell in (("a.csv", value), ("b.csv", "")):
        path = write_cells(tmp_path, make_cells(row49=cell), name=name)
        assert main(["forecast", str(path), "--horizon", "3", "--level", "80"]) == 0
        shown = capsys.readouterr()
        outputs.append(shown.out)
        assert ("line 51, column 'x'" in shown.err) == (name == "a.csv")
        assert f"{TREATED} --outliers keep uses it" in shown.err or name == "b.csv"
    assert outputs[0] == outputs[1]
    assert "-0" not in outputs[0].splitlines()[1].split(",", 1)[1]


class TestNewRows:
    """A few newer rows are judged by the rows that the model was fitted on."""

    def fit(self, tmp_path):
        forecaster = Forecaster(3).fit(write_cells(tmp_path, make_cells()))
        forecaster.save(tmp_path / "model")
        stamps = pd.date_range("2024-03-01", periods=3).strftime("%Y-%m-%d")
        for name, cell in (("new.csv", "1e12"), ("gap.csv", "")):
            write_text_file(tmp_path, make_table(["104.5", cell, "106.5"], stamps=stamps), name)
        return forecaster

    def test_in_python(self, tmp_path):
        forecaster = self.fit(tmp_path)
        forecast = forecaster.predict(tmp_path / "new.csv")
        note = f"line 3, column 'x': 1e+12 is far beyond all other values and {KEEP}"
        assert forecast.attrs["notes"] == [note]
        expected = forecaster.predict(tmp_path / "gap.csv")
        assert expected.attrs == {}
        pd.testing.assert_frame_equal(forecast, expected)

    def test_on_the_command_line(self, tmp_path, capsys):
        self.fit(tmp_path)
        words = ["predict", str(tmp_path / "model")]
        assert main([*words, str(tmp_path / "gap.csv")]) == 0
        expected = capsys.readouterr()
        assert "--outliers" not in expected.err
        assert main([*words, str(tmp_path / "new.csv")]) == 0
        shown = capsys.readouterr()
        assert shown.out == expected.out
        assert shown.err.count("line 3, column 'x': 1e+12 is far beyond") == 1
        assert main([*words, str(tmp_path / "new.csv"), "--outliers", "keep"]) == 0
        kept = capsys.readouterr()
        assert "--outliers" not in kept.err
        assert kept.out != expected.out


def test_each_group_and_series_is_judged_alone(tmp_path):
    cells = {"a": make_cells(row49="-9999"), "b": [f"{row}000000" for row in range(60)]}
    stamps = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    lines = ["ds,unique_id,region,y"]
    lines += [
        f"{stamp},{name},north,{cell}"
        for name in cells
        for stamp, cell in zip(stamps, cells[name], strict=True)
    ]
    path = write_text_file(tmp_path, "\n".join(lines) + "\n")
    forecast = forecast_groups(Forecaster(2), path, "region")
    note = f"line 51, series 'north, a': -9999 is far beyond all other values and {KEEP}"
    assert forecast.attrs["notes"] == [note]
    assert forecast.y.between(99, 7e7).all()
    kept = forecast_groups(Forecaster(2), path, "region", read_options={"outliers": "keep"})
    assert "notes" not in kept.attrs


def test_commands_that_read_the_table_again_refuse_the_option(tmp_path, capsys):
    path = write_cells(tmp_path, make_cells())
    words = ["fit", str(path), "--horizon", "3", "--out", str(tmp_path / "model")]
    words += ["--backbone", "Ridge", "--shifts", "level", "--outliers", "keep"]
    assert main(words) == 2
    assert "--shifts reads the table again, without values far beyond" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_transactions_are_judged_before_they_are_added(tmp_path, layout):
    lines = ["time,shop,amount"] if layout == "long" else ["time,amount"]
    for row in range(120):
        day, amount = row // 4 + 1, "1e12" if row == 41 else f"{5 + row % 7}"
        shop = "b," if row % 2 else "a,"
        lines.append(f"2024-01-{day:02d} 1{row % 4}:10,{shop * (layout == 'long')}{amount}")
    path = write_text_file(tmp_path, "\n".join(lines) + "\n")
    ids = {"id": "shop", "value": "amount"} if layout == "long" else {}
    series = read_series(path, resample="D", aggregate="sum", **ids)
    where = "series 'b'" if layout == "long" else "column 'amount'"
    assert f"line 43, {where}: 1e+12 is far beyond all other values and {KEEP}" in series.notes
    assert np.nanmax(series.values) < 50
    kept = read_series(path, resample="D", aggregate="sum", outliers="keep", **ids)
    assert np.nanmax(kept.values) > 1e11


def test_an_outlier_in_the_last_row_remains_a_row(tmp_path):
    series = read_series(write_cells(tmp_path, make_cells(row59="1e12")))
    assert len(series) == 60
    assert len(series.notes) == 1


def test_the_issues_of_the_data_agree_with_the_notes(tmp_path):
    path = write_cells(tmp_path, make_cells(row49="1e12"))
    kinds = [issue.kind for issue in find_issues(read_series(path))]
    assert kinds == ["gaps"]
    kinds = [issue.kind for issue in find_issues(read_series(path, outliers="keep"))]
    assert kinds == ["spikes"]


def test_a_service_sends_the_notes(tmp_path):
    forecaster = Forecaster(3).fit(write_cells(tmp_path, make_cells()))
    stamps = pd.date_range("2024-03-01", periods=3).strftime("%Y-%m-%d")
    content = make_table(["104.5", "1e12", "106.5"], stamps=stamps).encode()
    with contextlib.chdir(tmp_path):
        response = handle_request(forecaster, WorkerRequest(content, False), tmp_path)
    note = "line 3, column 'x': 1e+12 is far beyond all other values and was treated as missing."
    assert response.notes == [note]
