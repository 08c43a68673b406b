"""Every command that reads a table prints the notes on it, and has them in its JSON."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main

NOTE = "sales.csv: the rows are from new to old; they were sorted by time"
FORECAST = "forecast sales.csv --horizon 3 --lookback 6 --backbone Ridge --normalizer RevIN"


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2023-01-01", periods=160)
    frame = pd.DataFrame({"date": days, "x": np.random.default_rng(0).normal(50, 5, 160)})
    frame[::-1].to_csv("sales.csv", index=False)


@pytest.mark.parametrize(
    "words",
    [
        "inspect sales.csv",
        FORECAST,
        f"{FORECAST} --out forecast.csv",
        "fit sales.csv --horizon 3 --lookback 6 --backbone Ridge --normalizer RevIN --out model",
        "backtest sales.csv --horizon 3 --lookback 6 --backbone Ridge --normalizer RevIN",
        "evaluate sales.csv --horizon 3 --lookback 6",
        "sweep sales.csv --horizons 3 --lookbacks 6 --blocks 2",
        "shift-card sales.csv --horizon 3 --lookback 6",
    ],
)
def test_the_notes_are_printed_and_in_the_json(words, capsys):
    assert main(words.split()) == 0
    captured = capsys.readouterr()
    # Long lines are wrapped at the width of the terminal.
    assert NOTE in " ".join((captured.out + captured.err).split())
    assert main([*words.split(), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert NOTE in record.get("notes", record.get("fitted", {}).get("notes", []))


def test_predict(capsys):
    assert main(f"{FORECAST.replace('forecast', 'fit', 1)} --out model --quiet".split()) == 0
    capsys.readouterr()
    assert main(["predict", "model", "sales.csv", "--out", "forecast.csv"]) == 0
    assert NOTE in capsys.readouterr().out
    assert main(["predict", "model", "sales.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [NOTE]


def test_groups_have_the_notes_of_the_table_once(capsys):
    days = pd.date_range("2023-01-01", periods=60)
    parts = [
        pd.DataFrame({"shop": shop, "ds": days, "y": 1.0 + np.arange(60) % 7}) for shop in "ab"
    ]
    text = pd.concat(parts).to_csv(index=False) + "Total,,480\n"
    Path("shops.csv").write_text(text)
    words = "forecast shops.csv --id shop --group shop --horizon 3 --lookback 6 --backbone Ridge"
    assert main([*words.split(), "--out", "forecast.csv"]) == 0
    note = "shops.csv, line 122: 'Total' in column 'shop' is a row of totals, which was left out"
    assert capsys.readouterr().out.count(note) == 1


def test_the_report_lists_the_notes():
    assert main(f"{FORECAST} --out forecast.csv --report report.html".split()) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert f"<li>{NOTE}</li>" in page
