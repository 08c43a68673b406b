"""`--time` with several columns and `--time-form`, in all that reads a table."""

import numpy as np
import pandas as pd
import pytest
import yaml

from revin_forecast import Forecaster, Ridge, TableFormat, inspect_table, memory_map_table
from revin_forecast.cli.main import main
from revin_forecast.data.format_timestamps import format_timestamps
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.forecasting.groups import split_groups

MONTHS = pd.date_range("2010-01-01", periods=60, freq="MS")
AMBIGUOUS = [f"{day:02d}.01.24" for day in range(1, 13)]


@pytest.fixture
def months(tmp_path):
    """Return a table with the year and the month in two columns of unusual names."""
    path = tmp_path / "months.csv"
    sold = np.arange(60) % 12 + 0.5
    frame = pd.DataFrame({"y": MONTHS.year, "m": MONTHS.month, "sold": sold})
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def days(tmp_path):
    """Return a table with ambiguous dates."""
    path = tmp_path / "days.csv"
    rows = [f"{cell},{row}" for row, cell in enumerate(AMBIGUOUS)]
    path.write_text("\n".join(["day,sold", *rows]) + "\n")
    return path


@pytest.mark.parametrize("order", ["before", "behind"])
def test_several_columns(months, capsys, order):
    words = ["--time", "y", "m"]
    words = [str(months), *words] if order == "before" else [*words, str(months)]
    assert main(["inspect", *words]) == 0
    shown = capsys.readouterr().out
    assert "times in columns ['y', 'm'], in the form %Y | %-m" in shown
    assert "60 steps from 2010-01-01 to 2014-12-01" in shown


def test_one_column_before_the_file(days, capsys):
    assert main(["inspect", "--time-form", "%d.%m.%y", "--time", "day", str(days)]) == 0
    assert "12 steps from 2024-01-01 to 2024-01-12" in capsys.readouterr().out


def test_unknown_columns_are_named(months, capsys):
    assert main(["inspect", str(months), "--time", "y", "month"]) == 2
    assert "has no column 'month' among ['y', 'm', 'sold']; see --time." in capsys.readouterr().err


def test_the_remedies_of_ambiguous_dates_work(days, capsys):
    assert main(["inspect", str(days)]) == 2
    message = capsys.readouterr().err
    assert "line 3, column 'day': '02.01.24' may be 2024-02-01" in message
    for form, step in [("%d.%m.%y", "D"), ("%m.%d.%y", "MS"), ("day first", "D")]:
        assert form in message or form == "day first"
        assert main(["inspect", str(days), "--time-form", form]) == 0
        assert f"step {step}" in capsys.readouterr().out


def test_a_wrong_form_is_rejected(days, capsys):
    assert main(["inspect", str(days), "--time-form", "sunny"]) == 2
    assert "--time-form is 'sunny', wanted one of" in capsys.readouterr().err
    assert main(["inspect", str(days), "--time-form", "%Y-%m-%d"]) == 2
    assert "'01.01.24' is not a date or time in the form %Y-%m-%d" in capsys.readouterr().err


def test_one_form_for_each_column(months, capsys):
    assert main(["inspect", str(months), "--time", "y", "m", "--time-form", "%Y"]) == 2
    assert "is not one form for each of the 2 time columns" in capsys.readouterr().err
    assert main(["inspect", str(months), "--time", "y", "m", "--time-form", "%Y %m"]) == 0
    assert "in the form %Y | %m" in capsys.readouterr().out


def test_a_form_has_precedence_over_a_format_file(days, tmp_path, capsys):
    format = tmp_path / "format.yaml"
    format.write_text("time_form: '%m.%d.%y'\n")
    words = ["inspect", str(days), "--format", str(format)]
    assert main([*words, "--time-form", "%d.%m.%y"]) == 0
    assert "in the form %d.%m.%y" in capsys.readouterr().out


def test_options_files_take_one_name_or_several(months, days, tmp_path, capsys):
    options = tmp_path / "options.yaml"
    for path, time in ((months, ["y", "m"]), (days, "day")):
        options.write_text(yaml.safe_dump({"time": time, "time_form": None}))
        form = [] if path == months else ["--time-form", "day first"]
        assert main(["inspect", str(path), "--config", str(options), *form]) == 0
    assert "times in column 'day'" in capsys.readouterr().out


def test_a_format_file_keeps_several_columns(months, tmp_path):
    format = inspect_table(months, TableFormat(time=["y", "m"]))
    format.save(tmp_path / "format.yaml")
    assert TableFormat.load(tmp_path / "format.yaml") == format
    series = read_series(months, format=tmp_path / "format.yaml")
    assert list(series.timestamps) == list(MONTHS)


def test_a_saved_model_reads_newer_rows_alike(months, tmp_path):
    fitted = Forecaster(3, 12, Ridge).fit(read_series(months, time=["y", "m"]))
    fitted.save(tmp_path / "model")
    newer = tmp_path / "newer.csv"
    newer.write_text("".join(months.read_text().splitlines(keepends=True)[:49]))
    model = Forecaster.load(tmp_path / "model")
    forecast = model.predict(newer)
    assert [str(stamp.date()) for stamp in forecast["date"]] == [
        "2014-01-01",
        "2014-02-01",
        "2014-03-01",
    ]
    cells = format_timestamps(pd.DatetimeIndex(forecast["date"]), model.fitted.history.format)
    assert cells.to_dict("list") == {"y": [2014] * 3, "m": [1, 2, 3]}


def test_a_memory_map(months, tmp_path):
    path = tmp_path / "months.parquet"
    pd.read_csv(months).to_parquet(path)
    mapped = memory_map_table(path, tmp_path, time=["y", "m"])
    assert list(mapped.last_rows.timestamps) == list(MONTHS)
    assert mapped.last_rows.names == ("sold",)
    assert mapped.last_rows.format == read_series(path, time=["y", "m"]).format


def test_groups(tmp_path):
    rows = [
        f"{region},{shop},{stamp:%Y},{stamp:%m},{row}"
        for region, shop in [("north", "a"), ("north", "b"), ("south", "a")]
        for row, stamp in enumerate(MONTHS)
    ]
    path = tmp_path / "shops.csv"
    path.write_text("\n".join(["region,shop,year,month,sold", *rows]) + "\n")
    groups = split_groups(path, "region", id="shop", value="sold")
    series = [group.read() for group in groups]
    assert [one.names for one in series] == [("a", "b"), ("a",)]
    assert all(one.format.time == ("year", "month") for one in series)
    assert all(list(one.timestamps) == list(MONTHS) for one in series)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--id", "shop", "shop"], "--id is ['shop', 'shop'], wanted text, or a list of different"),
        (["--time", "day", "day"], "--time is ['day', 'day'], wanted the name of a column, or a"),
        (["--encoding", "klingon"], "--encoding is 'klingon', wanted a name that Python knows"),
    ],
)
def test_messages_name_the_option_that_was_given(days, capsys, words, message):
    assert main(["inspect", str(days), *words]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Correct it, or leave it out." in shown
    assert "YAML" not in shown
