"""The recipes for other libraries: the page shows the programs that were run, and their outcomes.

The libraries are installed in environments of their own. Where an environment exists, the recipe is
run in it. Everywhere else, the record must belong to the recipes as they are now.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from benchmarks.peers import environments, measure_recipes
from benchmarks.peers.run import HOME
from revin_forecast import Linear, Reversible, RevIN
from tests.support.docs_blocks import parse_blocks
from tests.support.evidence_pages import ROOT

PAGE = ROOT / "docs" / "guides" / "recipes.md"
RECORD = json.loads(measure_recipes.RECORD.read_text())
PROGRAMS = measure_recipes.PROGRAMS
HEAD = ("from ", "import ", '"""')
"""Beginnings of lines that are not counted as lines of a recipe."""
FAKE = """
import json, os, sys
print("hello")
print(json.dumps({"versions": {"fake": "1.2"}, "rows": [{"words": sys.argv[1:],
    "path": os.listdir(os.environ["PYTHONPATH"])}]}))
"""


@pytest.fixture
def rows_module(monkeypatch):
    """The module that the programs share, where their folder is on the path."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    monkeypatch.setattr(sys, "argv", ["measure"])
    yield __import__("recipe_rows")
    sys.modules.pop("recipe_rows")


def test_the_page_shows_the_programs():
    shown = {block.file: block.body for block in parse_blocks(PAGE.read_text()) if block.file}
    names = ("network", *(f"recipe_{library}" for library in measure_recipes.LIBRARIES))
    assert shown == {f"{name}.py": (PROGRAMS / f"{name}.py").read_text() for name in names}
    for name, body in shown.items():
        lines = [line for line in body.splitlines() if line and not line.startswith(HEAD)]
        assert len(lines) <= 25, name


@pytest.mark.parametrize("library", measure_recipes.LIBRARIES)
def test_the_record_is_of_these_recipes(library):
    assert RECORD["recipes"][library] == measure_recipes.fingerprint_recipe(library), (
        "run python -m benchmarks.peers.measure_recipes"
    )
    pins = environments.locate_pins(library).read_text().split()
    assert f"{library}=={RECORD['versions'][library]}" in pins
    ours, *others = (row for row in RECORD["rows"] if row["library"] == library)
    assert ours["breaks"] == "-"
    assert others
    for other in others:
        assert "float32 is right at level 1e6" in other["breaks"]
        assert ours["MSE"] == pytest.approx(other["MSE"], rel=0.1)


def test_the_page_shows_the_record():
    page = PAGE.read_text()
    assert measure_recipes.format_table(RECORD["rows"]) in page
    assert RECORD["date"] in page
    for library in measure_recipes.LIBRARIES:
        assert f"{library} {RECORD['versions'][library]}" in page
    assert "python -m benchmarks.peers.measure_recipes" in page


@pytest.mark.slow
@pytest.mark.parametrize("library", measure_recipes.LIBRARIES)
def test_a_recipe_keeps_every_promise_where_its_library_is_installed(library):
    python = environments.find_environment(library, HOME)
    if python is None:
        pytest.skip(f"no environment of {library}; benchmarks.peers.measure_recipes makes it")
    ours, *_ = measure_recipes.run_recipe(library, python, ["--quick"])["rows"]
    assert ours["breaks"] == "-"


def test_a_program_runs_in_its_environment(tmp_path, monkeypatch, capsys):
    (tmp_path / "measure_recipe_darts.py").write_text(FAKE)
    (tmp_path / "recipe_darts.py").write_text("")
    monkeypatch.setattr(measure_recipes, "PROGRAMS", tmp_path)
    result = measure_recipes.run_recipe("darts", Path(sys.executable), ["--quick"])
    assert result == {
        "versions": {"fake": "1.2"},
        "rows": [{"words": ["--quick"], "path": ["revin_forecast"]}],
    }
    (tmp_path / "measure_recipe_darts.py").write_text("import sys; sys.exit('no such thing')")
    with pytest.raises(SystemExit, match=r"recipe_darts.py ended with 1:\nno such thing"):
        measure_recipes.run_recipe("darts", Path(sys.executable))


@pytest.mark.parametrize("words", [[], ["--quick"]])
def test_a_quick_run_only_prints(words, tmp_path, monkeypatch, capsys):
    row = {"library": "darts", "model": "Net", "MSE": 0.25, "breaks": "-"}
    result = {"versions": {"darts": "1"}, "rows": [row]}
    monkeypatch.setattr(measure_recipes, "ensure_environment", lambda library, home: library)
    monkeypatch.setattr(measure_recipes, "run_recipe", lambda library, python, words: result)
    out = tmp_path / "record.json"
    measure_recipes.main(["--libraries", "darts", "--out", str(out), *words])
    assert capsys.readouterr().out.endswith("| darts | `Net` | 0.25000 | - |\n")
    assert out.exists() == (not words)
    if out.exists():
        record = json.loads(out.read_text())
        assert record["rows"] == [row]
        assert record["recipes"] == {"darts": measure_recipes.fingerprint_recipe("darts")}


def test_a_row_has_the_error_and_the_broken_promises(rows_module):
    values = rows_module.load_stocks().to_numpy()
    cutoffs = rows_module.list_cutoffs(len(values))
    last = np.stack([values[cutoff - 1 : cutoff].repeat(20, 0) for cutoff in cutoffs])
    model = Reversible(Linear(60, 20, 3), RevIN(3))
    windows = rows_module.get_checked_windows(3)
    row = rows_module.build_row("a model", last, model, windows)
    assert row["breaks"] == "-"
    assert 0.001 < row["MSE"] < 0.01
    row = rows_module.build_row("a model", last + 1, nn.Sequential(model, nn.Dropout(0.5)), windows)
    assert 0.9 < row["MSE"] < 1.1
    assert rows_module.build_row("a model", last, Stateful(model), windows)["breaks"].startswith(
        "calls do not affect each other"
    )


class Stateful(nn.Module):
    """A net that remembers the level of its last call."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, past):
        self.level = past.mean(1, keepdim=True)
        return self.net(past - self.level) + self.level
