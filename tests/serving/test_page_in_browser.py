"""The page of the service, in a real browser, with real files."""

import re

import pandas as pd
import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.data.catalog.catalog import shipped_folder
from tests.support.browser import until
from tests.support.warm_programs import Program

CO2 = shipped_folder() / "co2_weekly.csv"
HOSTILE = "<img src=x onerror=alert(1)>"
CHART = re.compile(r"/chart\?")
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
TOKEN = "open sesame"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def table(folder):
    """The shipped series and a second one with a name that would be markup."""
    frame = pd.read_csv(CO2)
    frame[HOSTILE] = 700 - frame["co2"]
    frame.to_csv(folder / "two series.csv", index=False)
    return folder / "two series.csv"


def served(folder, model, *words, **changes):
    """Start the command; return it and its address."""
    words = ("serve", model, "--port", "0", "--workers", "1", *words)
    program = Program("revin_forecast", words, folder, changes)
    for _ in range(600):
        found = re.search(r"http://127\.0\.0\.1:\d+/", program.said())
        if found or program.process.exitcode is not None:
            break
        program.process.join(0.1)
    return program, found[0]


@pytest.fixture(scope="module")
def address(folder, table):
    Forecaster(26, 104, Ridge).fit(pd.read_csv(table)).save(folder / "model")
    program, found = served(folder, folder / "model")
    yield found
    program.process.terminate()
    ended = program.end(30)
    assert (ended.code, ended.err) == (0, "")


@pytest.fixture
def opened(browser, address):
    """Open the page; what it should not do is noted and looked at in the end."""
    unwanted, contexts = [], []

    def open_at(width=1280, scheme="light", at=address):
        size = {"width": width, "height": 800}
        contexts.append(browser.new_context(color_scheme=scheme, viewport=size))
        tab = contexts[-1].new_page()

        def noted(sent):
            if not sent.url.startswith((at, "blob:", "data:")):
                unwanted.append(sent.url)

        def said(message):
            # A refused table is an answer of 422, which browsers log, as they do a cut line.
            if not re.search("status of (401|422)|net::ERR_FAILED", message.text):
                unwanted.append(message.text)

        tab.on("console", said)
        tab.on("pageerror", lambda error: unwanted.append(str(error)))
        tab.on("dialog", lambda dialog: (unwanted.append(dialog.message), dialog.dismiss()))
        tab.on("request", noted)
        tab.goto(at)
        tab.wait_for_selector("body[data-drawn=all]")
        return tab

    yield open_at
    for context in contexts:
        context.close()
    assert unwanted == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_file_becomes_a_forecast_a_chart_and_a_download(opened, table, width, scheme):
    tab = opened(width, scheme)
    assert "26 steps of 2 series" in tab.locator("#about").inner_text()
    assert HOSTILE in tab.locator("#about").inner_text()
    assert tab.evaluate(OVERFLOW) <= 0
    assert tab.locator("#result").is_hidden()
    tab.set_input_files("#file", table)
    tab.wait_for_selector("#chart .main-svg")
    assert tab.locator("#heading").inner_text() == "Forecast of two series.csv"
    assert tab.locator("#series option").all_text_contents() == ["co2", HOSTILE]
    assert tab.evaluate(OVERFLOW) <= 0
    drawn = "document.querySelector('#chart')._fullData.find(t => t.name === 'forecast').y[0]"
    first = tab.evaluate(drawn)
    tab.locator("#series").select_option(HOSTILE)
    until(tab, f"{drawn} !== {first}")
    assert tab.evaluate(drawn) == pytest.approx(700 - first, abs=5)
    with tab.expect_download() as waiting:
        tab.locator("#download").click()
    saved = pd.read_csv(waiting.value.path())
    wanted = Forecaster.load(table.parent / "model").predict(table, level=[80, 95])
    assert saved.columns.tolist() == wanted.columns.tolist()
    assert saved["co2"].tolist() == pytest.approx(wanted["co2"].tolist())
    tab.locator("summary").click()
    assert tab.get_by_role("columnheader", name=HOSTILE, exact=True).inner_text() == HOSTILE
    assert tab.locator("#numbers tbody tr").count() == 26


def test_a_wrong_file_is_told_and_a_right_one_dropped_after_it(opened, table):
    tab = opened()
    tab.set_input_files("#file", shipped_folder() / "stocks_daily.csv")
    tab.wait_for_selector("#state.problem")
    assert "the new table's step is B" in tab.locator("#state").inner_text().replace("The", "the")
    assert tab.locator("#result").is_hidden()
    wrong = {"name": "wrong.csv", "mimeType": "text/csv", "buffer": b"date,co2\n2024-01-06,x\n"}
    tab.set_input_files("#file", wrong)
    until(tab, "document.querySelector('#state').textContent.startsWith('line 2')")
    content = table.read_text()
    data = tab.evaluate_handle(
        """content => { const data = new DataTransfer();
        data.items.add(new File([content], "dropped.csv", {type: "text/csv"})); return data; }""",
        content,
    )
    tab.dispatch_event("#drop", "drop", {"dataTransfer": data})
    tab.wait_for_selector("#chart .main-svg")
    assert tab.locator("#heading").inner_text() == "Forecast of dropped.csv"
    assert tab.locator("#state").inner_text() == "Forecast: 26 rows."


def test_it_works_by_the_keyboard_and_without_a_file(opened):
    tab = opened()
    tab.locator("#level").select_option("")
    tab.locator("#newest").focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#chart .main-svg")
    bands = "document.querySelector('#chart').data.filter(t => /interval/.test(t.name)).length"
    assert tab.evaluate(bands) == 0
    tab.locator("#level").select_option("90")
    until(tab, f"{bands} === 1")
    tab.locator("#file").focus()
    outline = "getComputedStyle(document.querySelector('.file')).outlineStyle"
    assert tab.evaluate(outline) == "solid"


def test_what_is_left_out_or_fails_is_told(opened, address, table):
    tab = opened()

    def of_many(route):
        told = route.fetch().json()
        told["series"] += ["more"] * 30
        told["limits"]["mebibytes"] = 0.25
        route.fulfill(json={**told, "future": ["price"], "levels": [80]})

    def long(route):
        told = route.fetch().json()
        more = [f"series {number}" for number in range(3000)]
        route.fulfill(
            json={**told, "columns": told["columns"] + more, "forecast": told["forecast"] * 20}
        )

    tab.route("**/model", of_many)
    tab.route(CHART, long)
    tab.reload()
    tab.wait_for_selector("#desk:not([hidden])")
    assert tab.locator("#level option").all_text_contents() == ["80 %", "none"]
    assert "It wants price of the steps ahead" in tab.locator("#wanted").inner_text()
    tab.set_input_files("#file", table)
    tab.wait_for_selector("#chart .main-svg")
    assert "The first 2 of 32 series" in tab.locator("#drawn").inner_text()
    tab.locator("summary").click()
    listed = tab.locator("#listed").inner_text()
    assert listed == "The first 400 of 520 rows and 100 of 3007 columns; the download holds all."
    assert tab.locator("#numbers td").count() == 400 * 100
    large = {"name": "large.csv", "mimeType": "text/csv", "buffer": b"0" * 300_000}
    tab.set_input_files("#file", large)
    assert "The file is too large: 0.25 MiB" in tab.locator("#state").inner_text()
    assert tab.locator("#result").is_hidden()
    tab.unroute(CHART)
    tab.route(CHART, lambda route: route.abort())
    tab.locator("#newest").click()
    tab.wait_for_selector("#state.problem")
    assert "The server does not answer" in tab.locator("#state").inner_text()


def test_the_page_of_the_api_needs_no_network(opened, address):
    tab = opened(390)
    tab.goto(f"{address}docs")
    assert tab.get_by_role("heading", name="POST /forecast").is_visible()
    assert tab.locator("table").count() == tab.locator(".scroll > table").count() > 0
    assert tab.evaluate(OVERFLOW) <= 0


def test_a_token_is_asked_for(opened, folder):
    program, at = served(folder, folder / "model", REVIN_FORECAST_TOKEN=TOKEN)
    try:
        tab = opened(at=at)
        assert "wants a token" in tab.locator("#state").inner_text()
        assert tab.locator("#desk").is_hidden()
        tab.locator("#token").fill("another")
        tab.locator("#token").press("Enter")
        until(tab, "document.querySelector('#state').textContent.includes('not the token')")
        tab.locator("#token").fill(TOKEN)
        tab.get_by_role("button", name="Enter").click()
        tab.wait_for_selector("#desk:not([hidden])")
        tab.locator("#newest").click()
        tab.wait_for_selector("#chart .main-svg")
    finally:
        program.process.terminate()
        program.end(30)
