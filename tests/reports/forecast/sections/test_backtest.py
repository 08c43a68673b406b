"""The section on the backtest."""

import re

import numpy as np
import pandas as pd

from revin_forecast.reports.forecast import build_content
from tests.support.forecast_pages import ROWS, extract_data, extract_text, make_table, render_page


def test_excluded_series_are_named(tmp_path):
    frame = make_table(("a", "b", "c", "d", "new"), 200)
    frame.loc[:194, "new"] = np.nan
    page = render_page(tmp_path, frame, "--horizon", "7")
    text = extract_text(page)
    assert "Left out, without a value before the test part: new." in text
    assert "The 4 series scored" in text
    figures = extract_data(page, "left")
    assert "Left out of the backtest" in figures[4]["layout"]["annotations"][0]["text"]
    assert "annotations" not in figures[0]["layout"]


def test_spacing_of_cutoffs_is_reported(tmp_path, monkeypatch):
    walk = make_table(("a",)).assign(a=np.cumsum(np.random.default_rng(0).normal(size=ROWS)))
    arguments = ["--horizon", "7", "--backbone", "Repeat", "--normalizer", "LastValue"]
    monkeypatch.setattr(build_content, "MAX_SCORED_VALUES", 0.2 * ROWS * 7 / 3)
    text = extract_text(render_page(tmp_path, walk, *arguments))
    assert re.search(
        r"14 forecasts over the last rows \(about 6 of them independent\), the first after \S+, "
        r"one every 3 rows",
        text,
    )
    assert "for one row in 3" in text
    assert "correlated" not in text
    errors = text[text.index("autocorrelation finding") : text.index("The data 240")]
    assert re.search(r"autocorrelation finding a \S+ - ", errors)  # no autocorrelation
    monkeypatch.undo()
    assert " rows, each from" not in extract_text(render_page(tmp_path, walk, *arguments))


def test_season_longer_than_the_rows_has_no_baseline(tmp_path):
    frame = make_table(("a",), 12)
    frame["date"] = pd.date_range("2024-01-01", periods=12, freq="MS")
    page = render_page(tmp_path, frame, "--horizon", "3")
    text = extract_text(page)
    assert "the last value repeated" in text
    assert "the last season repeated" not in text
    assert "that of repeating the row before" in text
    assert [trace["name"] for trace in extract_data(page, "steps")[0]["data"]] == [
        "this model",
        "last value",
    ]
    axis = extract_data(page, "left")[0]["layout"]["xaxis"]
    assert axis["ticktext"] == ["2024-10-01"]  # rather than fractions of a second
