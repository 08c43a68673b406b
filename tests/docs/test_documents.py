"""What is shown to users is run: README blocks, YAML files, scripts."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from benchmarks.accuracy.run import load_earlier_rows
from revin_forecast.cli.main import COMMANDS, main
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.utils.environment import environment_info
from tests.support.evidence_pages import repeat_page
from tests.support.warm_programs import Program, run_program

NAMES = ("default", "SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")
ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SHIFT_PAGE = (ROOT / "docs" / "shift_benchmark.md").read_text()
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```", re.S)
INSTALLS = (
    "pip install -c constraints.txt . && revin-forecast demo",
    'pip install -c constraints.txt -e ".[dev]" && pytest -n 2 --dist loadfile',
)


def programs():
    """Return the paths of all programs of this repository that take options."""
    for folder in ("scripts", "benchmarks", "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            # The programs of other libraries' environments take their words as they come.
            foreign = "programs" in path.parts or path.name.startswith("forecast_")
            if 'if __name__ == "__main__"' in path.read_text() and not foreign:
                yield path


def blocks(language, page=README):
    return [(name, text) for name, found, text in BLOCK.findall(page) if found == language]


@pytest.fixture
def desk(tmp_path, data_dir, monkeypatch):
    """A folder as the README's reader has it."""
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    (tmp_path / "data").symlink_to(data_dir)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for name, text in blocks("python"):
        if name:
            (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


def test_python_blocks_run(desk):
    names = {}
    for _, text in blocks("python"):
        exec(compile(text, "README.md", "exec"), names)
    assert names["forecast"].shape == (32, 24, 7)
    assert (desk / "model" / "forecaster.json").is_file()


def serve_and_end(words, folder):
    """Have a service come up, then end it."""
    program = Program("revin_forecast", [*words, "--port", "0"], folder)
    for _ in range(600):
        if "Ctrl-C ends it" in program.said() or program.process.exitcode is not None:
            break
        program.process.join(0.1)
    program.process.terminate()
    ended = program.end(60)
    assert (ended.code, ended.err) == (0, "")


def test_commands_run(desk, capsys):
    commands = [line for _, text in blocks("bash") for line in text.splitlines()]
    for line in commands:
        if line not in INSTALLS:
            words = shlex.split(line)
            assert words[0] == "revin-forecast"
            if words[1] == "export":  # a traced program has no types to check
                run_program("revin_forecast", words[1:], desk)
            elif words[1] == "serve":
                serve_and_end(words[1:], desk)
            else:
                assert main(words[1:]) == 0, line
    shown = capsys.readouterr().out
    claimed = next(text for _, text in blocks("text") if text.startswith("etth2"))
    assert claimed in shown
    explained = next(text for _, text in blocks("text") if text.startswith("2284 rows"))
    for line in explained.splitlines():
        assert line == "  ..." or line[:44] in shown, line
    assert sum(line in INSTALLS for line in commands) == 2
    used = {line.split()[1] for line in commands if line.startswith("revin-forecast")}
    assert used >= {name for name in COMMANDS if " " not in name} - {"demo"}


@pytest.mark.usefixtures("warm_workers")
def test_the_page_of_the_shift_benchmark_runs(desk, capsys):
    for language in ("python", "yaml"):
        for name, text in blocks(language, SHIFT_PAGE):
            assert name
            assert len(text.splitlines()) <= 15
            (desk / name).write_text(text)
    lines = [line for _, text in blocks("bash", SHIFT_PAGE) for line in text.splitlines()]
    for line in lines:
        if line not in README:  # else it is run there
            assert main(shlex.split(line)[1:]) == 0, f"{line}\n{capsys.readouterr()}"
    assert "quick: 135 runs" in capsys.readouterr().out
    for name in ("own-results", "whole"):
        page = (desk / name / "report.html").read_text()
        assert all(word in page for word in ("FirstValue", "doubling", "shares"))
    tables = [(desk / name / "cells.parquet").read_bytes() for name in ("own-results", "whole")]
    assert tables[0] == tables[1]
    for path in (ROOT / "docs" / "benchmarks").glob("shift_*/*.md"):
        assert path.with_name("report.html").is_file()


def test_findings_show_the_committed_figures():
    folder = ROOT / "docs" / "benchmarks"
    page = (folder / "shift_findings.md").read_text()
    headline = pd.read_parquet(folder / "shift_standard" / "headline.parquet")
    rows = headline[headline.normalizer == "RevIN"].set_index(["backbone", "column"])
    shown = re.findall(r"^\| (\w+) \| (.*\].*) \|$", page, re.M)
    assert len(shown) == 4
    for backbone, cells in shown:
        for column, cell in zip(
            ("clean", "steady", "transition", "observation"), cells.split(" | "), strict=True
        ):
            row = rows.loc[backbone, column]
            wanted = np.exp([row.against_twin, row.twin_lo, row.twin_hi])
            assert [float(one) for one in re.findall(r"[\d.]+", cell)] == pytest.approx(
                wanted, abs=6e-3
            )
    tests = pd.read_parquet(folder / "shift_standard" / "tests.parquet")
    steady = tests[(tests.normalizer_a == "RevIN") & (tests.normalizer_b == "Identity")]
    assert steady.set_index("column").p["steady"] == pytest.approx(0.0156, abs=1e-4)
    for name in ("shift_quick", "shift_standard"):
        made = json.loads((folder / name / "made.json").read_text())
        assert made["quick"] is False
        assert "failed" not in made["rows"]
        assert pd.read_parquet(folder / name / "checks.parquet").passed.all()
    quick = json.loads((folder / "shift_quick" / "made.json").read_text())
    assert quick["wall_s"] < 8 * 60


@pytest.mark.usefixtures("browser")  # skips where there is none
def test_the_picture_at_the_top_can_be_made_again(tmp_path):
    run_program("docs.figures.screenshots", ("--quick", "--out", tmp_path), tmp_path)
    shots = ROOT / "docs" / "screenshots"
    for name in ("report_light.png", "report_dark.png"):
        assert f"docs/screenshots/{name}" in README
        assert (shots / name).stat().st_size < 200_000
    sizes = [(folder / "report_light.png").read_bytes()[16:24] for folder in (tmp_path, shots)]
    assert sizes[0] == sizes[1]  # a PNG's width and height


def test_demo_table_is_what_the_demo_prints(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    rows = re.findall(r"^\| (.*?) \| ([*.\d]+) \| ([*.\d]+) \|$", README, re.M)
    for label, mse, mae in rows[:4]:
        line = next(line for line in shown.splitlines() if line.startswith(label.replace("*", "")))
        assert line.split()[-2:] == [mse.strip("*"), mae.strip("*")]
    assert len(rows) >= 4


@pytest.mark.parametrize(
    "path",
    # Suites of shifts are another kind of file; tests/shift/test_suite_yaml.py reads them.
    sorted(path for path in (ROOT / "configs").glob("*.yaml") if path.name[:6] != "shift-"),
    ids=lambda p: p.name,
)
def test_config_files_run(path, data_dir, tmp_path, monkeypatch, capsys):
    command = re.search(r"# revin-forecast (\w+) --config", path.read_text())[1]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    words = [command, "--config", str(path)]
    if command == "evaluate":
        words += ["--data-dir", str(data_dir), "--training.max_epochs", "1"]
    assert main(words) == 0, capsys.readouterr().err
    assert yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", programs(), ids=lambda path: str(path.relative_to(ROOT)))
def test_programs_explain_themselves(path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code in (None, 0)
    assert "usage" in capsys.readouterr().out


def test_train_script_runs(data_dir, tmp_path):
    command = [
        sys.executable,
        ROOT / "scripts" / "train.py",
        "--dataset",
        "ili",
        "--lookback",
        "36",
    ]
    command += ["--horizon", "24", "--backbone", "Linear", "--training.max_epochs", "1"]
    command += ["--data-dir", data_dir, "--folder", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Linear with RevIN" in done.stdout
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()
    assert done.stderr == ""


def test_accuracy_script_repeats_the_committed_figures(data_dir, tmp_path):
    repeat_page("accuracy_revin", tmp_path, data_dir=data_dir)
    pages = [folder / "accuracy_revin.json" for folder in (tmp_path, ROOT / "docs" / "benchmarks")]
    again, committed = (json.loads(path.read_text())["rows"] for path in pages)
    for row in again:
        known = next(one for one in committed if all(one[k] == row[k] for k in ("data", "horizon")))
        assert row["RevIN MSE"] == pytest.approx(known["RevIN MSE"], rel=1e-4)
        assert row["Identity MAE"] == pytest.approx(known["Identity MAE"], rel=1e-4)
    assert "| etth1 | 512 | 96 |" in (tmp_path / "accuracy_revin.md").read_text()


def test_accuracy_script_keeps_what_was_measured(data_dir, tmp_path):
    path = tmp_path / "accuracy_revin.json"
    record = json.loads((ROOT / "docs/benchmarks/accuracy_revin.json").read_text())
    record["made"] = environment_info() | {"quick": True, "date": "2026-01-02", "threads": 1}
    record["rows"][0]["RevIN MSE"] = 9.0  # nobody measures that
    path.write_text(json.dumps(record))
    words = ("--missing", "--threads", "1", "--data", "etth1")
    repeat_page("accuracy_revin", tmp_path, *words, data_dir=data_dir)
    again = json.loads(path.read_text())
    assert again["rows"] == record["rows"]
    assert again["made"]["date"].startswith("2026-01-02 to ")
    path.write_text(json.dumps(record | {"made": record["made"] | {"threads": 99}}))
    with pytest.raises(SystemExit, match="was measured with threads 99, this run has"):
        load_earlier_rows(path, environment_info() | {"quick": True})


def test_readme_shows_the_committed_accuracy():
    rows = json.loads((ROOT / "docs/benchmarks/accuracy_revin.json").read_text())["rows"]
    figures = {(row["data"], row["horizon"]): row for row in rows}
    data = ""
    shown = re.findall(r"^\| (\w+, \d+)? ?\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", README, re.M)
    assert len(shown) == 8
    for name, horizon, *cells in shown:
        data = name.split(",")[0].lower() or data
        row = figures[data, int(horizon)]
        wanted = [row["RevIN MSE"], row["Identity MSE"], row["Repeat MSE"]]
        assert [float(cell.strip("*")) for cell in cells] == pytest.approx(wanted, abs=6e-4)


def test_closed_form_grid_runs_and_its_errors_are_exact(data_dir, tmp_path):
    repeat_page("accuracy_closed_form", tmp_path, data_dir=data_dir)
    rows = json.loads((tmp_path / "accuracy_closed_form.json").read_text())["rows"]
    assert [row["maps"] for row in rows] == ["shared"] * 2 + ["own"] * 2 + ["own, profile"] * 2
    assert all(row["difference"] < 1e-5 and row["windows"] == 544 for row in rows)
    path = ROOT / "docs" / "benchmarks" / "accuracy_closed_form.json"
    record = json.loads(path.read_text())
    assert record["made"]["quick"] is False
    assert max(row["difference"] for row in record["rows"]) < 1e-5


def test_readme_says_how_long_the_peers_take():
    rows = json.loads((ROOT / "docs/benchmarks/peers_training.json").read_text())["rows"]
    peers = [row for row in rows if row["contender"] in ("neuralforecast", "darts")]
    assert len(peers) == 8
    told = re.search(
        r"darts need (\S+) to (\S+) times our time for a training step .*? and (\S+) to (\S+) times our",
        README,
        re.S,
    )
    wanted = [
        edge(row[name] for row in peers) for name in ("train x", "predict x") for edge in (min, max)
    ]
    assert [float(number) for number in told.groups()] == pytest.approx(wanted, rel=0.05)


def test_sweep_speed_runs_and_its_result_holds(tmp_path):
    repeat_page("sweep_speed", tmp_path)
    assert json.loads((tmp_path / "sweep_speed.json").read_text())["rows"][0]["channels"] == 2
    committed = json.loads((ROOT / "docs/benchmarks/sweep_speed.json").read_text())
    assert committed["made"]["quick"] is False
    sizes = [(row["rows"], row["channels"]) for row in committed["rows"]]
    assert sizes == [(11_520, 7), (46_080, 7), (26_304, 321), (17_544, 862)]
    for row in committed["rows"]:
        assert row["sums s"] < row["blocks s"] / 10
        assert row["both s"] < 15


def test_speed_script_runs_and_its_result_holds(tmp_path):
    repeat_page("ridge_speed", tmp_path)
    assert json.loads((tmp_path / "ridge_speed.json").read_text())["made"]["quick"] is True
    committed = json.loads((ROOT / "docs/benchmarks/ridge_speed.json").read_text())
    assert committed["made"]["quick"] is False
    for row in committed["rows"]:
        assert row["difference"] < 1e-13
        assert row["peak GiB"] < 3
        assert row["fit s"] < 10


def test_layer_speed_script_runs_and_the_committed_targets_hold(tmp_path):
    repeat_page("layer_speed", tmp_path)
    assert json.loads((tmp_path / "layer_speed.json").read_text())["rows"]
    committed = json.loads((ROOT / "docs/benchmarks/layer_speed.json").read_text())
    assert committed["made"]["quick"] is False
    for row in committed["rows"]:
        # With two threads a small batch is mostly waiting for them; the README says so.
        if row["layer"] == "RevIN" and (row["threads"] == 1 or "7)" not in row["shape"]):
            assert row["forward"] <= 0.45, row
            assert row["backward"] <= 0.5, row
            assert row["to data"] <= 0.5, row
    measured = [row for row in committed["rows"] if row["at 1e6"] is not None]
    errors = {row["layer"]: row["at 1e6"] for row in measured}
    assert errors["RevIN"] < 1e-5 < 0.01 < errors["original"]


def test_audit_script_runs_and_ours_keep_every_promise(tmp_path):
    repeat_page("normalizer_audit", tmp_path, "--classes", "revin_forecast.Robust")
    page = (tmp_path / "normalizer_audit.md").read_text()
    assert "| promise | Copied | RevIN | Robust |" in page
    assert re.search(r"\d+\. Copied, statistics are values, not state: a forecast after an", page)
    rows = json.loads((ROOT / "docs/benchmarks/normalizer_audit.json").read_text())["rows"]
    assert len(rows) >= 25
    for row in rows:
        assert all(not cell.startswith("x") for name, cell in row.items() if name != "Copied"), row
    assert sum(row["Copied"].startswith("x") for row in rows) >= 8


def test_accuracy_of_normalizers_runs(data_dir, tmp_path):
    repeat_page("accuracy_normalizers", tmp_path, data_dir=data_dir)
    rows = json.loads((tmp_path / "accuracy_normalizers.json").read_text())["rows"]
    assert len(rows) == 15
    committed = ROOT / "docs/benchmarks/accuracy_normalizers.json"
    for row in json.loads(committed.read_text())["rows"]:
        if row["data"] == "etth1" and row["normalizer"] == "RevIN":
            assert row["Linear MSE"] < 0.38


def committed(name):
    record = json.loads((ROOT / f"docs/benchmarks/{name}.json").read_text())
    assert record["made"]["quick"] is False
    return record["rows"]


def test_accuracy_of_backbones_runs_and_the_committed_targets_hold(data_dir, tmp_path):
    repeat_page("accuracy_backbones", tmp_path, "--data", "etth1", data_dir=data_dir)
    rows = json.loads((tmp_path / "accuracy_backbones.json").read_text())["rows"]
    assert {row["backbone"] for row in rows} >= {"PatchTST", "Informer", "CycleNet"}
    found = {
        row["backbone"]: row
        for row in committed("accuracy_backbones")
        if (row["data"], row["look-back"], row["horizon"]) == ("etth1", 336, 96)
    }
    targets = {"PatchTST": 0.380, "DLinear": 0.378, "Linear": 0.378, "TSMixer": 0.395}
    targets |= {"InvertedTransformer": 0.395, "NBEATS": 0.390, "NHITS": 0.390}
    for name, target in targets.items():
        assert found[name]["RevIN MSE"] <= target, name


def test_revin_helps_every_backbone_but_where_the_page_says_otherwise():
    rows = committed("accuracy_backbones")
    assert len(rows) == 224
    worse = [row for row in rows if row["RevIN MSE"] >= row["without MSE"]]
    for row in worse:
        assert row["backbone"] in ("Ridge", "SparseTSF", "FITS"), row
        assert (row["data"], row["look-back"]) == ("etth1", 96), row
        assert row["RevIN MSE"] < 1.006 * row["without MSE"], row
    assert {row["data"] for row in rows if row["backbone"] == "Informer"} == {"etth1", "etth2"}


def test_the_papers_table_runs_and_revin_helps(data_dir, tmp_path):
    repeat_page("accuracy_paper", tmp_path, "--data", "etth1", data_dir=data_dir)
    assert len(json.loads((tmp_path / "accuracy_paper.json").read_text())["rows"]) == 4
    rows = {(row["data"], row["backbone"]): row for row in committed("accuracy_paper")}
    assert all(row["fall"] > 0 for row in rows.values())
    assert rows["etth2", "Informer"]["fall"] > 1 / 3
    assert rows["etth2", "JoinedNBEATS"]["fall"] > 1 / 3


def test_the_study_of_ties_runs(data_dir, tmp_path):
    repeat_page("accuracy_tying", tmp_path, "--data", "etth1", data_dir=data_dir)
    assert len(json.loads((tmp_path / "accuracy_tying.json").read_text())["rows"]) == 4
    for row in committed("accuracy_tying"):
        assert row["tied parameters"] < row["untied parameters"]
        assert row["seeds"] == 5


def test_training_speed_runs_and_the_committed_ratios_hold(tmp_path):
    repeat_page("training_speed", tmp_path, "--backbones", "CycleNet", "NHITS")
    assert len(json.loads((tmp_path / "training_speed.json").read_text())["rows"]) == 2
    for row in committed("training_speed"):
        assert row["time ratio"] <= 1.25, row


@pytest.mark.skipif(torch.cuda.is_available(), reason="then it measures the GPU")
def test_cuda_script_runs_but_writes_no_page_without_a_gpu(tmp_path):
    module = "benchmarks.speed.cuda_speed"
    words = ("--quick", "--device", "cpu", "--backbones", "Linear", "--out", tmp_path)
    run_program(module, words, tmp_path)
    rows = json.loads((tmp_path / "cuda_speed.json").read_text())["rows"]
    assert [row["what"] for row in rows[:2]] == ["Linear 32-true", "Linear bf16-mixed"]
    pages = ROOT / "docs" / "benchmarks"
    with pytest.raises(AssertionError, match="the page is for figures of a GPU"):
        run_program(module, ("--quick", "--out", pages), tmp_path)
    assert not (pages / "cuda_speed.json").exists()


def test_speed_scripts_of_backbones_and_threads_run(tmp_path):
    repeat_page("backbone_speed", tmp_path, "--cases", "PatchTST, width 64", "TSMixer")
    assert len(json.loads((tmp_path / "backbone_speed.json").read_text())["rows"]) == 2
    repeat_page("thread_count", tmp_path, "--most", "2")
    for row in json.loads((tmp_path / "thread_count.json").read_text())["rows"]:
        assert row["chosen"] == 1
        assert row["ms on 2"] > 0
    for row in committed("thread_count"):
        assert row["loss"] <= 0.1, row


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs/gpu").glob("*.yaml")), ids=lambda p: p.name
)
def test_config_files_for_a_gpu_are_understood(path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "--config", str(path), "--print_config"])
    assert stopped.value.code == 0
    options = yaml.safe_load(capsys.readouterr().out)
    kind, given = options["backbone"]["class_path"], options["backbone"]["init_args"]
    with torch.device("meta"):
        ModuleSpec(kind, given).build(options["lookback"], options["horizon"], 7)


def test_continuous_integration_takes_its_commands_from_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    assert "README.md" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    for install in INSTALLS:
        assert f"```bash\n{install}\n```" in README
        assert install not in script


def test_pinned_versions_satisfy_the_declared_bounds():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().lower().splitlines()
        if "==" in line
    )
    extras = [one for extra in declared["optional-dependencies"].values() for one in extra]
    for requirement in declared["dependencies"] + extras:
        if requirement.startswith("revin-forecast["):
            continue
        name = re.split(r"[\[>]", requirement)[0].lower()
        bound = requirement.split(">=")[1]
        numbers = [tuple(map(int, text.split("."))) for text in (bound, pins[name])]
        assert numbers[0] <= numbers[1], requirement
        assert "<" not in requirement
        assert version(name).split("+")[0] == pins[name]


def test_no_damaged_table_is_read_wrongly(tmp_path):
    repeat_page("table_fuzz", tmp_path)
    record = json.loads((ROOT / "docs/benchmarks/table_fuzz.json").read_text())
    assert record["made"]["quick"] is False
    assert record["made"]["files"] >= 20_000
    ends = {row["end"]: row["files"] for row in record["rows"]}
    assert ends["accepted"] > 5000
    assert ends["traceback"] == ends["differs"] == ends["bad message"] == 0


def test_coverage_holds_when_the_scale_shifts(data_dir, tmp_path):
    repeat_page("interval_coverage", tmp_path, data_dir=data_dir)
    rows = json.loads((tmp_path / "interval_coverage.json").read_text())["rows"]
    again = {row["shift"]: row for row in rows}
    assert again["doubled"]["80 %"] == pytest.approx(again["none"]["80 %"], abs=0.5)
    assert again["doubled"]["80 % raw"] < again["none"]["80 % raw"] - 10
    misses = {"80 %": {"nyc_taxi", "ecl_mean", "ecl_2ch"}, "95 %": {"nyc_taxi"}}
    for row in committed("interval_coverage"):
        for level, missed in misses.items():
            apart = abs(row[level] - float(level.split()[0]))
            if row["shift"] == "none" and row["data"] not in missed:
                assert apart < 3, row
            if row["shift"] == "doubled" and row["data"] != "nyc_taxi":
                assert apart < 5, row
                assert row[f"{level} raw"] < row[level] - 5


def test_intervals_of_short_tables_are_neither_too_narrow_nor_lopsided(tmp_path):
    repeat_page("interval_coverage_short", tmp_path)
    again = json.loads((tmp_path / "interval_coverage_short.json").read_text())["rows"]
    for row in (*again, *committed("interval_coverage_short")):
        assert 70 < row["80 %"] < 98, row
        assert row["95 %"] > 88, row
        assert row["lopsided"] < 0.15, row
        assert row["width"] < (1.3 if row["rows"] == 240 else 3.1), row


def test_many_series_are_forecast_in_bounds(tmp_path):
    repeat_page("many_series", tmp_path)
    rows = committed("many_series")
    assert {row["options"] for row in rows if row["series"] == 10_000} >= {"(none)"}
    for row in rows:
        assert row["seconds"] < 180
        assert row["peak GiB"] < 6
        assert row["MASE"] < row["naive"]


def test_the_default_against_statistical_models(data_dir, tmp_path):
    repeat_page("accuracy_product", tmp_path, data_dir=data_dir)
    rows = json.loads((tmp_path / "accuracy_product.json").read_text())["rows"]
    assert [row["data"] for row in rows[:2]] == ["national_illness", "covid_daily"]
    assert {row["peers"] for row in rows[:2]} == {"left out"}
    *tables, total, _ = committed("accuracy_product")
    assert len(tables) == 23
    for name in ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta"):
        assert total["default"] < total[name]
    assert total["default s"] < min(total["AutoETS s"], total["AutoTheta s"])
    means = " | ".join(f"{total[name]:.2f}" for name in NAMES)
    seconds = " | ".join(f"{total[f'{name} s']:,.0f}" for name in NAMES)
    assert f"| mean MASE | {means} |" in README.replace("**", "")
    assert f"| processor seconds | {seconds} |" in README
