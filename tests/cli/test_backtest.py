"""The command `backtest`: its tables, JSON and refusals."""

import json

import pandas as pd
import pytest

from revin_forecast.cli.main import main
from tests.support.weekly_series import make_series, make_values

OPTIONS = ["--horizon", "5", "--lookback", "14", "--backbone", "Ridge"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sold.csv"
    table = make_series(make_values(channels=12), tuple("abcdefghijkl"))
    frame = pd.DataFrame(table.values, table.timestamps, table.names)
    frame.rename_axis("date").to_csv(path)
    return path


def test_scores_are_printed_and_written(file, tmp_path, capsys):
    scores_path = tmp_path / "scores.csv"
    assert main(["backtest", str(file), *OPTIONS, "--level", "80", "--out", str(scores_path)]) == 0
    out = capsys.readouterr().out
    assert "36 forecasts of 5 steps, the first after 2024-06-08" in out
    assert "80 % intervals cover" in out
    assert "SeasonalNaive (7)" in out
    assert "The 10 of 12 series with the largest MASE" in out
    assert "95 %" not in out
    table = pd.read_csv(scores_path)
    assert table["series"].tolist() == list("abcdefghijkl")
    assert table["mase"].max() < table["repeat_mase"].min()


def test_json_output(file, capsys):
    assert main(["backtest", str(file), *OPTIONS, "--json", "--quiet", "--step", "7"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["windows"] == 6
    assert record["levels"] == [80, 95]
    assert len(record["series"]) == 12
    assert 50 < record["overall"]["coverage-80"] < 100


def test_refit_and_smape(file, capsys):
    assert main(["backtest", str(file), *OPTIONS, "--refit", "12", "--smape", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "36 forecasts of 5 steps, fitted 3 times" in out
    assert "sMAPE" in out


def test_bad_options_are_refused_before_any_work(file, tmp_path, capsys):
    assert main(["backtest", str(file), *OPTIONS, "--out", str(tmp_path / "x.doc")]) == 2
    assert ".feather or .arrow but got" in capsys.readouterr().err
    assert main(["backtest", str(file), *OPTIONS, "--level", "0.8"]) == 2
    assert "in percent but got 0.8; pass 80" in capsys.readouterr().err
