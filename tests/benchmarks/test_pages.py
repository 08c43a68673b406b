import importlib.util
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.evidence import PAGES, write_evidence
from benchmarks.pages.browser import has_browser
from benchmarks.pages.figures import CUSTOM_FIGURES, DOT_PLOTS, draw_figure
from benchmarks.pages.update import extract_text, find_difference, update_page
from revin_forecast.utils.environment import environment_info
from tests.support.evidence_pages import find_command

RECORDS = sorted(PAGES.glob("*.json"))
ROWS = [{"kind": "damaged", "share": 0.4}, {"kind": "empty tail", "share": 0.6}]
TEXT = "# Damaged tables\n\nWhat was done."


class Sketch:
    def __init__(self, content="<svg>a sketch</svg>"):
        self.content = content

    def to_image(self, format):
        assert format == "svg"
        if not self.content:
            raise RuntimeError("\n\nThere is no browser.\nInstall one.")
        return self.content.encode()


@pytest.fixture
def record(tmp_path):
    write_evidence(tmp_path, "table_fuzz", TEXT, ROWS, environment_info(), Sketch())
    return tmp_path / "table_fuzz.json"


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_committed_pages_are_what_their_records_give(path):
    assert find_difference(path) is None, "run python -m benchmarks.pages.update"
    assert path.with_suffix(".svg").stat().st_size < 64_000


def test_the_command_of_every_page_is_run_by_a_test():
    """`repeat_page` runs it as shown; a test of the peers reads theirs by `find_command`."""
    tests = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    for path in RECORDS:
        assert re.search(rf'(repeat_page|find_command)\("{path.stem}"', tests), path.stem
        assert importlib.util.find_spec(find_command(path.stem)[0])


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_page_has_a_figure_that_shows_its_numbers(path):
    figure = draw_figure(path.stem, json.loads(path.read_text())["rows"])
    assert figure.layout.width < 1500
    assert sum(len(trace.x) for trace in figure.data) >= 4


def test_a_picture_stands_between_text_and_table(record):
    page = record.with_suffix(".md").read_text()
    picture = "![Damaged tables](table_fuzz.svg)"
    assert page.startswith(f"{TEXT}\n\n{picture}\n\n| kind | share |\n")
    assert record.with_suffix(".svg").read_text().startswith("<svg>a sketch</svg>\n<!-- rows")
    assert extract_text(page, "table_fuzz", ROWS) == TEXT
    assert find_difference(record) is None


def test_an_old_picture_never_shows_new_numbers(record, capsys):
    write_evidence(record.parent, "table_fuzz", TEXT, ROWS[:1], environment_info(), Sketch(""))
    told = "table_fuzz has no figure: There is no browser. Once that is fixed, run"
    assert capsys.readouterr().out == f"{told} python -m benchmarks.pages.update.\n"
    assert not record.with_suffix(".svg").exists()
    assert "svg" not in record.with_suffix(".md").read_text()
    assert find_difference(record) == "there is no figure"


def test_a_page_that_is_not_its_records_is_told(record):
    page, found = record.with_suffix(".md"), json.loads(record.read_text())
    page.write_text(page.read_text().replace("| empty tail | 0.6 |", "| empty tail | 0.5 |"))
    assert find_difference(record) == "the page does not match its record"
    found["rows"][1]["share"] = 0.5
    record.write_text(json.dumps(found))
    assert find_difference(record) == "the figure shows other rows"
    page.write_text("# Another\n")
    with pytest.raises(SystemExit, match=r"has no table \| kind \| share \|; run its program"):
        find_difference(record)


def test_variants_of_the_closed_form_stand_on_the_line_of_their_set():
    row = {"data": "etth1", "maps": "shared", "taught by": "training", "published": 0.4}
    row |= {"mean MSE": 0.39}
    other = row | {"taught by": "training + validation", "mean MSE": 0.38}
    figure = draw_figure("accuracy_closed_form", [row, other])
    shown = {trace.name: (trace.x, trace.y) for trace in figure.data}
    assert shown == {
        "shared, training": ((pytest.approx(0.975),), ("etth1",)),
        "shared, training + validation": ((pytest.approx(0.95),), ("etth1",)),
    }


def test_numbers_of_other_units_have_a_panel_each():
    rows = [{"program": name, "seconds": 2.0, "core s": 1.5, "peak MiB": 300} for name in "ab"]
    figure = draw_figure("peers_forecast", rows)
    assert [title.text for title in figure.layout.annotations] == ["seconds", "core s", "peak MiB"]
    assert len({trace.xaxis for trace in figure.data}) == 3


def test_no_page_is_drawn_in_two_ways():
    assert not DOT_PLOTS.keys() & CUSTOM_FIGURES.keys()
    assert draw_figure("nothing", ROWS) is None


def test_a_browser_draws(record):
    if os.environ.get("REVIN_FORECAST_BROWSER") != "required" and not has_browser():
        pytest.skip("kaleido finds no browser")
    copy = Path(shutil.copytree(record.parent, record.parent / "copy")) / record.name
    update_page(copy)
    drawn = copy.with_suffix(".svg").read_text()
    assert drawn.startswith("<svg")
    assert "damaged" in drawn
    assert find_difference(copy) is None
