"""The page of a forecast: correct numbers, escaped text, interactive charts and no request."""

import base64
import html
import json
import re
import shlex
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from revin_forecast.cli import report as cli_report
from revin_forecast.cli.main import main
from revin_forecast.data.formatting import format_percent
from revin_forecast.data.series import Series
from revin_forecast.data.write_table import atomic_output
from revin_forecast.errors import InputError
from revin_forecast.reports.forecast import page as page_module
from revin_forecast.reports.forecast.sections.shift import CONCLUSIONS, VERDICT_MEANINGS
from revin_forecast.reports.plotly_script import read_script
from revin_forecast.shift.card.verdict import Answer
from tests.support.accessibility import assert_accessible
from tests.support.browser import until
from tests.support.forecast_pages import (
    HORIZON,
    HOSTILE,
    ROWS,
    extract_data,
    extract_text,
    make_long_table,
    make_table,
    render_page,
)

OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def report_folder(tmp_path_factory):
    """Return a folder with a table, its forecast and its page, written once."""
    folder = tmp_path_factory.mktemp("report")
    frame = make_table()
    frame.loc[100:110, "north"] = np.nan
    frame.loc[220, "south"] = 900.0
    frame.to_csv(folder / "sold <b>.csv", index=False)
    arguments = ["forecast", str(folder / "sold <b>.csv"), "--horizon", str(HORIZON)]
    arguments += [
        "--level",
        "80",
        "--out",
        str(folder / "f.csv"),
        "--report",
        str(folder / "r.html"),
    ]
    assert main(arguments) == 0
    return folder


@pytest.fixture(scope="module")
def page(report_folder):
    return (report_folder / "r.html").read_text()


def test_page_shows_forecast_and_evidence(page, report_folder):
    text = extract_text(page)
    assert f"{HORIZON} steps of 3 series after 2024-08-27" in text
    assert extract_data(page, "csv") == (report_folder / "f.csv").read_text()
    forecast = pd.read_csv(report_folder / "f.csv")
    figures = extract_data(page, "fan")
    assert len(figures) == 3
    for name, figure in zip(forecast.columns[1::3], figures, strict=True):
        line = next(trace for trace in figure["data"] if trace.get("name") == "forecast")
        assert line["x"] == forecast["date"].tolist()
        values = np.frombuffer(base64.b64decode(line["y"]["bdata"]))
        np.testing.assert_allclose(values, forecast[name], rtol=1e-9)
    for heading in ("How good is it?", "Why this model?", "Does the level move?", "The data"):
        assert heading in text
    assert "instance normalization" in text
    assert "1 spike, the largest 900 on 2024-08-08" in text
    assert "11 of 240 values are not observed" in text
    assert "1 series has a serious data issue" in text


def test_scores_equal_those_of_the_backtest_command(page, report_folder, capsys):
    file = str(report_folder / "sold <b>.csv")
    arguments = ["backtest", file, "--horizon", str(HORIZON), "--level", "80", "--json", "--quiet"]
    assert main(arguments) == 0
    overall = json.loads(capsys.readouterr().out)["overall"]
    text = extract_text(page)
    for key in ("mase", "repeat_mase", "seasonal_naive_mase"):
        assert f" {overall[key]:#.4g} " in text, key
    assert f"80 % intervals contained {format_percent(overall['coverage-80'])} of" in text
    steps = extract_data(page, "steps")[0]["data"]
    assert [trace["name"] for trace in steps] == ["this model", "last value", "last season"]


def test_text_from_the_table_is_escaped(page):
    body = page[page.index("<body>") :]
    assert "<img" not in body
    assert "sold <b>" not in body
    assert body.count("</script>") == body.count("<script")
    assert escape(HOSTILE) in body
    assert "default-src 'none'" in page
    for block in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', body, re.S):
        assert "<" not in block


def test_command_on_the_page_reproduces_the_forecast(page, report_folder):
    command = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.S)[1])
    arguments = shlex.split(command)
    assert arguments[0] == "revin-forecast"
    before = (report_folder / "f.csv").read_bytes()
    arguments[arguments.index("--out") + 1] = str(report_folder / "again.csv")
    report_index = arguments.index("--report")
    assert main(arguments[1:report_index] + arguments[report_index + 2 :]) == 0
    assert (report_folder / "again.csv").read_bytes() == before


def test_command_reproduces_a_specified_model(tmp_path, capsys):
    file, report = tmp_path / "a.csv", tmp_path / "r.html"
    make_table(("a", "b")).to_csv(file, index=False)
    arguments = ["forecast", str(file), "--horizon", "3", "--lookback", "14", "--inputs", "b"]
    arguments += ["--backbone", "MLP", "--backbone.width", "8", "--max-epochs", "1", "--loss"]
    arguments += ["quantile", "--report", str(report), "--quiet"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    page = report.read_text()
    command = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.S)[1])
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out == first
    text = extract_text(page)
    assert "The model was specified: MLP with RevIN, look-back 14" in text
    assert re.search(r"MLP\([^)]*width=8", text)
    names = [trace.get("name") for trace in extract_data(page, "fan")[0]["data"]]
    assert {"80 % interval", "95 % interval"} <= set(names)  # although none was requested
    assert len(extract_data(page, "fan")) == 1  # b is only an input


def test_covariates_are_not_reported_as_series(tmp_path, monkeypatch):
    file, ahead, report = (tmp_path / name for name in ("a.csv", "ahead.csv", "r.html"))
    frame = make_table(("a", "closed"), rows=ROWS + 3)
    frame.loc[200, "closed"] = 5000.0
    frame[:ROWS].to_csv(file, index=False)
    frame[ROWS:][["date", "closed"]].to_csv(ahead, index=False)
    arguments = ["forecast", str(file), "--horizon", "3", "--lookback", "14", "--backbone", "TiDE"]
    arguments += ["--covariates", "closed", "weekday", "--future", str(ahead), "--max-epochs", "1"]
    arguments += ["--report", str(report), "--plot", str(tmp_path / "f.svg"), "--out"]
    # Drawing needs a browser and is tested elsewhere.
    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", lambda *_, **__: b"<svg/>")
    assert main([*arguments, str(tmp_path / "f.csv")]) == 0
    page = report.read_text()
    assert len(extract_data(page, "fan")) == 1
    text = extract_text(page)
    assert "240 rows x 1 series" in text
    assert "80 % intervals contained" in text
    assert "No issues were found" in text
    assert "TiDE(covariates=2, " in text
    assert "known in advance closed, weekday" in text


def test_short_table_has_reasons_instead_of_evidence(tmp_path):
    file, report = tmp_path / "a.csv", tmp_path / "r.html"
    make_table(("a",), rows=6).to_csv(file, index=False)
    assert main(["forecast", str(file), "--horizon", "6", "--report", str(report), "--quiet"]) == 0
    text = extract_text(report.read_text())
    assert "Not tested: the accuracy of this forecast is unknown" in text
    assert "are too few for a shift card with look-back" in text
    assert "6 rows are too few" in text
    assert "dashed line" not in text  # drawn only with a backtest


def test_shift_card_is_explained(page):
    assert set(VERDICT_MEANINGS) == set(get_args(Answer))
    text = extract_text(page)
    assert "The training rows are the first 168." in text
    assert "a prediction from trials with linear forecasts on all rows" in text
    size = r"[\d.]+ standard deviations \(chance: [\d.]+\)"
    moved = rf"The level has (hardly moved, by {size}|moved {size} and [a-z ]+): normalizing "
    assert re.search(
        rf"{moved}(should (help|hurt)|may help or hurt)\. [+-]\d+ % \([+-]\d+ to", text
    )
    assert set(CONCLUSIONS) == set(VERDICT_MEANINGS)
    words = text[text.index("Six words level ") :]
    assert all(word in words for word in ("look-back", "interval", "coverage", "MASE", "RevIN"))
    assert "the last 48 rows against the first 168" in text
    assert "in standard deviations of the look-back" in text
    assert any(meaning in text for meaning in VERDICT_MEANINGS.values())


def test_different_ends_of_series_are_reported(tmp_path):
    ends = {"late": slice(40, 200), "early": slice(0, 170), "whole": slice(0, 200)}
    frame = make_long_table(ends)
    text = extract_text(render_page(tmp_path, frame.drop(range(50, 55)), "--horizon", "7"))
    assert "after the last row of each, the latest 2024-07-18" in text
    gaps = "15 of 530 values not observed, from each series' first value to its end"
    assert gaps in text  # five of each
    only = extract_text(render_page(tmp_path, frame, "--horizon", "7", "--target", "early"))
    assert "7 steps of 1 series after 2024-06-18" in only


@pytest.fixture
def content(tmp_path, monkeypatch):
    """Return the report content of series that end at different times."""
    contents = []
    monkeypatch.setattr(
        cli_report, "write_forecast_report", lambda content, path: contents.append(content)
    )
    ends = {"late": slice(40, 200), "early": slice(0, 170), "whole": slice(0, 200)}
    frame, file = make_long_table(ends), tmp_path / "a.csv"
    frame.to_csv(file, index=False)
    arguments = ["forecast", str(file), "--horizon", "7", "--report", str(tmp_path / "r.html")]
    assert (
        main([*arguments, "--quiet", "--backbone", "Ridge", "--out", str(tmp_path / "f.csv")]) == 0
    )
    return contents[0]


def test_series_are_aligned_once_per_page(content, monkeypatch):
    calls, align_ends = [], Series.align_ends
    monkeypatch.setattr(Series, "align_ends", lambda self: calls.append(self) or align_ends(self))
    assert "dashed line" in extract_text(page_module.render_forecast_report(content))
    assert len(calls) == 1


def test_unwritable_page_is_reported(content, tmp_path):
    with pytest.raises(InputError, match=r"r\.html could not be written: No such file"):
        page_module.write_forecast_report(content, tmp_path / "none" / "r.html")
    path = tmp_path / "none" / "f.png"
    with (
        pytest.raises(InputError, match="make room or get permission, or name another path"),
        atomic_output(path) as partial,
    ):
        partial.write_bytes(b"")


def test_json_output_is_strict(report_folder, capsys):
    file = str(report_folder / "sold <b>.csv")
    arguments = ["forecast", file, "--horizon", "3", "--json", "--target"]
    assert main([*arguments, "north"]) == 0
    output = capsys.readouterr()
    record = json.loads(output.out, parse_constant=lambda name: pytest.fail(name))
    assert output.err == ""
    assert [row["date"][:10] for row in record["forecast"]] == [
        "2024-08-28",
        "2024-08-29",
        "2024-08-30",
    ]
    assert record["fitted"]["selection"]["windows"] > 8


@pytest.fixture
def open_page(browser, report_folder):
    """Return a function that opens the page; requests, messages and errors fail the test."""
    unwanted, contexts = [], []

    def open_at(width, scheme="light"):
        size = {"width": width, "height": 800}
        contexts.append(browser.new_context(color_scheme=scheme, viewport=size))
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: unwanted.append(message.text))
        tab.on("pageerror", lambda error: unwanted.append(str(error)))
        tab.on("dialog", lambda dialog: (unwanted.append(dialog.message), dialog.dismiss()))
        tab.on(
            "request",
            lambda request: (
                request.url.startswith(("file:", "blob:")) or unwanted.append(request.url)
            ),
        )
        tab.goto((report_folder / "r.html").as_uri())
        tab.wait_for_selector("body[data-drawn=all]", timeout=120_000)
        return tab

    yield open_at
    for context in contexts:
        context.close()
    assert unwanted == []


RANGE = "document.querySelector('#chart-fan')._fullLayout.xaxis.range.join()"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_charts_follow_colour_scheme_and_width(open_page, width, scheme):
    tab = open_page(width, scheme)
    assert tab.evaluate(OVERFLOW) <= 0
    tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert_accessible(tab)
    assert tab.locator("#chart-fan .main-svg").count() >= 3
    for key in ("parts", "steps", "left"):  # drawn once they are near the window
        tab.locator(f"#chart-{key}").scroll_into_view_if_needed()
        tab.wait_for_selector(f"#chart-{key} .main-svg")
    assert_accessible(tab)
    tab.locator("#chart-fan").scroll_into_view_if_needed()
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    line = "document.querySelector('#chart-fan').data.find(t => t.name === 'measured').line.color"
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    assert tab.evaluate(line) == tab.evaluate(ink)
    tab.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    until(tab, f"{line} === {ink}")
    assert tab.evaluate(f"{line}") == tab.evaluate(ink)
    tab.set_viewport_size({"width": 700, "height": 800})
    until(tab, "Math.abs(document.querySelector('#chart-fan').dataset.width - 660) < 30")
    assert tab.evaluate(OVERFLOW) <= 0


def test_chart_supports_series_picker_zoom_and_hover(open_page):
    tab = open_page(1000)
    options = tab.locator("#series option").all_text_contents()
    assert options == [HOSTILE, "north", "south"]
    values = "document.querySelector('#chart-fan')._fullData.find(t => t.name === 'forecast').y[0]"
    first = tab.evaluate(values)
    tab.locator("#chart-left").scroll_into_view_if_needed()
    tab.wait_for_selector("#chart-left .main-svg")
    left = "document.querySelector('#chart-left')._fullData[0].y[0]"
    before = tab.evaluate(left)
    tab.locator("#series").select_option("north")
    until(tab, f"{values} !== {first}")
    assert tab.evaluate(values) > first + 20  # north is 50 above
    until(tab, f"{left} !== {before}")
    whole = tab.evaluate(RANGE)
    # The answer above the chart moves it below the edge of the window.
    tab.locator("#chart-fan .nsewdrag").first.scroll_into_view_if_needed()
    box = tab.locator("#chart-fan .nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] * 0.4, middle)
    until(tab, "document.querySelectorAll('#chart-fan .hoverlayer text').length > 0")
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=5)
    tab.mouse.up()
    until(tab, f"{RANGE} !== '{whole}'")
    narrowed = tab.evaluate(RANGE)
    tab.mouse.dblclick(box["x"] + box["width"] * 0.5, middle)
    until(tab, f"{RANGE} !== '{narrowed}'")


HIDDEN = "document.querySelector('#chart-fan')._fullData.filter(t => t.visible !== true).length"


def test_legend_follows_the_keyboard_and_paper_keeps_the_choice(open_page):
    tab = open_page(1280)
    tab.locator("#series").select_option("north")
    entry = tab.get_by_role("checkbox", name="show forecast in the backtest")
    entry.focus()
    tab.keyboard.press("Enter")
    until(tab, f"{HIDDEN} === 1")
    assert entry.get_attribute("aria-checked") == "false"
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == (
        "show forecast in the backtest"
    )
    tab.evaluate(
        """addEventListener("beforeprint", () => { globalThis.printed = Object.fromEntries(
        [...document.querySelectorAll(".chart")].map((box) => [box.id, box.dataset.width])); })"""
    )
    for width in (1280, 1440, 1920):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.pdf(prefer_css_page_size=True).startswith(b"%PDF")
        assert set(tab.evaluate("Object.values(printed)")) == {"700"}  # the width of the paper
        assert tab.evaluate(HIDDEN) == 1
        assert int(tab.evaluate("document.querySelector('#chart-fan').dataset.width")) > 1000
    # Paper of another width: print styles scale the drawing.
    tab.emulate_media(media="print")
    until(tab, "document.querySelector('#chart-fan').dataset.width === '700'")
    widths = "[...document.querySelectorAll('#chart-fan, #chart-fan .main-svg')].map((part) => "
    assert len(set(tab.evaluate(f"{widths} Math.round(part.getBoundingClientRect().width))"))) == 1
    named = "getComputedStyle(document.querySelector('#chart-fan'), '::before').content"
    assert tab.evaluate(named) == '"Series: north"'
    assert tab.locator("#series").is_hidden()


@pytest.mark.parametrize("obstacle", ["scripts are off", "old browser"])
def test_page_without_charts_has_a_sentence_and_its_tables(browser, report_folder, obstacle):
    is_off = obstacle == "scripts are off"
    context = browser.new_context(java_script_enabled=not is_off)
    tab = context.new_page()
    tab.add_init_script("delete globalThis.DecompressionStream")
    tab.goto((report_folder / "r.html").as_uri())
    shown = tab.locator("p.missing:visible").all_inner_texts()
    sentence = "Scripts are switched off" if is_off else "This browser is too old for the charts"
    assert [text.startswith(sentence) for text in shown] == [True]
    assert tab.locator("table").first.is_visible()
    for part in (".chart", "#series"):
        assert tab.locator(part).first.is_hidden()
    context.close()


def test_page_is_small_and_can_link_the_script(page, report_folder, browser, monkeypatch):
    assert len(page) < 1e6
    write, folder = cli_report.write_forecast_report, report_folder / "shared"
    folder.mkdir()
    (folder / "plotly.js").write_text(read_script())
    monkeypatch.setattr(
        cli_report, "write_forecast_report", lambda *words: write(*words, script_url="plotly.js")
    )
    render_page(folder, make_table(("a", "b")), "--horizon", "3", "--backbone", "Ridge")
    assert (folder / "r.html").stat().st_size < 0.2e6
    tab = browser.new_page()
    tab.goto((folder / "r.html").as_uri())
    tab.wait_for_selector("#chart-fan .main-svg")
    tab.close()


def test_forecast_can_be_downloaded(open_page, report_folder):
    tab = open_page(1000)
    with tab.expect_download() as waiting:
        tab.locator("#download").click()
    assert waiting.value.suggested_filename == "forecast.csv"
    assert Path(waiting.value.path()).read_bytes() == (report_folder / "f.csv").read_bytes()
    tab.locator("summary", has_text="Forecast values").click()
    assert tab.locator("#numbers").get_attribute("data-series") == HOSTILE
    forecast = pd.read_csv(report_folder / "f.csv")
    for name in ("south", HOSTILE, "north"):  # the table follows the picker
        tab.locator("#series").select_option(name)
        assert tab.locator("#numbers").get_attribute("data-series") == name
        texts = tab.locator("#numbers td").all_text_contents()
        rows = np.reshape(texts, (HORIZON, 4))  # all rows: time, forecast, both bounds
        assert rows[:, 0].tolist() == forecast["date"].tolist()
        shown = forecast[[name, f"{name}-lo-80", f"{name}-hi-80"]]
        np.testing.assert_allclose(rows[:, 1:].astype(float), shown, rtol=1e-5)
