"""Templates: no name, title or file name changes the structure of a page."""

import base64
import gzip
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.cli.main import main
from revin_forecast.forecasting.model_card import format_model_card
from revin_forecast.reports.benchmark.input_tables import fill_tables
from revin_forecast.reports.benchmark.page import render_benchmark_report
from revin_forecast.reports.benchmark.summary import summary_markdown
from revin_forecast.reports.templates import render_template
from tests.support.benchmark_tables import make_report_facts, make_report_tables
from tests.support.forecast_pages import make_table

HOSTILE = (
    '</script><script>alert("1")</script>\'&lt;{{ 7 * 7 }}{% raw %}{# |`*\n# b --> <img src=x>'
)
HARMLESS = "name"
HOSTILE_TEXTS = st.text() | st.text("<>&\"'{}%#|`*_[]\\\n\r\x00-!/ab")
MANIFEST = Path(__file__).parents[1] / "fixtures" / "models" / "schema-4" / "known"


class PageParser(HTMLParser):
    """The tags, texts and JSON blocks of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.blocks, self._inside = Counter(), [], [], ("", {})
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._inside = tag, dict(attrs)
        self.tags[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self.texts += [value for name, value in attrs if name in ("title", "aria-label")]

    def handle_endtag(self, tag):
        self._inside = "", {}

    def handle_data(self, data):
        if self._inside[1].get("type") == "application/json":
            assert "<" not in data
            self.blocks.append(json.loads(data))
        elif self._inside[1].get("id") == "plotly":
            pass
        elif self._inside[1].get("type") == "application/gzip":
            self.blocks.append(json.loads(gzip.decompress(base64.b64decode(data))))
        elif self._inside[0] not in ("script", "style"):
            self.texts.append(data)


def write_forecast_page(folder, name):
    """Return the page of a forecast with a name of a series, which is also that of the file."""
    file, report = folder / f"{name.replace('/', '')}.csv", folder / "r.html"
    make_table((name, "b")).to_csv(file, index=False)
    arguments = ["forecast", str(file), "--horizon", "3", "--backbone", "Ridge", "--quiet"]
    assert main([*arguments, "--out", str(folder / "f.csv"), "--report", str(report)]) == 0
    return report.read_text()


def make_benchmark(name):
    """Return tables and facts of a benchmark in which all names and messages contain a text."""
    names = {"DishTS": f"Dish{name}", "MLP": f"M{name}", "exchange": f"e{name}"}
    tables = {
        key: frame.replace(names).replace(
            r"^(?:c\d|T\d|removable|RuntimeError).*", name, regex=True
        )
        for key, frame in make_report_tables().items()
    }
    facts = make_report_facts()
    facts |= {
        key: f"{facts[key]}{name}" for key in ("name", "date", "machine", "git_rev", "config")
    }
    facts |= {"versions": {name: name}, "stages": {name: 1.0, "evaluation": 2.0}}
    return fill_tables(tables), facts


def assert_same_structure(hostile, harmless):
    """Check that two pages differ in texts only, and that the first shows the hostile one."""
    pages = PageParser(hostile), PageParser(harmless)
    assert pages[0].tags == pages[1].tags
    assert len(pages[0].blocks) == len(pages[1].blocks) > 2
    assert sum(HOSTILE in text for text in pages[0].texts) > 5


def test_names_do_not_change_the_structure_of_a_forecast(tmp_path):
    assert_same_structure(*(write_forecast_page(tmp_path, name) for name in (HOSTILE, HARMLESS)))


@pytest.mark.slow
def test_names_do_not_change_the_structure_of_a_benchmark():
    pages = [render_benchmark_report(*make_benchmark(name)) for name in (HOSTILE, HARMLESS)]
    assert_same_structure(*pages)
    summaries = [summary_markdown(*make_benchmark(name)) for name in (HOSTILE, HARMLESS)]
    assert_same_markdown(*summaries)


def assert_same_markdown(hostile, harmless):
    """Check that two texts have the same lines with the same columns, and no tags."""
    columns = [
        [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in text.split("\n")]
        for text in (hostile, harmless)
    ]
    assert columns[0] == columns[1]
    assert not re.search(r"<(?!!-- Written)", hostile)
    assert len(hostile.splitlines()) == len(harmless.splitlines())


@given(HOSTILE_TEXTS)
def test_names_do_not_change_the_structure_of_a_model_card(name):
    manifest = json.loads((MANIFEST / "forecaster.json").read_text())
    cards = [
        format_model_card(
            manifest
            | {"names": [text, *manifest["names"]], "time_zone": text or "UTC", "frequency": text}
            | {"summary": manifest["summary"] | {"source": {"file": text}}}
        )
        for text in (name, HARMLESS)
    ]
    assert_same_markdown(*cards)


@given(HOSTILE_TEXTS)
def test_blocks_of_json_return_any_text(text):
    block = render_template("benchmark/figure.html.jinja", **make_figure(text))
    parser = PageParser(block)
    assert parser.blocks == [[{"layout": {"height": 100}, "name": text}]]
    assert (
        parser.tags
        == PageParser(render_template("benchmark/figure.html.jinja", **make_figure(HARMLESS))).tags
    )


def make_figure(text):
    """Return the values of a figure's template with a text as its names."""
    entry = {"name": text, "colour": "#000", "dark_colour": "#fff", "has_line": True}
    entry |= {"dash": "", "path": ""}
    plot = {"key": "P1", "title": text, "caption": text, "choice_label": text}
    return {
        "plot": plot | {"figures": {text: 0, f"{text} ": 1}},
        "figures": [{"layout": {"height": 100}, "name": text}],
        "legend": [entry],
    }
