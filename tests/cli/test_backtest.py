"""The command `backtest`: its tables, JSON and refusals."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main
from revin_forecast.metrics import seasonal_scale
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
    assert (
        main(["backtest", str(file), *OPTIONS, "--level", "80", "--scores", str(scores_path)]) == 0
    )
    out = capsys.readouterr().out
    assert "36 forecasts of 5 steps, the first after 2024-06-08" in out
    assert "80 % intervals cover" in out
    assert "SeasonalNaive (7)" in out
    assert "The 10 of 12 series with the largest MASE" in out
    assert "95 %" not in out
    assert f"{scores_path}: the scores of 12 series" in out
    table = pd.read_csv(scores_path)
    assert table["series"].tolist() == list("abcdefghijkl")
    assert table["mase"].max() < table["repeat_mase"].min()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_forecasts_are_written_and_give_the_printed_scores(file, tmp_path, capsys, suffix):
    out = tmp_path / f"frame{suffix}"
    words = ["backtest", str(file), *OPTIONS, "--level", "80", "--refit", "12", "--json"]
    assert main([*words, "--out", str(out)]) == 0
    record = json.loads(capsys.readouterr().out)
    written = pd.read_parquet(out) if suffix == ".parquet" else pd.read_csv(out)
    frame = Forecaster(5, 14, Ridge).backtest(file, level=[80], refit=12)
    assert written.columns.tolist() == frame.columns.tolist()
    assert written["ds"].astype(str).tolist() == frame["ds"].astype(str).tolist()
    assert written["cutoff"].astype(str).tolist() == frame["cutoff"].astype(str).tolist()
    for name in ("y", "forecast", "forecast-lo-80", "forecast-hi-80"):
        np.testing.assert_allclose(written[name], frame[name], rtol=1e-12)
    error = (written["y"] - written["forecast"]).abs().groupby(written["unique_id"]).mean()
    values = torch.from_numpy(pd.read_csv(file).iloc[:160, 1:].to_numpy().copy())
    mase = error.to_numpy() / seasonal_scale(values, 7).numpy()
    assert record["overall"]["mase"] == pytest.approx(mase.mean(), rel=1e-5)
    assert record["overall"]["mae"] == pytest.approx(error.mean(), rel=1e-5)
    assert not list(tmp_path.glob("*.partial*"))


def test_both_files_can_be_written(file, tmp_path, capsys):
    out, scores = tmp_path / "frame.csv", tmp_path / "scores.csv"
    words = ["backtest", str(file), *OPTIONS, "--quiet", "--step", "7"]
    assert main([*words, "--out", str(out), "--scores", str(scores)]) == 0
    capsys.readouterr()
    assert len(pd.read_csv(out)) == 6 * 12 * 5
    assert len(pd.read_csv(scores)) == 12


def test_a_failed_backtest_keeps_the_old_file(file, tmp_path, capsys):
    out = tmp_path / "frame.csv"
    out.write_text("old")
    assert main(["backtest", str(file), *OPTIONS[2:], "--out", str(out), "--horizon", "300"]) == 2
    assert "200 rows are too few for a test part of 300" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frame.csv", "sold.csv"]


def test_json_output(file, capsys):
    assert main(["backtest", str(file), *OPTIONS, "--json", "--quiet", "--step", "7"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["windows"] == 6
    assert record["levels"] == [80, 95]
    assert record["out"] is record["scores"] is None
    assert len(record["series"]) == 12
    assert 50 < record["overall"]["coverage-80"] < 100


def test_refit_and_smape(file, capsys):
    assert main(["backtest", str(file), *OPTIONS, "--refit", "12", "--smape", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "36 forecasts of 5 steps, fitted 3 times" in out
    assert "sMAPE" in out


def test_bad_options_are_refused_before_any_work(file, tmp_path, capsys):
    assert main(["backtest", str(file), *OPTIONS, "--out", str(tmp_path / "x.txt")]) == 2
    assert ".csv or .parquet" in capsys.readouterr().err
    assert main(["backtest", str(file), *OPTIONS, "--scores", str(tmp_path / "no/x.csv")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["backtest", str(file), *OPTIONS, "--out", str(file)]) == 2
    assert "is the input table" in capsys.readouterr().err
    same = ["--out", str(tmp_path / "x.csv"), "--scores", str(tmp_path / "x.csv")]
    assert main(["backtest", str(file), *OPTIONS, *same]) == 2
    assert "--out and --scores both name" in capsys.readouterr().err
    assert main(["backtest", str(file), *OPTIONS, "--level", "0.8"]) == 2
    assert "in percent but got 0.8; pass 80" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_frame_larger_than_the_disk_is_refused(file, tmp_path, capsys, monkeypatch, suffix):
    out = tmp_path / f"frame.{suffix}"
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10_000))
    assert main(["backtest", str(file), *OPTIONS, "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert f"{out} would have 2,160 rows and take at least 0.0 GiB, but 0.0 GiB" in message
    assert "Take every N-th cutoff with --step N" in message
    assert main(["backtest", str(file), *OPTIONS, "--out", str(out), "--step", "36"]) == 0
    assert len(pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)) == 12 * 5
