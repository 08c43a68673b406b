import importlib.util
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from benchmarks.evidence import PAGES, write_evidence
from benchmarks.pages.figures import DOTS, DRAWN, figure_of
from benchmarks.pages.update import difference, has_browser, text_of, write
from revin_forecast.utils.environment import environment_info
from tests.support.evidence_pages import command_of

RECORDS = sorted(PAGES.glob("*.json"))
ROWS = [{"end": "accepted", "share": 0.4}, {"end": "refused", "share": 0.6}]
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
    assert difference(path) is None, "run python -m benchmarks.pages.update"
    assert path.with_suffix(".svg").stat().st_size < 64_000


def test_the_command_of_every_page_is_run_by_a_test():
    """`repeat_page` runs it as it stands on the page; the peers' one is run by `command_of`."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    for path in RECORDS:
        assert re.search(rf'(repeat_page|command_of)\("{path.stem}"', tests), path.stem
        assert importlib.util.find_spec(command_of(path.stem)[0])


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_page_has_a_figure_that_shows_its_numbers(path):
    figure = figure_of(path.stem, json.loads(path.read_text())["rows"])
    assert figure.layout.width < 1500
    assert sum(len(trace.x) for trace in figure.data) >= 4


def test_a_picture_stands_between_text_and_table(record):
    page = record.with_suffix(".md").read_text()
    picture = "![Damaged tables](table_fuzz.svg)"
    assert page.startswith(f"{TEXT}\n\n{picture}\n\n| end | share |\n")
    assert record.with_suffix(".svg").read_text().startswith("<svg>a sketch</svg>\n<!-- rows")
    assert text_of(page, "table_fuzz", ROWS) == TEXT
    assert difference(record) is None


def test_an_old_picture_never_shows_new_numbers(record, capsys):
    write_evidence(record.parent, "table_fuzz", TEXT, ROWS[:1], environment_info(), Sketch(""))
    told = "table_fuzz has no figure: There is no browser. Once that is fixed, run"
    assert capsys.readouterr().out == f"{told} python -m benchmarks.pages.update.\n"
    assert not record.with_suffix(".svg").exists()
    assert "svg" not in record.with_suffix(".md").read_text()
    assert difference(record) == "there is no picture"


def test_a_page_that_is_not_its_records_is_told(record):
    page, found = record.with_suffix(".md"), json.loads(record.read_text())
    page.write_text(page.read_text().replace("| refused | 0.6 |", "| refused | 0.5 |"))
    assert difference(record) == "the page is not what its record gives"
    found["rows"][1]["share"] = 0.5
    record.write_text(json.dumps(found))
    assert difference(record) == "the picture shows other rows"
    page.write_text("# Another\n")
    with pytest.raises(SystemExit, match=r"has no table \| end \| share \|; run its script"):
        difference(record)


def test_variants_of_the_closed_form_stand_on_the_line_of_their_set():
    row = {"data": "etth1", "maps": "shared", "taught by": "training", "published": 0.4}
    row |= {"mean MSE": 0.39}
    other = row | {"taught by": "training + validation", "mean MSE": 0.38}
    figure = figure_of("accuracy_closed_form", [row, other])
    shown = {trace.name: (trace.x, trace.y) for trace in figure.data}
    assert shown == {
        "shared, training": ((pytest.approx(0.975),), ("etth1",)),
        "shared, training + validation": ((pytest.approx(0.95),), ("etth1",)),
    }


def test_numbers_of_other_units_have_a_panel_each():
    rows = [{"program": name, "seconds": 2.0, "core s": 1.5, "peak MiB": 300} for name in "ab"]
    figure = figure_of("peers_forecast", rows)
    assert [title.text for title in figure.layout.annotations] == ["seconds", "core s", "peak MiB"]
    assert len({trace.xaxis for trace in figure.data}) == 3


def test_no_page_is_drawn_in_two_ways():
    assert not DOTS.keys() & DRAWN.keys()
    assert figure_of("nothing", ROWS) is None


def test_a_browser_draws(record):
    if os.environ.get("REVIN_FORECAST_BROWSER") != "required" and not has_browser():
        pytest.skip("kaleido finds no browser")
    copy = Path(shutil.copytree(record.parent, record.parent / "copy")) / record.name
    write(copy)
    drawn = copy.with_suffix(".svg").read_text()
    assert drawn.startswith("<svg")
    assert "accepted" in drawn
    assert difference(copy) is None
