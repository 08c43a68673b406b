"""The documentation builds without a warning, its links have targets, and its blocks run."""

import importlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import revin_forecast
from docs.figures import draw
from revin_forecast.cli.commands import COMMANDS
from tests.support.accessibility import assert_accessible
from tests.support.browser import until
from tests.support.docs_blocks import parse_blocks, run_page
from tests.support.evidence_pages import committed_rows

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OTHER_PAGES = {"shift_benchmark.md", "serve.md"}
"""Pages whose blocks other tests run: test_documents.py, and tests/cli/test_serve.py."""
PAGES = sorted(
    path
    for folder in (".", "tutorials", "guides", "theory")
    for path in (DOCS / folder).glob("*.md")
    if path.name not in OTHER_PAGES
)
SECTIONS = ("tutorials", "guides", "reference", "theory", "developers")
"""Sections whose start pages describe each page in a list."""
DOCUMENTED = (
    *("backbones", "checks", "closed_form", "evaluation", "forecasting", "metrics", "normalizers"),
    *("normalizers.compat", "shift", "shift.aggregates"),
)
"""Packages whose public names must all be in the reference, as those of `revin_forecast`."""


class Page(HTMLParser):
    """The links of a page, the files that it loads and its anchors."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        rel = values.get("rel") or ""
        loads = tag in ("script", "img", "source", "iframe") or "stylesheet" in rel or "icon" in rel
        address = values.get("src") or (values.get("href") if tag == "link" else None)
        if loads and address:
            self.loaded.append(address)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site, built once, without a warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    folders = ["-d", str(folder / "doctrees"), str(DOCS), str(folder / "html")]
    done = subprocess.run([*command, *folders], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="session")
def built(site):
    """Every page of the site that is made from Markdown: path -> page."""
    return {
        path: Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
        if path.name != "report.html" and not path.match("gallery/[!i]*")  # finished pages
    }


@pytest.mark.slow
def test_every_page_is_built_and_in_the_navigation(site, built):
    sources = [*DOCS.rglob("*.md"), *DOCS.glob("notebooks/*.ipynb")]
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in sources}
    assert len(pages) > 90
    for page in pages:
        assert (site / page).is_file(), page
    # Sphinx warns of a page that no list of contents names, which ends the build.
    start = built[site / "index.html"].links
    assert {f"{name}/index.html" for name in (*SECTIONS, "gallery", "benchmarks")} <= set(start)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_describes_its_pages(section):
    text = (DOCS / section / "index.md").read_text()
    fences = re.findall(r"```{toctree}\n(.*?)```", text, re.S)
    entries = {line for fence in fences for line in fence.split("\n\n", 1)[1].split()}
    described = re.findall(r"^\* \[[^]]+\]\(([^)]+)\.(?:md|ipynb)\):", text, re.M)
    assert set(described) == entries
    assert len(described) == len(entries)


@pytest.mark.slow
def test_links_have_targets(site, built):
    wrong = []
    for path, page in built.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//") or path.name == "404.html":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchors = built[target].anchors | {""} if target in built else {unquote(parts.fragment)}
            if not target.is_file() or unquote(parts.fragment) not in anchors:
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert wrong == []


@pytest.mark.slow
def test_pages_load_no_file_of_another_site(site, built):
    for path, page in built.items():
        remote = [name for name in page.loaded if urlsplit(name).scheme not in ("", "data")]
        assert remote == [], path
    sheets = list(site.rglob("*.css"))
    assert sheets
    for path in sheets:
        remote = r"(url\(|@import\s)['\"]?(https?:)?//"
        assert not re.search(remote, path.read_text()), path
    assert (site / "searchindex.js").is_file()


@pytest.mark.slow
def test_reference_has_every_public_name(built):
    pages = [page for path, page in built.items() if "reference" in str(path)]
    anchors = set().union(*(page.anchors for page in pages))
    missing = [name for name in revin_forecast.__all__ if f"revin_forecast.{name}" not in anchors]
    assert missing == []
    for module in DOCUMENTED:
        for name in importlib.import_module(f"revin_forecast.{module}").__all__:
            names = {f"revin_forecast.{module}.{name}", f"revin_forecast.{name}"}
            assert names & anchors, f"{module}.{name}"


@pytest.mark.slow
def test_examples_of_docstrings_are_code(site):
    text = (site / "reference" / "sharing.html").read_text()
    assert text.count('class="gp">&gt;&gt;&gt;') > 10
    for path in (site / "reference").glob("*.html"):
        assert "<blockquote>" not in path.read_text(), path.name


@pytest.mark.slow
def test_long_tables_are_whole(site):
    rows = (DOCS / "benchmarks" / "shift_verdicts.md").read_text().count("\n|")
    text = (site / "benchmarks" / "shift_verdicts.html").read_text()
    tables = text.count("<table")
    assert text.count("<tr") == rows - tables  # a line of each table is the rule below its head
    assert text.count("pst-scrollable-table-container") == tables


@pytest.mark.slow
def test_reference_has_every_command(site):
    text = (site / "reference" / "command_line.html").read_text()
    for name in COMMANDS:
        assert f'id="{name.replace(" ", "-")}"' in text, name
        assert f"usage: revin-forecast {name} " in text, name
    assert "Traceback" not in text
    for option in ("--horizon HORIZON", "--data-dir DATA_DIR", "--training.max-epochs"):
        assert option in text


@pytest.mark.slow
@pytest.mark.browser
def test_pages_are_accessible_and_found_from_files(site, browser):
    start = (site / "index.html").as_uri()
    names = ("index", "tutorials/quickstart", "reference/metrics", "search")
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844})
        tab = context.new_page()
        requests = []
        tab.on("request", lambda request, requests=requests: requests.append(request.url))
        for name in names:
            query = "?q=MASE" if name == "search" else ""
            tab.goto(start.replace("index.html", f"{name}.html{query}"))
            if query:
                until(tab, "document.querySelectorAll('#search-results li a').length > 3")
                found = tab.evaluate(
                    "[...document.querySelectorAll('#search-results li a')].map("
                    "(link) => link.getAttribute('href').split(/[?#]/)[0])"
                )
                assert "reference/metrics.html" in found
                last = [link.startswith("benchmarks/") for link in found]
                assert last == sorted(last)
            assert_accessible(tab)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert all(address.startswith(("file:", "data:")) for address in requests)
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated")  # inside lightning
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_blocks_run(path, tmp_path, monkeypatch, request):
    blocks = parse_blocks(path.read_text())
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    if any("--data-dir data" in block.body for block in blocks):
        (tmp_path / "data").symlink_to(request.getfixturevalue("data_dir"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        run_page(path, tmp_path)
    finally:
        for name in (block.file for block in blocks if block.file):  # the next page has its own
            sys.modules.pop(name.removesuffix(".py"), None)


def test_a_wrong_page_is_detected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    for text, message in (
        ("```python\nprint(1.0)\n```\n\n```text\n1.2\n```", "'1.2' is shown, but the output was"),
        ("```python\nprint('a'), print('b')\n```\n\n```text\nb\na\n```", "'a' is shown"),
        ("```bash\nrevin-forecast nonsense\n```", "ended with 2"),
        ("<!-- stops -->\n```bash\nrevin-forecast --version\n```", "ended with 0"),
        ("```bash\nrm -rf build\n```", "rm -rf build"),
        ("```ruby\nputs 1\n```", "no test runs 'ruby'"),
    ):
        page.write_text(f"# A page\n\n{text}\n")
        with pytest.raises(AssertionError, match=message):
            run_page(page, tmp_path)


def parse_table(page, name):
    """Return the cells of the table after a comment, without its head."""
    text = (DOCS / page).read_text().split(f"<!-- table: {name} -->\n", 1)[1].split("\n\n", 1)[0]
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    return [[cell.strip("*`") for cell in line] for line in lines]


def parse_numbers(cells):
    return [float(cell.rstrip("% ")) for cell in cells]


def test_ties_show_the_committed_figures():
    shown = parse_table("sharing_parameters.md", "accuracy_tying")
    rows = {(row["network"], row["data"]): row for row in committed_rows("accuracy_tying")}
    assert [line[0] for line in shown] == list(dict.fromkeys(name for name, _ in rows))
    for name, *cells in shown:
        pair = [rows[name, data] for data in ("etth1", "etth2")]
        expected = [
            value for row in pair for value in (row["tied"], row["untied"], 100 * row["gain"])
        ]
        assert parse_numbers(cells) == pytest.approx(expected, abs=0.051)
        assert parse_numbers(cells)[:2] == pytest.approx(expected[:2], abs=6e-5)
        assert parse_numbers(cells)[3:5] == pytest.approx(expected[3:5], abs=6e-5)


def test_normalizers_show_the_committed_figures():
    shown = parse_table("guides/normalizers.md", "accuracy_normalizers")
    rows = {
        (row["normalizer"], row["data"]): row["Linear MSE"]
        for row in committed_rows("accuracy_normalizers")
    }
    assert [line[0] for line in shown] == list(dict.fromkeys(name for name, _ in rows))
    for name, *cells in shown:
        sets = ("etth1", "etth2", "exchange", "ili", "weather")
        measured = {
            data: cell for data, cell in zip(sets, cells, strict=True) if cell != "not measured"
        }
        assert set(measured) == {data for data in sets if (name, data) in rows}
        expected = [rows[name, data] for data in measured]
        assert parse_numbers(measured.values()) == pytest.approx(expected, abs=6e-4)


def test_backbones_show_the_committed_figures():
    shown = parse_table("guides/backbones.md", "accuracy_backbones")
    rows = {
        (row["backbone"], row["data"]): row["RevIN MSE"]
        for row in committed_rows("accuracy_backbones")
        if (row["look-back"], row["horizon"]) == (336, 96)
    }
    assert {line[0] for line in shown} == {name for name, _ in rows}
    for name, _, *cells in shown:
        expected = [rows[name, data] for data in ("etth1", "etth2")]
        assert parse_numbers(cells) == pytest.approx(expected, abs=6e-4)


def test_closed_forms_show_the_committed_figures():
    shown = parse_table("guides/closed_form.md", "accuracy_closed_form")
    rows = [row for row in committed_rows("accuracy_closed_form") if row["maps"] == "default"]
    figures = {(row["data"], row["taught by"]): row for row in rows}
    assert [line[0].lower() for line in shown] == list(dict.fromkeys(name for name, _ in figures))
    for name, *cells in shown:
        alone, both = (
            figures[name.lower(), rows] for rows in ("training", "training + validation")
        )
        expected = [alone["mean MSE"], both["mean MSE"], alone["Repeat"], alone["published"]]
        assert parse_numbers(cells) == pytest.approx(expected, abs=6e-4)


def test_peers_show_the_committed_figures():
    figures = {(row["contender"], row["model"]): row for row in committed_rows("peers_training")}
    models = ("NLinear", "DLinear", "TSMixer", "iTransformer", "PatchTST")
    named = {
        "plain loop over tensors": "tensor loop",
        "loop over a `DataLoader": "DataLoader loop",
    }
    shown = parse_table("guides/backbones.md", "peers_training")
    assert len(shown) == 4
    for name, *cells in shown:
        for model, cell in zip(models, cells, strict=True):
            row = figures.get((named.get(name, name), model))
            assert (cell == "-") == (row is None), (name, model)
            if row is not None:
                expected = [row["train x"], row["predict x"]]
                assert parse_numbers(cell.split(", ")) == pytest.approx(expected, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", draw.FIGURES)
def test_pictures_show_the_computed_values(name):
    assert draw.check_figure(DOCS / "images", name) is None
    assert any(f"images/{name}.svg" in path.read_text() for path in PAGES)


def test_an_outdated_picture_is_detected(tmp_path):
    assert draw.check_figure(tmp_path, "drift") == "there is no figure"
    text = (DOCS / "images" / "statistics.svg").read_text()
    for old, new, message in (
        ('"1: mean": [', '"1: mean": [9', "1: mean has other numbers"),
        ('"1: mean"', '"1: mode"', "lines .* are only in one of the two"),
    ):
        assert old in text
        (tmp_path / "statistics.svg").write_text(text.replace(old, new))
        assert re.search(message, draw.check_figure(tmp_path, "statistics"))


def test_pictures_are_small_and_follow_the_color_scheme():
    for name in draw.FIGURES:
        text = (DOCS / "images" / f"{name}.svg").read_text()
        assert len(text) < draw.MAX_BYTES
        assert "prefers-color-scheme:dark" in text
        assert not re.search(r"rgb\(1, 2, \d\)", text)
