"""`forecast` and `predict` print the answer first, and write in the style of the table."""

import json

import numpy as np
import openpyxl
import pandas as pd
import pytest

from revin_forecast.cli.main import main


@pytest.fixture
def sales(tmp_path, monkeypatch):
    """A table with semicolons, decimal commas and German dates."""
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=80)
    values = 100 + 10 * np.sin(np.arange(80) * 2 * np.pi / 7)
    values += np.random.default_rng(0).normal(size=80)
    frame = pd.DataFrame({"Tag": days.strftime("%d.%m.%Y"), "Verkauf": values.round(2)})
    frame.to_csv("sales.csv", sep=";", decimal=",", index=False)
    return "sales.csv"


def run(capsys, *words):
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured


def test_the_answer_is_first_then_the_rows_then_the_model(capsys, sales):
    printed = run(capsys, "forecast", sales, "--horizon", 7)
    lines = printed.err.splitlines()
    assert lines[0].startswith("next 7 days of Verkauf, 2024-03-21 to 2024-03-27: ")
    assert " a day on average, " in lines[0]
    assert lines[0].endswith(" the last 7")
    assert lines[1].startswith("  by 2024-03-27: ")
    assert " (80 %: " in lines[1]
    assert "; now " in lines[1]
    assert lines[2].startswith("  as good as or better than repeating the last week in ")
    assert lines[3] == "80 rows x 1 series, 2024-01-01 to 2024-03-20, daily"
    assert lines[4] == "chosen at 40 expanding origins, season 7:"
    assert printed.out.splitlines()[0] == "Tag;Verkauf"
    assert printed.out.splitlines()[1].startswith("21.03.2024;1")
    assert "," in printed.out.splitlines()[1]


def test_the_leaderboard_has_three_members_and_the_naive_forecasts(capsys, sales):
    lines = run(capsys, "forecast", sales, "--horizon", 7).err.splitlines()
    table = lines[lines.index("chosen at 40 expanding origins, season 7:") + 2 :]
    names = [line.split("  ")[1] for line in table if line.startswith("  ")]
    assert names[0] == "the combination"
    assert {"naive", "seasonal naive (7)"} <= set(names)
    assert len(names) <= 1 + 3 + 2


def test_the_summary_is_in_the_json(capsys, sales):
    record = json.loads(run(capsys, "forecast", sales, "--horizon", 7, "--json").out)
    summary, rows = record["summary"], record["forecast"]
    assert summary["text"].startswith("next 7 days of Verkauf, 2024-03-21 to 2024-03-27: ")
    (entry,) = summary["series"]
    assert entry["mean"] == pytest.approx(np.mean([row["Verkauf"] for row in rows]))
    assert (summary["level"], summary["naive_season"], entry["tests"]) == (80, 7, 40)
    assert rows[0]["Tag"] == "2024-03-21T00:00:00"


def test_quiet_prints_the_forecast_only(capsys, sales):
    assert run(capsys, "forecast", sales, "--horizon", 3, "--quiet").err == ""


def test_a_sheet_of_excel_has_the_dates_of_the_table(capsys, sales, tmp_path):
    printed = run(capsys, "forecast", sales, "--horizon", 3, "--out", "f.xlsx").out
    assert printed.splitlines()[-1] == "f.xlsx: 3 steps of 1 series after 2024-03-20"
    sheet = openpyxl.load_workbook("f.xlsx")["forecast"]
    assert sheet["A2"].value == pd.Timestamp("2024-03-21")
    assert sheet["A2"].number_format == "dd.mm.yyyy"


def test_a_sheet_that_is_too_long_is_rejected_before_any_work(capsys, sales):
    words = ["forecast", sales, "--horizon", "1048576", "--out", "f.xlsx"]
    assert main(words) == 2
    assert "a sheet of Excel holds 1,048,575 rows" in capsys.readouterr().err


def test_predict_prints_the_answer_without_tests(capsys, sales):
    run(capsys, "fit", sales, "--horizon", 7, "--out", "model", "--quiet")
    printed = run(capsys, "predict", "model", sales)
    assert printed.err.startswith("next 7 days of Verkauf, 2024-03-21 to 2024-03-27: ")
    assert "by 2024-03-27: " in printed.err
    assert " (80 %: " in printed.err
    assert "tests" not in printed.err
    assert printed.out.startswith("Tag;Verkauf\n21.03.2024;")
    record = json.loads(run(capsys, "predict", "model", "--json").out)
    assert record["summary"]["text"] == printed.err.strip("\n")
    run(capsys, "predict", "model", "--out", "f.csv")
    assert pd.read_csv("f.csv", sep=";", decimal=",")["Tag"][0] == "21.03.2024"


def test_groups_have_one_table_of_their_series(capsys, sales, tmp_path):
    frame = pd.read_csv(sales, sep=";", decimal=",")
    parts = [frame.assign(Filiale=name, Land="DE") for name in ("a", "b")]
    pd.concat(parts).to_csv("long.csv", sep=";", decimal=",", index=False)
    words = ["--id", "Filiale", "--value", "Verkauf", "--horizon", 7]
    printed = run(capsys, "forecast", "long.csv", "--group", "Land", *words)
    lines = printed.err.splitlines()
    assert lines[0] == "next 7 days of 2 series, 2024-03-21 to 2024-03-27:"
    assert lines[1].split("  ")[1] == "series"
    assert [line.split("  ")[1] for line in lines[2:4]] == ["DE / a", "DE / b"]
    assert "one model for each of 1 group of Land" in printed.err
    assert printed.out.startswith("Land;Filiale;Tag;Verkauf\nDE;a;21.03.2024;")
    printed = run(capsys, "forecast", "long.csv", "--group", "Filiale", *words)
    assert [line.split()[0] for line in printed.err.splitlines()[2:4]] == ["a", "b"]
