"""Plot, report and notebook display of a forecaster, fitted, updated and loaded."""

import copy
import pickle
import re
import time

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, InputError, Ridge
from revin_forecast.forecasting import known_table
from revin_forecast.forecasting.views import make_view
from tests.support.forecast_pages import extract_text

EVIL = "<script>alert(1)</script>"


def make_table(rows=90):
    """Return a daily table of two series with a weekly cycle, one with a name that is markup."""
    days = pd.date_range("2024-01-01", periods=rows, freq="D", name="date")
    noise = np.random.default_rng(0).normal(size=(rows, 2))
    values = 20.0 + 3 * (np.arange(rows) % 7)[:, None] + noise
    values[40, 1] = np.nan
    return pd.DataFrame(values, index=days, columns=["sold", EVIL]).reset_index()


@pytest.fixture(scope="module")
def forecaster():
    return Forecaster(7, 14, Ridge).fit(make_table())


@pytest.fixture(scope="module")
def loaded(forecaster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    forecaster.save(folder)
    return Forecaster.load(folder)


def find_trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_a_plot_shows_rows_forecast_and_intervals(forecaster):
    figure = forecaster.plot(series="sold")
    names = [trace.name for trace in figure.data if trace.name]
    assert names == ["95 % interval", "80 % interval", "measured", "forecast"]
    assert len(find_trace(figure, "measured").y) == 90
    expected = forecaster.predict().sold.to_numpy()
    assert find_trace(figure, "forecast").y == pytest.approx(expected)
    assert figure.layout.width is None  # as wide as the notebook
    assert len([trace for trace in forecaster.plot(level=[]).data if trace.name == "forecast"]) == 2
    assert "interval" not in str([trace.name for trace in forecaster.plot(level=()).data])


def test_a_plot_continues_newer_rows(forecaster, loaded):
    newer = make_table(104)[80:]
    figure = loaded.plot(newer, level=50, series=["sold"])
    assert len(find_trace(figure, "measured").y) == 24
    expected = forecaster.predict(newer).sold.to_numpy()
    assert find_trace(figure, "forecast").y == pytest.approx(expected)
    # Without a table, only the rows that a forecast needs are known.
    assert len(find_trace(loaded.plot(series="sold"), "measured").y) == 14


def test_unknown_series_are_named(forecaster):
    with pytest.raises(InputError, match=r"got the series \['sales'\] to plot. Name series that"):
        forecaster.plot(series="sales")
    with pytest.raises(InputError, match="not fitted yet"):
        Forecaster(7).plot()


def test_a_report_has_a_backtest_as_long_as_the_rows_are_known(forecaster, loaded, tmp_path):
    path = forecaster.report(tmp_path / "page.html")
    assert path == tmp_path / "page.html"
    text = extract_text(path.read_text())
    assert "forecasts over the last rows" in text
    assert "Forecaster(horizon=7, lookback=14, backbone=Ridge).fit(table)" in text
    assert EVIL not in path.read_text()
    text = extract_text(loaded.report(tmp_path / "loaded.html").read_text())
    assert "was loaded, updated or copied" in text
    assert "report(path, table)" in text
    text = extract_text(loaded.report(tmp_path / "whole.html", make_table()).read_text())
    assert "forecasts over the last rows" in text


def test_a_report_needs_a_page(forecaster, tmp_path):
    with pytest.raises(InputError, match="a report is one page, written as .html"):
        forecaster.report(tmp_path / "page.pdf")


def test_a_backtest_uses_the_table_of_the_fit(forecaster, loaded):
    pd.testing.assert_frame_equal(
        forecaster.backtest(step=7), forecaster.backtest(make_table(), step=7)
    )
    updated = Forecaster(7, 14, Ridge).fit(make_table().drop(columns=EVIL))
    updated.update(make_table(97)[90:].drop(columns=EVIL))
    for other in (
        loaded,
        updated,
        copy.deepcopy(forecaster),
        pickle.loads(pickle.dumps(forecaster)),
    ):
        with pytest.raises(InputError, match=r"Pass the table: backtest\(table\)"):
            other.backtest()
    with pytest.raises(InputError, match="not fitted yet"):
        Forecaster(7).backtest()


def test_the_known_table_is_a_copy_and_small(monkeypatch):
    table = make_table().drop(columns=EVIL)
    forecaster = Forecaster(7, 14, Ridge).fit(table)
    table.loc[3, "sold"] = 1e9
    assert forecaster.known_table.series.values.max() < 100
    monkeypatch.setattr(known_table, "MAX_KEPT_VALUES", 10)
    assert forecaster.fit(table[5:]).known_table is None


def test_a_notebook_shows_table_model_score_and_chart(forecaster, loaded):
    for shown in (forecaster, loaded):
        page = make_view("html", shown)
        text = extract_text(page)
        assert "Forecaster of the next 7 days of 2 series" in text
        assert "90 rows of 2 series, 2024-01-01 to 2024-03-30, a row for each day" in text
        assert "1 value not observed, 0.6 %" in text
        assert "Ridge with RevIN, look-back 14" in text
        assert re.search(r"better than repeating the last week in \d+ of \d+ tests", text)
        assert page.count('<svg role="img" aria-label="') == 2
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "blue: the forecast, with its 80 % interval" in text


def test_a_notebook_shows_the_choice_and_its_score():
    table = make_table(60).drop(columns=EVIL)
    text = extract_text(Forecaster(7).fit(table)._repr_html_())
    assert re.search(r"a combination of .*? \d+ %.*; season: a week", text)
    assert re.search(r"MASE \d.\d\d, against \d.\d\d for repeating the last", text)


def test_a_notebook_shows_the_parameters_before_the_fit():
    text = extract_text(Forecaster(7, backbone=Ridge)._repr_html_())
    assert "not fitted yet: call fit(table)" in text
    assert re.search(r"horizon\s+7\s+lookback\s+None\s+backbone\s+Ridge", text)


def test_a_display_never_fails(forecaster):
    broken = copy.copy(forecaster)
    broken._fitted = "damaged"
    assert broken._repr_html_().startswith("<pre>Forecaster(horizon=7, lookback=14")


def test_a_display_is_quick():
    days = pd.date_range("2024-01-01", periods=300, freq="D", name="date")
    values = np.random.default_rng(0).normal(size=(300, 100)).cumsum(0)
    forecaster = Forecaster(7, 210, Ridge).fit(pd.DataFrame(values, days).reset_index())
    forecaster._repr_html_()  # imports
    start = time.process_time()
    page = forecaster._repr_html_()
    assert time.process_time() - start < 0.3
    assert "and 97 more series; plot() draws the forecast" in page  # 21,000 values are many
