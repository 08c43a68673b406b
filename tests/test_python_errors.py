"""Errors that callers in Python meet name arguments of Python, never options of commands."""

import re

import numpy as np
import pandas as pd
import pytest

from revin_forecast import (
    DLinear,
    Forecaster,
    InputError,
    RangeSettings,
    Ridge,
    SelectionSettings,
    TrainingSettings,
    memory_map_table,
    read_series,
)
from revin_forecast.checks import check_model, check_normalizer
from revin_forecast.shift import read_suite, robustness, run_benchmark, shift_card

OPTION = re.compile(r"(?<![\w-])--[a-z]")


def make_table(rows=60, **columns):
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    values = {"sold": 10.0 + np.arange(rows) % 7, **columns}
    return pd.DataFrame({"date": days, **values})


@pytest.fixture(scope="module")
def forecaster():
    return Forecaster(7, 14, Ridge).fit(make_table(promo=np.arange(60) % 5))


@pytest.fixture(scope="module")
def loaded(forecaster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    forecaster.save(folder)
    return Forecaster.load(folder)


BAD_FITS = {
    "no horizon": lambda: Forecaster(0),
    "a text for a horizon": lambda: Forecaster("7"),
    "a short look-back": lambda: Forecaster(7, 0),
    "a name for a class": lambda: Forecaster(7, backbone="Ridge"),
    "a text of covariates": lambda: Forecaster(7, covariates="weekday"),
    "an unknown covariate": lambda: Forecaster(7, covariates=["wekday"]).fit(make_table()),
    "an unknown country": lambda: Forecaster(7, covariates=["holiday:XX"]).fit(make_table()),
    "covariates of Ridge": lambda: Forecaster(7, 14, Ridge, covariates=["weekday"]).fit(
        make_table()
    ),
    "a season of one": lambda: SelectionSettings(season=(1,)),
    "a number for seasons": lambda: SelectionSettings(season=7),
    "an unknown effort": lambda: SelectionSettings(effort="much"),
    "a negative budget": lambda: SelectionSettings(budget=-1.0),
    "no epochs": lambda: TrainingSettings(max_epochs=0),
    "a negative rate": lambda: TrainingSettings(learning_rate=-1.0),
    "levels without quantiles": lambda: TrainingSettings(levels=[0.1, 0.2]),
    "a maximum below the minimum": lambda: RangeSettings(minimum=5, maximum=1),
    "a long look-back": lambda: Forecaster(7, 100, Ridge).fit(make_table()),
    "a long season": lambda: Forecaster(7, selection=SelectionSettings(season=(90,))).fit(
        make_table()
    ),
    "resume without a training": lambda: Forecaster(7).fit(make_table(), resume=True),
    "resume without a folder": lambda: Forecaster(7, 14, DLinear).fit(make_table(), resume=True),
    "scikit-learn's y": lambda: Forecaster(7).fit(make_table(), y=[1, 2]),
    "unknown inputs": lambda: Forecaster(7).fit(make_table(), inputs=["price"]),
    "an empty table": lambda: Forecaster(7).fit(make_table()[:0]),
    "a table without times": lambda: Forecaster(7).fit(pd.DataFrame({"sold": ["a", "b"] * 20})),
    "a missing file": lambda: Forecaster(7).fit("sales.csv"),
    "repeated rows": lambda: Forecaster(7).fit(pd.concat([make_table(), make_table()])),
    "a table without values": lambda: Forecaster(7).fit(make_table(sold=np.nan)),
    "a wrong step": lambda: read_series(make_table(), frequency="h"),
    "an unknown step": lambda: read_series(make_table(), frequency="fortnight"),
    "an unknown column": lambda: read_series(make_table(), time="day"),
    "an unknown target": lambda: read_series(make_table(), target=["sales"]),
    "a text of targets": lambda: read_series(make_table(), target="sold"),
    "an unknown policy": lambda: read_series(make_table(), missing="drop"),
    "a gap that is refused": lambda: read_series(
        make_table(price=[1.0, np.nan] * 30), missing="error"
    ),
    "a mistyped year": lambda: read_series(
        make_table().assign(date=lambda t: t.date.where(t.index > 0, pd.Timestamp("1924-01-01")))
    ),
    "an aggregate alone": lambda: read_series(make_table(), aggregate="sum"),
    "several rows a time": lambda: read_series(make_table(), resample="W", aggregate="most"),
    "a folder that is no model": lambda: Forecaster.load("no-such-folder"),
    "an unfitted forecast": lambda: Forecaster(7).predict(),
    "a mapped file": lambda: memory_map_table("sales.csv", "scratch"),
    "an unknown data set": lambda: shift_card("sales"),
    "a short card": lambda: shift_card(make_table(9)),
    "an unknown suite": lambda: read_suite("suite.yaml"),
    "an empty suite": lambda: read_suite({}),
    "an unknown shift": lambda: read_suite(
        {
            "name": "a",
            "datasets": ["ar"],
            "models": {"backbones": ["Ridge"], "normalizers": ["RevIN"]},
            "shifts": ["levle"],
        }
    ),
    "missing data": lambda: run_benchmark(
        read_suite(
            {
                "name": "a",
                "datasets": ["etth1"],
                "models": {"backbones": ["Ridge"], "normalizers": ["RevIN"]},
            }
        ),
        data_dir="no-such-folder",
    ),
    "robustness on missing data": lambda: robustness(
        Ridge, data="etth1", data_dir="no-such-folder"
    ),
    "a check of a text": lambda: check_normalizer("RevIN"),
    "a check of a model without sizes": lambda: check_model("DLinear"),
}
BAD_CALLS = {
    "a share as a level": lambda f: f.predict(level=0.8),
    "a level of 100": lambda f: f.predict(level=[80, 100]),
    "a quantile in percent": lambda f: f.predict(quantiles=[10]),
    "another table": lambda f: f.predict(make_table().rename(columns={"sold": "sales"})),
    "few new rows": lambda f: f.predict(make_table(promo=1.0)[:5]),
    "needless future": lambda f: f.predict(future=make_table()),
    "no paths": lambda f: f.sample(0),
    "a step beyond the horizon": lambda f: f.explain(steps=8),
    "an unexplained series": lambda f: f.explain(series="sales"),
    "rows that were seen": lambda f: f.update(make_table(promo=1.0)),
    "an unknown plot": lambda f: f.plot(series="sales"),
    "a plot of shares": lambda f: f.plot(level=[0.8]),
    "a picture as a report": lambda f: f.report("page.png"),
    "no rows to score": lambda f: f.score(make_table(promo=1.0)),
    "a share above 1": lambda f: f.backtest(make_table(), test_share=20),
    "no step": lambda f: f.backtest(make_table(), step=0),
    "a refit of none": lambda f: f.backtest(make_table(), refit=0),
    "no windows": lambda f: f.cross_validation(make_table(), n_windows=0),
    "a window beyond the table": lambda f: f.cross_validation(make_table(), h=70),
    "an unknown parameter": lambda f: f.set_params(lags=7),
    "a file for a folder": lambda f: f.save(__file__),
}


def assert_python_words(call):
    """Call a function, which must raise an error in one line without an option."""
    with pytest.raises((InputError, ValueError, TypeError)) as raised:
        call()
    message = str(raised.value)
    # Data are downloaded by a command, which has no function in Python.
    assert not OPTION.search(re.sub(r"revin-forecast datasets get .*", "", message)), message
    return message


@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize("name", BAD_FITS)
def test_an_error_of_a_fit_names_no_option(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_python_words(BAD_FITS[name])


@pytest.mark.usefixtures("plain_shapes")
@pytest.mark.parametrize("name", BAD_CALLS)
def test_an_error_of_a_call_names_no_option(name, forecaster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_python_words(lambda: BAD_CALLS[name](forecaster))


def test_a_loaded_forecaster_asks_for_the_table(loaded):
    assert "backtest(table)" in assert_python_words(loaded.backtest)
