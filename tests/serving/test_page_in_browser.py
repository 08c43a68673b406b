"""The page of the service, in a real browser, with real files."""

import re
import socket
import threading
from contextlib import contextmanager

import pandas as pd
import pytest
import uvicorn

from revin_forecast import Forecaster, Ridge
from revin_forecast.data.catalog.catalog import shipped_folder
from revin_forecast.serving.app import create_app
from revin_forecast.serving.pool import RequestLimits, WorkerPool, describe_model, start_workers
from tests.support.accessibility import assert_accessible
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
    """Return a file with the shipped series and one whose name would be markup."""
    frame = pd.read_csv(CO2)
    frame[HOSTILE] = 700 - frame["co2"]
    frame.to_csv(folder / "two series.csv", index=False)
    return folder / "two series.csv"


def start_service(folder, model):
    """Start the command; return the program and its address."""
    words = ("serve", model, "--port", "0", "--workers", "1")
    program = Program("revin_forecast", words, folder)
    for _ in range(600):
        address_match = re.search(r"http://127\.0\.0\.1:\d+/", program.read_output())
        if address_match or program.process.exitcode is not None:
            break
        program.process.join(0.1)
    return program, address_match[0]


@contextmanager
def serve_app(app):
    """Serve an application from a thread, with workers that run already; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address(folder, table):
    Forecaster(26, 104, Ridge).fit(pd.read_csv(table)).save(folder / "model")
    program, service_address = start_service(folder, folder / "model")
    yield service_address
    program.process.terminate()
    ended = program.end(30)
    assert (ended.code, ended.err) == (0, "")


@pytest.fixture
def open_page(browser, address):
    """Return a function that opens the page; at the end, check that nothing went wrong on it."""
    problems, contexts = [], []

    def open_at(width=1280, scheme="light", at=address):
        size = {"width": width, "height": 800}
        contexts.append(browser.new_context(color_scheme=scheme, viewport=size))
        tab = contexts[-1].new_page()

        def check_request(request):
            if not request.url.startswith((at, "blob:", "data:")):
                problems.append(request.url)

        def check_message(message):
            # Browsers log the 422 of a refused table, and a connection that the test aborts.
            if not re.search("status of (401|422)|net::ERR_FAILED", message.text):
                problems.append(message.text)

        tab.on("console", check_message)
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        tab.on("request", check_request)
        tab.goto(at)
        tab.wait_for_selector("body[data-drawn=all]")
        return tab

    yield open_at
    for context in contexts:
        context.close()
    assert problems == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_file_becomes_a_forecast_a_chart_and_a_download(open_page, table, width, scheme):
    tab = open_page(width, scheme)
    assert "26 steps of 2 series" in tab.locator("#about").inner_text()
    assert HOSTILE in tab.locator("#about").inner_text()
    assert tab.evaluate(OVERFLOW) <= 0
    assert tab.locator("#result").is_hidden()
    tab.set_input_files("#file", table)
    tab.wait_for_selector("#chart .main-svg")
    assert tab.locator("#heading").inner_text() == "Forecast of two series.csv"
    assert tab.locator("#series option").all_text_contents() == ["co2", HOSTILE]
    assert tab.evaluate(OVERFLOW) <= 0
    first_value = "document.querySelector('#chart')._fullData.find(t => t.name === 'forecast').y[0]"
    first = tab.evaluate(first_value)
    tab.locator("#series").select_option(HOSTILE)
    until(tab, f"{first_value} !== {first}")
    assert tab.evaluate(first_value) == pytest.approx(700 - first, abs=5)
    with tab.expect_download() as waiting:
        tab.locator("#download").click()
    saved = pd.read_csv(waiting.value.path())
    expected = Forecaster.load(table.parent / "model").predict(table, level=[80, 95])
    assert saved.columns.tolist() == expected.columns.tolist()
    assert saved["co2"].tolist() == pytest.approx(expected["co2"].tolist())
    tab.locator("summary").click()
    assert tab.get_by_role("columnheader", name=HOSTILE, exact=True).inner_text() == HOSTILE
    assert tab.locator("#numbers tbody tr").count() == 26
    quality = tab.locator("#quality").inner_text()
    assert (
        "tests of each series, which may overlap, the model was at least as good as repeating"
        in quality
    )
    assert f"the worst series is {HOSTILE}" in quality or "the worst series is co2" in quality
    assert "up to 2001-12-29." in quality
    assert_accessible(tab)


def test_the_pretrained_model_forecasts_any_file(open_page, table):
    workers = start_workers(None, 1, 1)
    app = create_app(WorkerPool(workers, RequestLimits()), describe_model(workers))
    with serve_app(app) as at:
        tab = open_page(at=at)
        assert "trained on synthetic series alone" in tab.locator("#about").inner_text()
        assert tab.locator("#newest").is_hidden()
        tab.locator("#horizon").fill("4")
        tab.set_input_files("#file", table)
        tab.wait_for_selector("#chart .main-svg")
        assert tab.locator("#state").inner_text() == "Forecast: 4 rows."
        tab.locator("#season").fill("1000")
        tab.locator("#season").press("Enter")
        tab.wait_for_selector("#state.problem")
        assert "Season: Input should be less" in tab.locator("#state").inner_text()
    workers.stop()


def test_a_wrong_file_is_explained_and_a_right_one_can_follow(open_page, table):
    tab = open_page()
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


def test_it_works_by_the_keyboard_and_without_a_file(open_page):
    tab = open_page()
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


def test_the_page_reports_its_limits_and_failures(open_page, address, table):
    tab = open_page()

    def describe_many_series(route):
        description = route.fetch().json()
        description["series"] += ["more"] * 30
        description["limits"]["mebibytes"] = 0.25
        route.fulfill(json={**description, "future": ["price"], "levels": [80]})

    def answer_many_rows(route):
        body = route.fetch().json()
        more = [f"series {number}" for number in range(3000)]
        route.fulfill(
            json={**body, "columns": body["columns"] + more, "forecast": body["forecast"] * 20}
        )

    tab.route("**/model", describe_many_series)
    tab.route(CHART, answer_many_rows)
    tab.reload()
    tab.wait_for_selector("#desk:not([hidden])")
    assert tab.locator("#level option").all_text_contents() == ["80 %", "none"]
    assert "It also needs price for the steps ahead" in tab.locator("#wanted").inner_text()
    tab.set_input_files("#file", table)
    tab.wait_for_selector("#chart .main-svg")
    assert "The first 2 of 32 series" in tab.locator("#drawn").inner_text()
    tab.locator("summary").click()
    listed = tab.locator("#listed").inner_text()
    assert listed == "The first 400 of 520 rows and 100 of 3007 columns; the download holds all."
    assert tab.locator("#numbers td").count() == 400 * 100
    large = {"name": "large.csv", "mimeType": "text/csv", "buffer": b"0" * 300_000}
    tab.set_input_files("#file", large)
    assert "The file is larger than 0.25 MiB" in tab.locator("#state").inner_text()
    assert tab.locator("#result").is_hidden()
    tab.unroute(CHART)
    tab.route(CHART, lambda route: route.abort())
    tab.locator("#newest").click()
    tab.wait_for_selector("#state.problem")
    assert "The server does not answer" in tab.locator("#state").inner_text()


def test_the_docs_page_needs_no_network(open_page, address):
    tab = open_page(390)
    tab.goto(f"{address}docs")
    assert tab.get_by_role("heading", name="POST /forecast").is_visible()
    assert tab.locator("table").count() == tab.locator(".scroll > table").count() > 0
    assert_accessible(tab)
    assert tab.evaluate(OVERFLOW) <= 0


def test_a_token_is_requested(open_page, worker):
    app = create_app(WorkerPool(worker, RequestLimits()), worker.wait_until_ready(), token=TOKEN)
    with serve_app(app) as at:
        tab = open_page(at=at)
        assert "requires a token" in tab.locator("#state").inner_text()
        assert tab.locator("#desk").is_hidden()
        tab.locator("#token").fill("another")
        tab.locator("#token").press("Enter")
        until(tab, "document.querySelector('#state').textContent.includes('not the token')")
        tab.locator("#token").fill(TOKEN)
        tab.get_by_role("button", name="Enter").click()
        tab.wait_for_selector("#desk:not([hidden])")
        tab.locator("#newest").click()
        tab.wait_for_selector("#chart .main-svg")
