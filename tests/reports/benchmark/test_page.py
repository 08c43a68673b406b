"""The page of a benchmark: self-contained, escaped and usable on every screen and on paper."""

import base64
import gzip
import html
import re
from pathlib import Path

import pytest
from markupsafe import escape

from revin_forecast.reports.benchmark import write_benchmark_report
from revin_forecast.reports.benchmark.input_tables import TABLE_COLUMNS, fill_tables
from revin_forecast.reports.benchmark.page import plot_all, render_benchmark_report
from revin_forecast.reports.benchmark.summary import summary_markdown
from tests.support.accessibility import assert_accessible
from tests.support.benchmark_tables import (
    HOSTILE,
    PLOT_KEYS,
    UNMEASURED,
    make_report_facts,
    make_report_tables,
)
from tests.support.browser import until


def test_empty_tables_make_a_page():
    tables = fill_tables({})
    assert list(tables) == list(TABLE_COLUMNS)
    page = html.unescape(render_benchmark_report(tables, {}))
    for plot in plot_all(tables):
        assert not plot.figures
        assert plot.missing_reason.endswith(".")
        assert plot.missing_reason in page
    assert "None were run" in summary_markdown(tables, {})


@pytest.mark.slow
@pytest.mark.parametrize("normalizer", ["RevIN", "Identity", "LastValue"])
def test_single_normalizer_makes_a_page(small_tables, normalizer):
    tables = {
        name: table[table.normalizer.isin([normalizer, "reference"])]
        if "normalizer" in table
        else table
        for name, table in small_tables.items()
        if not {"normalizer_a", "normalizer_b"} & set(table.columns)
    }
    assert "Shift benchmark" in render_benchmark_report(fill_tables(tables), make_report_facts())


@pytest.fixture(scope="module")
def report_folder(tmp_path_factory):
    """Return the folder of a report."""
    folder = tmp_path_factory.mktemp("report")
    write_benchmark_report(make_report_tables(), make_report_facts(), folder / "deep")
    return folder / "deep"


@pytest.mark.slow
def test_page_is_self_contained_and_escaped(report_folder):
    assert sorted(path.name for path in report_folder.iterdir()) == ["report.html", "summary.md"]
    text = (report_folder / "report.html").read_text(encoding="utf-8")
    assert len(text) < 2e6
    plotly = re.search(r'id="plotly">([^<]+)<', text)
    assert plotly
    assert (
        gzip.decompress(base64.b64decode(plotly[1]))
        .decode()
        .count("plotly.js (cartesian - minified) v")
        == 1
    )
    assert HOSTILE not in text
    assert "<i>c0</i>" not in text
    assert "<b>no</b>" not in text
    assert escape(HOSTILE) in text
    tags = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', tags)
    anchors = re.findall(r' id="([^"]+)"', tags)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', tags)) <= set(anchors)


def test_results_link_to_their_section_and_the_findings():
    facts = {**make_report_facts(), "findings": "../findings.html"}
    page = render_benchmark_report(fill_tables({}), facts)
    findings = re.search(r'<ol class="findings">(.*?)</ol>', page, re.S)
    assert findings
    links = re.findall(r'href="([^"]+)"', findings[1])
    assert links[1::2] == ["../findings.html"] * 3
    assert links[::2] == ["#leaderboard", "#gain", "#twins"]


@pytest.mark.slow
def test_reports_are_deterministic(report_folder, tmp_path):
    write_benchmark_report(make_report_tables(), make_report_facts(), tmp_path)
    for name in ("report.html", "summary.md"):
        assert (tmp_path / name).read_bytes() == (report_folder / name).read_bytes()


@pytest.fixture
def open_page(browser, report_folder):
    """Return a function that opens the page; requests, messages and errors fail the test."""
    unwanted, contexts = [], []

    def open_at(width, path=None, anchor="", scheme="light"):
        context = browser.new_context(service_workers="block", color_scheme=scheme)
        contexts.append(context)
        tab = context.new_page()
        tab.set_viewport_size({"width": width, "height": 800})
        tab.on("console", lambda message: unwanted.append(message.text))
        tab.on("pageerror", lambda error: unwanted.append(str(error)))
        tab.on("dialog", lambda dialog: (unwanted.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda call: call.url.startswith("file:") or unwanted.append(call.url))
        tab.goto((path or report_folder / "report.html").as_uri() + anchor)
        wait_for_figures(tab)
        return tab

    yield open_at
    for context in contexts:
        context.close()
    assert unwanted == []


def wait_for_figures(tab):
    """Wait until every visible figure is drawn."""
    tab.wait_for_selector("body[data-drawn=all]", timeout=120_000)


OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
HEIGHT = "document.documentElement.scrollHeight"
CUT_TABLES = """[...document.querySelectorAll('.scroll:has(table)')]
    .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.closest('section').id)"""
DRAWN = "[...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('.main-svg').length)"
OPEN_ALL = "document.querySelectorAll('details').forEach(box => box.open = true)"
IS_DRAWN = "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"


@pytest.mark.parametrize("width", [390, 1440])
def test_every_plot_is_drawn_with_escaped_names(open_page, width):
    tab = open_page(width)
    assert tab.evaluate(OVERFLOW) <= 0
    assert sum(map(bool, tab.evaluate(DRAWN))) == 1  # the others are in closed details
    assert width == 390 or tab.evaluate(HEIGHT) < 5000
    tab.evaluate(OPEN_ALL)
    until(tab, IS_DRAWN)
    assert width == 390 or tab.evaluate(CUT_TABLES) == []
    assert tab.evaluate(OVERFLOW) <= 0
    layers = tab.evaluate(DRAWN)
    assert len(layers) == len(PLOT_KEYS) - len(UNMEASURED)
    assert all(layers)
    header = tab.get_by_role("rowheader", name=HOSTILE, exact=True).first
    assert header.inner_text() == HOSTILE
    assert HOSTILE in tab.locator("#p9 .annotation-text").all_text_contents()
    assert "worst 1: <b>OT</b>" in tab.locator("#p7 .annotation-text").all_text_contents()
    columns = tab.evaluate(
        "new Set(document.querySelector('#p1a .plot')._fullLayout"
        "._subplots.xaxis.map((a, i, all) => document.querySelector('#p1a .plot')"
        "._fullLayout['xaxis' + (i ? i + 1 : '')].domain[0])).size"
    )
    assert columns == (2 if width == 390 else 4)


def test_choices_and_legend_select_the_lines(open_page):
    tab = open_page(1000, anchor="#p1a")
    box = "document.querySelector('#p1a .plot')"
    until(tab, f"{box}.data")
    first = tab.evaluate(f"{box}.data[1].y")
    tab.locator("#p1a select").select_option(index=1)
    assert tab.evaluate(f"{box}.data[1].y") != first
    visible = f"{box}.data.filter(t => t.visible && t.meta[0] === 'RevIN').length"
    assert tab.evaluate(visible) > 0
    tab.locator("#p1a .legend button", has_text="RevIN").click()
    assert tab.evaluate(visible) == 0
    assert tab.evaluate(f"{box}.data.filter(t => t.visible).length") > 0


def test_every_printed_figure_fits_on_paper(open_page):
    tab = open_page(1440, scheme="dark")
    tab.wait_for_selector("body[data-ready=print]", timeout=120_000)
    tab.emulate_media(media="print", color_scheme="dark")
    until(tab, "document.querySelector('#p3 .plot')?._fullLayout?.width <= 700")
    sizes = tab.evaluate(
        """[...document.querySelectorAll('.plot')].filter(box => box._fullLayout)
        .map(({_fullLayout: {width, height, paper_bgcolor}, style}) =>
        [width * (style.zoom || 1), height * (style.zoom || 1), paper_bgcolor])"""
    )
    assert len(sizes) == 3  # the key figure, the pairs and the kinds of shift
    assert all(width <= 701 and height <= 1000 for width, height, _ in sizes)
    assert {colour for _, _, colour in sizes} == {"#ffffff"}
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not tab.locator("nav").is_visible()
    assert tab.locator("#table-2").is_visible()
    assert len(tab.pdf(prefer_css_page_size=True)) > 50_000
    tab.emulate_media(media="screen")
    until(tab, "document.querySelector('#gain .plot')._fullLayout.width > 700")
    assert not tab.locator("#table-2").is_visible()


STANDARD = Path(__file__).parents[3] / "docs" / "benchmarks" / "shift_standard" / "report.html"


def test_the_recorded_page_is_short_wide_enough_and_dark(open_page):
    assert STANDARD.stat().st_size < 2e6
    tab = open_page(1440, STANDARD, scheme="dark")
    assert tab.evaluate(OVERFLOW) <= 0
    assert tab.evaluate(HEIGHT) < 5000
    page, figure = tab.evaluate(
        "[getComputedStyle(document.body).backgroundColor, "
        "document.querySelector('#gain .bg, #gain .main-svg').style.background]"
    )
    assert page == figure == "rgb(21, 25, 30)"
    tab.locator("#open-all").click()
    assert tab.evaluate(CUT_TABLES) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(open_page, scheme):
    tab = open_page(1440, scheme=scheme)
    opened = "document.querySelectorAll('#twins, #theory, #failures, #gaps, #provenance')"
    tab.evaluate(f"{opened}.forEach(box => box.open = true)")
    until(tab, "document.body.dataset.drawn === 'all' && document.querySelector('#p8 .main-svg')")
    assert_accessible(tab)


def test_a_link_opens_the_details_around_its_target(open_page):
    tab = open_page(390, STANDARD, anchor="#table-8")
    assert tab.evaluate(OVERFLOW) <= 0
    assert tab.locator("#table-8").is_visible()
    assert not tab.locator("#table-3").is_visible()
    tab.evaluate("location.hash = '#p3'")
    until(tab, "document.querySelector('#p3 .plot')?._fullLayout")
    assert tab.locator("#p3 figcaption").is_visible()
    until(tab, "Math.abs(document.getElementById('p3').getBoundingClientRect().top) < 100")
    tab.locator("nav a", has_text="Glossary").focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == "#glossary"
    assert tab.evaluate("document.querySelector('nav').getBoundingClientRect().height") < 45
