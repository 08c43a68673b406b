"""The comparison with peers: its jobs in this process, its rounds with a contender made up here."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.accuracy.backbone_settings import SETTINGS
from benchmarks.evidence import EvidencePage
from benchmarks.peers import entries, environments, forecast_table, run, run_process, training_table
from benchmarks.peers.comparison import Comparison
from benchmarks.peers.datasets import PeerData, make_random_data
from benchmarks.peers.programs import installed_size, protocol
from tests.support.evidence_pages import ROOT, committed_rows, find_command

PROGRAMS = ROOT / "benchmarks" / "peers" / "programs"
WORK = protocol.Work(lookback=24, horizon=8, batch_size=16, epochs=1)
FAKE = """
import json, sys
cut = json.load(open(sys.argv[1]))["work"]["batches"]
print("hello")
print()
print(json.dumps({"import_s": 1.0, "step_s": float(sys.argv[2]), "fit_s": 8.0 if cut else 3.0,
    "predict_s": 2.0, "windows": 4, "mse": 0.25, "parameters": 5}))
"""


@pytest.fixture
def job(tmp_path):
    rows = make_random_data(WORK, 3, tmp_path).rows
    return protocol.Job("NLinear", {}, 1e-3, 0, rows, WORK)


@pytest.fixture
def jobs(monkeypatch):
    """The modules that run in a contender's process, where their folder is on the path."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    names = ("protocol", "measure", "build_model", "window_loops", "job_ours", "job_loops")
    yield {name: __import__(name) for name in names}
    for name in names:
        sys.modules.pop(name)


def as_read(jobs, job, tmp_path, monkeypatch):
    """Return the job as a contender's process reads it."""
    path = tmp_path / "job.json"
    protocol.write_job(job, path)
    monkeypatch.setattr(sys, "argv", ["job", str(path)])
    return jobs["protocol"].read_job()


def test_all_loops_do_the_same_job(jobs, job, tmp_path, monkeypatch):
    job = replace(job, work=replace(WORK, epochs=2))
    told = as_read(jobs, job, tmp_path, monkeypatch)
    results = [
        jobs["job_ours"].do_job(told),
        jobs["job_loops"].do_job(told, "tensor"),
        jobs["job_loops"].do_job(told, "dataset"),
    ]
    values = np.load(job.rows.path)
    test = values[job.rows.validation :]
    windows = np.lib.stride_tricks.sliding_window_view(test, 8, axis=0)
    last = values[job.rows.validation - 1 : len(values) - 8]
    repeat = np.square(windows - last[..., None]).mean()
    for result in results:
        assert result.parameters == 24 * 8 + 8
        assert result.windows == job.test_windows == len(windows) == 48
        assert min(result.step_s, result.fit_s, result.predict_s) > 0
        assert 0 < result.mse < 2 * repeat
    assert results[0].mse == pytest.approx(results[1].mse, rel=0.2)


def test_a_cut_epoch_has_fewer_steps(jobs, job, tmp_path, monkeypatch):
    assert (job.windows, job.steps) == (48, 3)
    cut = replace(job, work=replace(WORK, batches=2))
    assert cut.steps == 2
    told = as_read(jobs, cut, tmp_path, monkeypatch)
    for do in (jobs["job_ours"].do_job, lambda one: jobs["job_loops"].do_job(one, "dataset")):
        assert do(told).step_s > 0  # the number of steps is checked there
    with pytest.raises(SystemExit, match="2 steps were taken where the job has 3"):
        jobs["measure"].mean_step_seconds(job, [0.0, 1.0])
    ticks = [0.0, 1.0, 5.0]  # the last batch may be short
    assert jobs["measure"].mean_step_seconds(job, ticks) == 1.0


def test_errors_of_forecasts_are_exact_and_none_is_missed(jobs, job):
    truth = np.load(job.rows.path)[job.rows.validation :]
    windows = np.lib.stride_tricks.sliding_window_view(truth, 8, axis=0).swapaxes(1, 2)
    assert jobs["measure"].mean_squared_error(job, windows + np.float32(0.5)) == pytest.approx(
        0.25, rel=1e-5
    )
    with pytest.raises(SystemExit, match=r"\(47, 8, 3\) where \(48, 8, 3\) is expected"):
        jobs["measure"].mean_squared_error(job, windows[:-1])
    with pytest.raises(SystemExit, match="not finite"):
        jobs["measure"].mean_squared_error(job, windows * np.nan)


def test_the_dataset_loop_sees_every_window(jobs):
    values = np.arange(80, dtype=np.float32).reshape(40, 2)
    for batches in (jobs["window_loops"].make_loader, jobs["window_loops"].gather_batches):
        pairs = list(batches(values, replace(WORK, batch_size=4), shuffle=True))
        assert [len(past) for past, _ in pairs] == [4, 4, 1]
        starts = sorted(int(first) // 2 for past, _ in pairs for first in past[:, 0, 0])
        assert starts == list(range(9))
        for past, future in pairs:
            assert (future[:, 0, 0] == past[:, -1, 0] + 2).all()


@pytest.mark.parametrize("model", entries.MODELS)
def test_every_model_is_set_as_in_our_own_grid(jobs, job, model):
    chosen = run.build_job(model, PeerData(job.rows, pd.DataFrame()), replace(WORK, horizon=4))
    setting = SETTINGS[run.BACKBONES.get(model, model)]
    assert setting.batch_size == run.BATCH
    assert setting.parameters.items() <= chosen.parameters.items()
    built = jobs["build_model"].build_model(chosen, channels=3)
    assert built(torch.zeros(2, 24, 3)).shape == (2, 4, 3)
    assert type(built.normalizer).__name__ == ("LastValue" if model == "NLinear" else "RevIN")


def test_a_loop_runs_as_a_process(job, tmp_path):
    (tensor,) = (one for one in entries.list_own_entries() if one.name == "tensor loop")
    (turn,) = training_table.run_rounds(job, [tensor], training_table.Rounds(1, None), tmp_path)[
        "tensor loop"
    ]
    assert turn.result.windows == 48
    assert turn.result.import_s > 0.1
    assert turn.process.printed == 0
    assert turn.process.peak_mib > 100


def test_the_program_trains_a_model_and_forecasts_a_small_table(tmp_path, capsys):
    command = find_command("peers_forecast", tmp_path, tmp_path)
    assert command == find_command("peers_training", tmp_path, tmp_path)  # one run, two pages
    assert command[0] == run.__name__
    run.main([*command[1], "--quick", "--out", str(tmp_path)])
    rows = json.loads((tmp_path / "peers_training.json").read_text())["rows"]
    assert [row["contender"] for row in rows] == [one.name for one in entries.list_own_entries()]
    assert {row["model"] for row in rows} == {"NLinear"}
    record = json.loads((tmp_path / "peers_forecast.json").read_text())
    (row,) = record["rows"]
    assert record["made"]["quick"] is True
    assert (row["program"], row["core s x"], row["memory x"]) == (entries.PACKAGE, 1, 1)
    assert 0 < row["core s"] < row["seconds"] * 2
    assert 0.3 < row["MASE"] < 1.5  # of noise
    assert row["installed MiB"] > 100
    assert "{" not in (tmp_path / "peers_forecast.md").read_text()
    assert entries.PACKAGE in capsys.readouterr().out


def fake(name, seconds, tmp_path):
    program = tmp_path / "fake.py"
    program.write_text(FAKE)
    return entries.Entry(name, Path(sys.executable), (str(program), seconds), ("NLinear",))


def test_rounds_are_told_as_ratios_to_the_first_contender(job, tmp_path, monkeypatch, capsys):
    ours = fake(entries.PACKAGE, "0.5", tmp_path)
    slow = fake("slow", "2.0", tmp_path)
    unable = replace(slow, name="unable", models=("DLinear",))
    rounds = training_table.Rounds(2, batches=1)
    comparison = Comparison([ours], [slow, unable], ["nobody could not be installed"], rounds)
    monkeypatch.setattr(
        "benchmarks.peers.comparison.measure_installed_size", lambda entry: {"version": "1.2.3"}
    )
    page = EvidencePage("peers_training", tmp_path, quick=True)
    comparison.measure_training([job], tmp_path, page)
    record = json.loads((tmp_path / "peers_training.json").read_text())
    first, second = record["rows"]
    assert (first["contender"], second["contender"]) == (entries.PACKAGE, "slow")
    assert (first["train x"], second["train x"], second["predict x"]) == (1, 4, 1)
    assert (first["train windows/s"], second["train windows/s"]) == (32, 8)
    assert second["fit s"] == 3  # of the first round, which is whole
    assert second["printed bytes"] == len("hello\n")
    assert 3 < second["peak MiB"] < 60  # not that of this process
    assert record["made"]["versions"]["slow"] == "1.2.3"
    page = (tmp_path / "peers_training.md").read_text()
    assert "nobody could not be installed" in page
    assert "cut to its first\n1 steps" in page
    assert "{" not in page
    assert "slow" in capsys.readouterr().out


def test_a_failed_process_is_told(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with pytest.raises(SystemExit, match="ended with 1:\nno such thing"):
        run_process.run_process(command)


def test_mase_is_relative_to_the_seasonal_naive_error():
    hours = pd.date_range("2024-01-01", periods=96, freq="h")
    table = pd.DataFrame({"a": np.arange(96.0), "b": 2 * np.arange(96.0)}, hours)
    ahead = table.iloc[-24:] + 12  # half of what 24 hours change of a, a quarter for b
    assert forecast_table.mean_scaled_error(ahead[["b", "a"]], table) == pytest.approx(
        (0.5 + 0.25) / 2
    )
    with pytest.raises(SystemExit, match="of other steps"):
        forecast_table.mean_scaled_error(table.iloc[-25:-1], table)


def test_sizes_are_of_what_comes_beside_torch(capsys):
    installed_size.main("revin-forecast")
    told = json.loads(capsys.readouterr().out)
    assert 100 < told["mib"] < 1000
    every = installed_size.collect_requirements("revin-forecast")
    assert {"torch", "pandas", "lightning"} <= set(every)
    assert "ray" not in every  # an extra
    assert "ray" in installed_size.collect_requirements("revin-forecast", ("ray",))


def test_the_overview_shows_the_committed_ratios():
    rows = committed_rows("peers_training")
    peers = [row for row in rows if row["contender"] in ("neuralforecast", "darts")]
    assert len(peers) == 8
    shown = re.search(
        r"darts need (\S+) to (\S+) times our time for a training step "
        r".*? and (\S+) to (\S+) times our",
        (ROOT / "docs" / "benchmarks" / "index.md").read_text(),
        re.S,
    )
    expected = [
        edge(row[name] for row in peers) for name in ("train x", "predict x") for edge in (min, max)
    ]
    assert [float(number) for number in shown.groups()] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("peer", entries.PEERS)
def test_requirements_of_peers_are_pinned(peer):
    lines = environments.locate_pins(peer).read_text().split()
    assert all("==" in line for line in lines)
    assert "torch==2.13.0" in lines
    assert any(line.startswith(f"{peer}==") for line in lines)
    for kind in ("job", "forecast"):
        assert (PROGRAMS / f"{kind}_{peer}.py").is_file()


def test_a_peer_that_cannot_be_installed_is_told(tmp_path, monkeypatch):
    wanted = tmp_path / "darts.txt"
    wanted.write_text("darts==0.0.0.nothing\n")
    monkeypatch.setattr(environments, "locate_pins", lambda peer: wanted)
    monkeypatch.setattr(environments.subprocess, "run", refused)
    installed, (line,) = entries.install_peers(["darts"], tmp_path)
    assert not installed
    assert line == "darts could not be installed and is left out: ERROR: no such version"


def refused(command, **_):
    return environments.subprocess.CompletedProcess(command, 1, "", "ERROR: no such version\n")
