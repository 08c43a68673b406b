"""The notebooks run, and their stored outputs are those that their cells give now."""

import ast
import contextlib
import io
import json
import re
from pathlib import Path

import pandas as pd
import plotly.io
import pytest

from tests.support.forecast_pages import extract_text

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs" / "notebooks").glob("*.ipynb"))
MAX_BYTES = 300_000
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
RELATIVE_TOLERANCE = 0.02
"""Tolerance of printed numbers, in addition to one unit of their last digit."""


@pytest.fixture
def settings_of_a_session(tmp_path, monkeypatch):
    """A working directory of its own; the settings of plotly and pandas are restored."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plotly.io.renderers, "_default_renderers", [])
    as_in_a_notebook = ("display.width", 80, "display.max_columns", 20)
    with pd.option_context("plotting.backend", "matplotlib", *as_in_a_notebook):
        yield


def read_code_cells(path):
    cells = json.loads(path.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run_cell(source, names, position):
    """Run a cell; return its printed text and the value of its last expression."""
    tree, value = ast.parse(source), None
    last = tree.body[-1]
    shows_value = isinstance(last, ast.Expr) and not source.rstrip().endswith(";")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        body = ast.Module(tree.body[:-1] if shows_value else tree.body, [])
        exec(compile(body, position, "exec"), names)
        if shows_value:
            value = eval(compile(ast.Expression(last.value), position, "eval"), names)
    return printed.getvalue(), value


def read_outputs(cell):
    """Return the printed text of a cell, and its last value by the type of its form."""
    printed, value = "", {}
    for output in cell["outputs"]:
        assert output["output_type"] in ("stream", "display_data", "execute_result"), output
        if output["output_type"] == "stream":
            assert output["name"] == "stdout", output["text"]  # no warning is stored
            printed += "".join(output["text"])
        else:
            value = {kind: "".join(text) for kind, text in output["data"].items()}
    return printed, value


def assert_same_text(stored, now, position):
    """Compare two texts, whose numbers may differ a little."""
    parts, numbers = NUMBER.split(stored), NUMBER.findall(stored)
    assert [part.split() for part in NUMBER.split(now)] == [part.split() for part in parts], (
        f"{position} stores\n{stored}\nbut gives\n{now}"
    )
    for old, new in zip(numbers, NUMBER.findall(now), strict=True):
        decimals = len(old.partition(".")[2])
        expected = float(old.replace(",", ""))
        tolerance = pytest.approx(expected, rel=RELATIVE_TOLERANCE, abs=1.01 * 10**-decimals)
        assert float(new.replace(",", "")) == tolerance, f"{position} stores\n{stored}\nnot\n{now}"


@pytest.mark.slow
@pytest.mark.usefixtures("settings_of_a_session")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs_are_those_of_today(path):
    names = {"__name__": "__main__"}
    for number, cell in enumerate(read_code_cells(path), start=1):
        position = f"{path.name}, code cell {number}"
        printed, value = run_cell("".join(cell["source"]), names, position)
        stored_text, stored = read_outputs(cell)
        assert_same_text(stored_text, printed, position)
        if value is None:
            assert not stored, position
        elif hasattr(value, "to_plotly_json"):
            assert stored.keys() == {"image/svg+xml"}, position
        else:
            assert_same_text(stored["text/plain"], repr(value), position)
        if hasattr(value, "predict"):
            pages = stored["text/html"], value._repr_html_()
            assert_same_text(*map(extract_text, pages), position)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_executed_small_and_clean(path):
    text = path.read_text()
    assert len(text.encode()) <= MAX_BYTES
    counts = [cell["execution_count"] for cell in read_code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    # No path of a machine, no library of charts.
    assert not re.findall(r"/(?:tmp|home|root|work|Users)/|site-packages|<script", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_site_shows_a_notebook_with_its_outputs(path):
    pytest.importorskip("myst_parser")
    from docs.hooks.notebooks import to_markdown

    page = to_markdown(path.read_text())
    assert page.startswith("# ")
    assert page.count("```python") >= len(read_code_cells(path))
    assert 'src="data:image/svg+xml;base64,' in page
    assert '<div class="notebook-output">' in page


def test_there_are_three_notebooks():
    assert [path.stem for path in NOTEBOOKS] == [
        "forecast_a_table",
        "revin_in_a_network",
        "shift_study",
    ]
