"""The commands of the shift benchmark, run as a user types them."""

import json
import re
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from revin_forecast.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


NETS = """
import time
from revin_forecast.backbones import Ridge

class Fails(Ridge):
    def forward(self, past):
        raise ValueError(f"no forecast for {self.horizon} steps")

class Sleeps(Ridge):
    def forward(self, past):
        time.sleep(3600)
"""


@pytest.fixture
def table(tmp_path):
    """A table with a weekly wave on a level that jumps in the last fifth."""
    rng = np.random.default_rng(0)
    steps = np.arange(900)
    wave = np.sin(2 * np.pi * steps / 7) + 0.2 * rng.standard_normal(900)
    dates = pd.date_range("2020-01-01", periods=900)
    level = 8.0 * (steps > 740)
    frame = pd.DataFrame({"date": dates, "wave": wave + level, "other": wave})
    path = tmp_path / "own.csv"
    frame.to_csv(path, index=False)
    return path


def test_robustness_of_a_model_and_its_twin(table, capsys):
    command = ["evaluate", str(table), "--lookback", "28", "--horizon", "7"]
    assert main([*command, "--shifts", "level", "sensor_offset"]) == 0
    text = capsys.readouterr().out
    assert "Robustness of Ridge with RevIN" in text
    rows = [line.split() for line in text.splitlines() if line.startswith(("level", "sensor"))]
    steady = [float(cell) for cell in rows[0][1:6]]
    assert max(steady) - min(steady) < 0.002  # RevIN follows the level
    assert float(rows[0][6]) < 0.5  # its twin does not
    sensor = [float(cell) for cell in rows[-1][1:6]]
    assert sensor == sorted(sensor)  # RevIN also follows the wrong sensor


def test_a_model_without_a_normalizer_is_its_own_twin(table, capsys):
    command = ["evaluate", str(table), "--lookback", "28", "--horizon", "7", "--shifts", "level"]
    assert main([*command, "--backbone", "Repeat", "--normalizer", "Identity"]) == 0
    text = capsys.readouterr().out
    assert "nan" not in text
    steady = next(line.split() for line in text.splitlines() if line.startswith("level"))
    assert (steady[1], steady[6]) == (steady[5], "1.00")


def test_robustness_is_kept_in_a_folder(table, tmp_path, capsys):
    command = ["evaluate", str(table), "--lookback", "28", "--horizon", "7", "--json"]
    command += ["--shifts", "scale", "--out", str(tmp_path / "run")]
    assert main(command) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["backbone"] == "Ridge"
    cells = record["shifts"]
    assert {cell["placement"] for cell in cells} == {"clean", "steady", "transition", "horizon"}
    assert {cell["arm"] for cell in cells} == {"", "up", "down"}
    assert list((tmp_path / "run/shifts").rglob("cells.jsonl"))
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["shifts"] == cells


@pytest.mark.usefixtures("plain_shapes")
def test_failed_cells_of_one_model_give_a_code_and_their_reasons(table, capsys):
    pd.read_csv(table).drop(columns="wave").to_csv(table, index=False)
    command = ["evaluate", str(table), "--lookback", "28", "--horizon", "7", "--json"]
    command += ["--backbone", "tests.support.shift_suites.Broken", "--normalizer", "Identity"]
    assert main([*command, "--shifts", "scale_up"]) == 3
    record = json.loads(capsys.readouterr().out)
    (reason,) = record["failures"]
    assert "forecasts contain NaN or infinity. (first: Broken in Identity" in reason
    assert main([*command[:-5], *command[-4:], "--shifts", "scale_up"]) == 3
    assert f"cells failed:\n  {reason}" in capsys.readouterr().err


def test_fit_reports_robustness(table, tmp_path, capsys):
    command = ["fit", str(table), "--horizon", "7", "--lookback", "28", "--target", "other"]
    assert main([*command, "--out", str(tmp_path / "m"), "--shifts", "level"]) == 2
    assert "--shifts measures a named backbone" in capsys.readouterr().err
    command += ["--backbone", "Ridge"]
    assert main([*command, "--out", str(tmp_path / "m"), "--shifts", "level"]) == 0
    assert "Robustness of Ridge with RevIN" in capsys.readouterr().out
    assert main([*command, "--out", str(tmp_path / "m"), "--shifts", "levle"]) == 2
    assert "there is no shift 'levle'" in capsys.readouterr().err


def test_shifts_reject_known_covariates(table, capsys):
    command = ["evaluate", str(table), "--lookback", "28", "--horizon", "7"]
    command += ["--backbone", "CycleNet", "--backbone.cycle", "7", "--training.max_epochs", "1"]
    assert main([*command, "--shifts", "level"]) == 2
    assert (
        "shifts change the forecast series, not its covariates, but the model uses"
        in capsys.readouterr().err
    )


@pytest.fixture
def suite(table, tmp_path):
    path = tmp_path / "suite.yaml"
    content = {
        "name": "tiny",
        "datasets": [{"name": "own", "file": "own.csv"}],
        "models": {"backbones": ["Ridge"], "normalizers": ["Identity", "RevIN"]},
        "shifts": ["level"],
        "windows": {"lookback": 28, "horizon": 7, "stride": 7},
        "protocol": {"severities": [3], "ages": [0.5], "resamples": 50},
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_dry_run_measures_nothing(suite, tmp_path, capsys, monkeypatch):
    # Processor time: on a busy machine the estimate is longer.
    clock = SimpleNamespace(perf_counter=time.process_time)
    monkeypatch.setattr("revin_forecast.shift.runner.cost_estimate.time", clock)
    out = tmp_path / "results"
    assert main(["benchmark", str(suite), "--out", str(out), "--dry-run"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "tiny: 5 runs, 20 cells; about 0 seconds with" in text
    assert "Nothing was run" in text
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
def test_a_benchmark_of_a_user_table(suite, tmp_path, capsys):
    out = tmp_path / "results"
    command = ["benchmark", str(suite), "--out", str(out), "--workers", "1", "--windows"]
    assert main(command) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "20 cells measured, 0 failed, 0 not applicable, 0 missing" in text
    assert "training and measuring" in text
    cells = pd.read_parquet(out / "cells.parquet")
    steady = cells[cells["shift"] == "level"]
    errors = steady[steady.placement == "steady"].set_index(["backbone", "normalizer"]).mase_pb
    assert errors["Ridge", "RevIN"] < errors["Ridge", "Identity"]
    windows = pd.read_parquet(out / "windows.parquet")
    means = windows.groupby("cell_key").mase_pb.mean()
    assert cells.set_index("cell_key").mase_pb[means.index].to_numpy() == pytest.approx(
        means.to_numpy(), rel=1e-6
    )
    assert windows.t0_index.min() == 720 - 28
    assert windows.t0_index.max() <= 900 - 35
    for name in ("report.html", "summary.md", "headline.parquet", "checks.parquet"):
        assert (out / name).is_file()
    assert main([*command, "--dry-run"]) == 0
    assert "own 5 5 20 20 0" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
def test_failed_cells_give_a_code_and_their_reasons(suite, tmp_path, capsys, monkeypatch):
    (tmp_path / "nets_of_a_user.py").write_text(NETS)
    content = yaml.safe_load(suite.read_text())
    content["models"]["backbones"] += ["nets_of_a_user.Fails", "nets_of_a_user.Sleeps"]
    suite.write_text(yaml.safe_dump(content))
    report = "revin_forecast.cli.benchmark_output.write_benchmark_report"
    monkeypatch.setattr(report, lambda *values: None)
    checks = pd.DataFrame({"passed": [True]})  # the computation takes seconds
    monkeypatch.setattr("revin_forecast.shift.benchmark.run_theory_checks", lambda: checks)
    out = tmp_path / "results"
    # The limit is for a busy machine, too: the sound units take milliseconds.
    command = ["benchmark", str(suite), "--out", str(out), "--workers", "2", "--timeout", "2"]
    assert main([*command, "--dry-run"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "9 runs, 36 cells; about 0 seconds and 2 runs of unknown length with 2 workers" in text
    assert main(command) == 3
    output = capsys.readouterr()
    assert "20 cells measured, 16 failed" in output.out
    assert "cells failed; --retry measures them again:" in output.err
    for normalizer in ("Identity", "RevIN"):  # every model that fails has a line of its own
        for reason, name in (("ValueError: no ", "Fails"), ("TimeLimitError: took", "Sleeps")):
            line = rf"  4 x clean data: {reason}.* \(first: {name} in {normalizer}, seed 0 on own"
            assert re.search(line, output.err)
    assert "Fails in RevIN: 1 of 1 cells of own, clean" in output.err
    monkeypatch.chdir(tmp_path)
    merge = ["benchmark", "merge", str(suite), "--parts", str(out), "--json", "--out", "whole"]
    assert main(merge) == 3
    record = json.loads(capsys.readouterr().out)
    assert record["cells"]["failed"] == sum(group["cells"] for group in record["failures"]) == 16
    assert record["failures"][0]["model"] == "Fails in Identity, seed 0"


def test_unusable_options_are_rejected(suite, tmp_path, capsys):
    base = ["benchmark", str(suite), "--out", str(tmp_path / "r")]
    for words, message in (
        (["--shard", "3"], "--shard is i/n, such as 2/8, but got '3'"),
        (["--shard", "3/2"], "--shard is i/n with 1 <= i <= n but got 3/2"),
        (["--workers", "0"], "at least one worker"),
        (["--engine", "slurm"], "engine"),
    ):
        assert main([*base, *words]) == 2
        assert message in capsys.readouterr().err
    assert main(["benchmark", "merge", str(suite)]) == 2
    assert "needs --parts FOLDER FOLDER" in capsys.readouterr().err
