"""Everything shown to users runs: blocks of the README, YAML files, scripts."""

import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
import types
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from packaging.requirements import Requirement

from revin_forecast import Backbone, Normalizer
from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift import read_suite
from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs
from revin_forecast.shift.runner.results import compile_results
from revin_forecast.shift.runner.run_jobs import run_jobs
from revin_forecast.shift.suite.check_suite import check_suite
from revin_forecast.utils.parallel.inline import InlineEngine
from tests.support.docs_blocks import parse_blocks, run_page
from tests.support.warm_programs import run_program

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SHIFT_PAGE = (ROOT / "docs" / "shift_benchmark.md").read_text()
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```", re.S)
LIBRARY_EXTRAS = ["tensorboard", "excel", "export", "holidays", "ray", "plot", "serve"]
INSTALLS = (
    "pip install -c constraints.txt . && revin-forecast demo",
    'pip install -c constraints.txt -e ".[dev]" && pytest -n 2 --dist loadfile',
)


def find_programs():
    """Return the paths of all programs of this repository that take options."""
    for folder in ("scripts", "benchmarks", "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            # Programs that run in the environments of other libraries have no help.
            foreign = "programs" in path.parts or path.name.startswith(("forecast_", "smooth_"))
            if 'if __name__ == "__main__"' in path.read_text() and not foreign:
                yield path


def find_blocks(language, page=README):
    """Return the file name, if any, and the text of each block of a language."""
    return [(name, text) for name, kind, text in BLOCK.findall(page) if kind == language]


@pytest.fixture
def reader_folder(tmp_path, data_dir, monkeypatch):
    """The working directory of a reader of the README."""
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    (tmp_path / "data").symlink_to(data_dir)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for name, text in (*find_blocks("python"), *find_blocks("csv")):
        if name:
            (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers", "plain_shapes")
def test_the_blocks_of_the_readme_run(reader_folder):
    names = run_page(ROOT / "README.md", reader_folder)
    assert names["forecast"].shape == (32, 24, 7)
    assert (reader_folder / "model" / "forecaster.json").is_file()
    assert (reader_folder / "report.html").is_file()
    assert (reader_folder / "results" / "report.html").is_file()


def test_every_command_is_shown_and_run():
    """The blocks of all these pages run in tests."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    blocks = [block for path in pages for block in parse_blocks(path.read_text())]
    lines = [
        line for block in blocks if block.language == "bash" for line in block.body.split("\n")
    ]
    used = {line.split()[1] for line in lines if line.startswith("revin-forecast ")}
    assert used >= {name for name in COMMANDS if " " not in name} - {"demo"}  # in the first install


def test_the_readme_is_short_and_opens_with_a_picture():
    lines = README.splitlines()
    assert len(lines) <= 130
    assert any("docs/images/" in line for line in lines[:12])
    for install in INSTALLS:
        assert install in lines


@pytest.mark.slow
@pytest.mark.usefixtures("warm_workers")
def test_the_page_of_the_shift_benchmark_runs(reader_folder, capsys):
    for language in ("python", "yaml"):
        for name, text in find_blocks(language, SHIFT_PAGE):
            assert name
            assert len(text.splitlines()) <= 15
            (reader_folder / name).write_text(text)
    lines = [line for _, text in find_blocks("bash", SHIFT_PAGE) for line in text.splitlines()]
    for line in lines:
        if line not in README:  # its commands run in the test above
            assert main(shlex.split(line)[1:]) == 0, f"{line}\n{capsys.readouterr()}"
    assert "quick: 135 runs" in capsys.readouterr().out
    for name in ("own-results", "whole"):
        page = (reader_folder / name / "report.html").read_text()
        assert all(word in page for word in ("FirstValue", "doubling", "shares"))
    tables = [
        (reader_folder / name / "cells.parquet").read_bytes() for name in ("own-results", "whole")
    ]
    assert tables[0] == tables[1]
    check_suite(read_suite("online_suite.yaml"))
    results = {}
    for name in ("own_benchmark", "own_robustness"):
        results[name] = runpy.run_path(f"{name}.py")
    headline = results["own_benchmark"]["tables"]["headline"]
    assert set(headline.normalizer) >= {"FirstValue", "RevIN", "Identity"}
    assert set(results["own_robustness"]["table"]["shift"]) >= {"level", "trend"}
    for folder in ("own-results", "my-results"):
        cells = pd.read_parquet(reader_folder / folder / "cells.parquet")
        assert set(cells.status) <= {"done", "excluded"}, folder


def find_own_classes(monkeypatch):
    """Yield the backbones and normalizers of the pages, each file as a module of its own."""
    pages = ("README.md", "docs/tutorials/custom_backbone.md", "docs/shift_benchmark.md")
    for number, path in enumerate(pages):
        for name, text in find_blocks("python", (ROOT / path).read_text()):
            # The tutorial shows which promises first_try breaks: it forecasts NaN after a gap.
            if not name or "class " not in text or name == "first_try.py":
                continue
            module = types.ModuleType(f"page_{number}_{name.removesuffix('.py')}")
            monkeypatch.setitem(sys.modules, module.__name__, module)
            exec(compile(text, name, "exec"), vars(module))
            for kind in vars(module).values():
                is_own = isinstance(kind, type) and kind.__module__ == module.__name__
                if is_own and issubclass(kind, (Backbone, Normalizer)):
                    yield kind


@pytest.mark.slow
def test_the_own_classes_of_the_pages_go_through_the_benchmark(monkeypatch, tmp_path):
    """A reader's first class is one of these: all its cells are measured."""
    kinds = list(find_own_classes(monkeypatch))
    names = {kind.__name__ for kind in kinds}
    assert names == {"FilterNet", "FirstValue", "HalfLevel", "Net", "PlannedLinear"}
    nets = {kind.__module__: kind for kind in kinds if issubclass(kind, Backbone)}
    own_normalizers = [kind for kind in kinds if issubclass(kind, Normalizer)]
    content = {
        "name": "pages",
        "datasets": [{"name": "short", "process": "ar", "rows": 600}],
        "models": [
            {"backbones": ["Repeat"], "normalizers": own_normalizers},
            *(
                {"backbones": [kind], "normalizers": ["RevIN"], "seeds": [seed]}
                for seed, kind in enumerate(nets.values())
            ),
        ],
        "shifts": ["level", "missing_nan"],
        "windows": {"lookback": 24, "horizon": 6, "stride": 6},
        "protocol": {"severities": [4], "ages": [0.5], "resamples": 40},
        "training": {"max_epochs": 1, "batch_size": 256},
    }
    suite = read_suite(content)
    check_suite(suite)
    jobs = make_jobs(suite, ExecutionSettings(str(tmp_path)))
    run_jobs(jobs, InlineEngine(), lambda event: None)
    cells = compile_results([job.run for job in jobs]).cells
    assert set(cells.status) == {"done"}
    assert set(cells.loc[cells.role == "model"].seed) == set(range(len(nets)))


@pytest.mark.usefixtures("browser")  # skips without one
def test_the_picture_of_a_report_can_be_drawn_again(tmp_path):
    run_program("docs.figures.screenshots", ("--quick", "--out", tmp_path), tmp_path)
    shots = ROOT / "docs" / "screenshots"
    tutorial = (ROOT / "docs" / "tutorials" / "forecast_a_csv.md").read_text()
    assert "../screenshots/report_light.png" in tutorial
    for name in ("report_light.png", "report_dark.png"):
        assert (shots / name).stat().st_size < 200_000
    sizes = [(folder / "report_light.png").read_bytes()[16:24] for folder in (tmp_path, shots)]
    assert sizes[0] == sizes[1]  # a PNG's width and height


@pytest.mark.slow
def test_the_demo_prints_the_table_of_the_evidence(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    overview = (ROOT / "docs" / "benchmarks" / "index.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| ([*.\d]+) \| ([*.\d]+) \|$", overview, re.M)
    for label, mse, mae in rows:
        line = next(line for line in shown.splitlines() if line.startswith(label.replace("*", "")))
        assert line.split()[-2:] == [mse.strip("*"), mae.strip("*")]
    assert len(rows) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    # tests/shift/test_suite_yaml.py reads the files of shift suites.
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


@pytest.mark.parametrize("path", [*find_programs()], ids=lambda path: str(path.relative_to(ROOT)))
def test_programs_print_their_help(path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as raised:
        runpy.run_path(str(path), run_name="__main__")
    assert raised.value.code in (None, 0)
    assert "usage" in capsys.readouterr().out


@pytest.mark.slow
def test_train_script_runs(data_dir, tmp_path):
    words = ["ili", "--lookback", "36"]
    words += ["--horizon", "24", "--backbone", "Linear", "--training.max_epochs", "1"]
    words += ["--data-dir", data_dir, "--out", tmp_path / "run"]
    ended = run_program(ROOT / "scripts" / "train.py", words, tmp_path)
    assert "Linear with RevIN" in ended.out
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()
    assert ended.err == ""


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs/gpu").glob("*.yaml")), ids=lambda p: p.name
)
def test_config_files_for_a_gpu_are_valid(path, capsys):
    with pytest.raises(SystemExit) as raised:
        main(["evaluate", "--config", str(path), "--print_config"])
    assert raised.value.code == 0
    options = yaml.safe_load(capsys.readouterr().out)
    class_path, parameters = options["backbone"]["class_path"], options["backbone"]["init_args"]
    with torch.device("meta"):
        ModuleSpec(class_path, parameters).build(options["lookback"], options["horizon"], 7)


def test_continuous_integration_takes_its_commands_from_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    assert "README.md" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    for install in INSTALLS:
        assert f"```bash\n{install}\n```" in README
        assert install not in script


def declared_requirements(extras):
    """Return the requirements of the package and of some of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = [item for name in extras for item in project["optional-dependencies"][name]]
    parsed = [Requirement(item) for item in project["dependencies"] + listed]
    return [requirement for requirement in parsed if requirement.name != "revin-forecast"]


def read_pins(text):
    """Return the version of each package in lines of name==version."""
    return dict(line.split("==") for line in text.lower().splitlines() if "==" in line)


def test_pinned_versions_satisfy_the_declared_bounds():
    pins = read_pins((ROOT / "constraints.txt").read_text())
    for requirement in declared_requirements([*LIBRARY_EXTRAS, "docs", "dev"]):
        assert [part.operator for part in requirement.specifier] == [">="], requirement
        assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement


def test_installed_versions_are_the_pinned_ones():
    pins = read_pins((ROOT / "constraints.txt").read_text())
    for requirement in declared_requirements([*LIBRARY_EXTRAS, "docs", "dev"]):
        assert version(requirement.name).split("+")[0] == pins[requirement.name.lower()]


def test_lower_bounds_are_checked_with_the_declared_versions():
    script = ROOT / "scripts" / "check_lower_bounds"
    assert os.access(script, os.X_OK)
    words = [sys.executable, script, "--print"]
    printed = read_pins(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    declared = {
        requirement.name.lower(): next(iter(requirement.specifier)).version
        for requirement in declared_requirements(LIBRARY_EXTRAS)
    }
    assert printed.items() >= declared.items()
    # Everything else is a tool, with the version of the other runs.
    pins = read_pins((ROOT / "constraints.txt").read_text())
    tools = {name: pin for name, pin in printed.items() if name not in declared}
    assert "pytest" in tools
    assert pins.items() >= tools.items()
