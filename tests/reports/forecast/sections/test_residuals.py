"""The section on the residuals of the backtest."""

import re

import numpy as np
import pandas as pd
import pytest

from revin_forecast.cli.main import main
from revin_forecast.reports.forecast.sections.residuals import (
    autocorrelation,
    bias_sign,
    largest_outlier,
)
from tests.support.forecast_pages import extract_data, extract_text, make_table, render_page


def test_series_without_observed_errors_is_reported(tmp_path):
    frame = make_table(("a", "b"), 200)
    frame.loc[160:, "b"] = np.nan
    page = render_page(tmp_path, frame, "--horizon", "7")
    assert "b - - No value was observed." in extract_text(page)
    assert (
        "This series has no value"
        in extract_data(page, "left")[1]["layout"]["annotations"][0]["text"]
    )


def test_outlier_is_reported(tmp_path):
    frame = make_table(("a",))
    frame.loc[215, "a"] = 5000.0
    text = extract_text(render_page(tmp_path, frame, "--horizon", "7"))
    assert re.search(r"The largest error, 49\d\d on 2024-08-03, is far beyond the others", text)
    noise = np.random.default_rng(0).normal(size=300)
    assert largest_outlier(noise) is None
    assert largest_outlier(np.append(noise, -40.0)) == 300
    assert largest_outlier(np.append(np.zeros(30), 5.0)) is None  # a series of steps
    assert largest_outlier(np.array([0.1, 99.0])) is None


def test_bias_and_autocorrelation():
    random = np.random.default_rng(0)
    noise = random.normal(size=(40, 5))
    assert not bias_sign(noise)
    assert (bias_sign(noise + 2), bias_sign(noise - 2)) == (1, -1)
    assert not bias_sign(np.full((3, 2), 1.0))  # three paths are too few
    walk = np.cumsum(random.normal(size=400))
    assert autocorrelation(walk) > 0.9
    assert abs(autocorrelation(random.normal(size=400))) < 0.15
    assert np.isnan(autocorrelation(np.ones(5)))
    series = random.normal(size=50)
    wanted = np.corrcoef(series[1:], series[:-1])[0, 1]
    assert autocorrelation(series) == pytest.approx(wanted)


def test_possible_bias_is_reported(tmp_path):
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=300), "a": np.arange(300.0)})
    frame["a"] += np.random.default_rng(0).normal(size=300)
    frame.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["forecast", str(tmp_path / "t.csv"), "--horizon", "20", "--backbone", "Repeat"]
    assert main([*arguments, "--quiet", "--report", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "Forecasts were mostly too low, by 1" in page
    assert "on average; with 3 non-overlapping forecasts this may be chance" in page
