"""Known inputs in the automatic choice, from the table to saved models and commands."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster
from revin_forecast.cli.main import main
from revin_forecast.data.holiday_calendar import count_holidays
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.evaluation import backtest
from revin_forecast.models.known_effects import KnownEffects

HORIZON = 7
ROWS = 200


def make_shop(rows=ROWS, seed=0):
    """Return a shop whose sales rise by half in a promotion, and fall on German holidays."""
    random = np.random.default_rng(seed)
    dates = pd.date_range("2023-03-01", periods=rows, freq="D")
    promo = random.random(rows) < 0.2
    weekly = 1 + 0.3 * np.sin(2 * np.pi * np.arange(rows) / 7)
    sold = 200 * weekly * np.exp(0.4 * promo + 0.03 * random.normal(size=rows))
    noise = random.normal(size=rows)
    return pd.DataFrame({"date": dates, "sold": sold, "promo": promo, "noise": noise})


@pytest.fixture(scope="module")
def promoted():
    """Return a forecaster with a promotion, the rows it was fitted on and those after."""
    table = make_shop(ROWS + HORIZON)
    past, ahead = table[:ROWS].drop(columns="noise"), table[ROWS:]
    return Forecaster(HORIZON, covariates=["promo"]).fit(past), past, ahead


def test_a_promotion_is_used(promoted):
    forecaster, past, ahead = promoted
    (evidence,) = forecaster.fitted.summary["known_inputs"]
    assert evidence["name"] == "promo"
    assert evidence["admitted"]
    future = ahead[["date", "promo"]]
    error = np.abs(forecaster.predict(future=future).sold - ahead.sold.to_numpy()).mean()
    plain = Forecaster(HORIZON).fit(past[["date", "sold"]]).predict()
    assert error < 0.5 * np.abs(plain.sold - ahead.sold.to_numpy()).mean()
    # The effect is that of the plan: without the promotion there is none.
    none = forecaster.predict(future=future.assign(promo=0)).sold.to_numpy()
    every = forecaster.predict(future=future.assign(promo=1)).sold.to_numpy()
    np.testing.assert_allclose(every / none, np.exp(0.4), rtol=0.1)
    intervals = forecaster.predict(future=future, level=[80])
    assert (intervals["sold-lo-80"] < intervals.sold).all()
    assert (intervals["sold-hi-80"] > intervals.sold).all()


def test_the_model_is_saved_and_takes_newer_rows(promoted, tmp_path):
    forecaster, past, ahead = promoted
    future = ahead[["date", "promo"]]
    forecaster.save(tmp_path)
    again = Forecaster.load(tmp_path)
    assert again.covariates == ("promo",)
    assert isinstance(again.fitted.model.backbone, KnownEffects)
    assert "| known in advance | promo |" in (tmp_path / "model_card.md").read_text()
    forecast = forecaster.predict(future=future, level=[80])
    assert again.predict(future=future, level=[80]).equals(forecast)
    newer = again.predict(past[150:], future=future)
    np.testing.assert_allclose(newer.sold, forecast.sold, rtol=1e-5)
    with pytest.raises(InputError, match=r"promo is not known at 2023-09-17.*future="):
        again.predict()


def test_inputs_that_do_not_help_are_left_out():
    table = make_shop()[["date", "sold", "noise"]]
    with_noise = Forecaster(HORIZON, covariates=["noise"]).fit(table)
    without = Forecaster(HORIZON).fit(table[["date", "sold"]])
    (evidence,) = with_noise.fitted.summary["known_inputs"]
    assert not evidence["admitted"]
    assert with_noise.fitted.config == without.fitted.config
    assert with_noise.predict().equals(without.predict())
    # Its values ahead are not needed, but do no harm.
    future = pd.DataFrame({"date": pd.date_range("2023-09-17", periods=HORIZON), "noise": 0.0})
    assert with_noise.predict(future=future).equals(without.predict())


def test_holidays_need_no_future(tmp_path):
    rows = 400
    table = make_shop(rows)[["date", "sold"]]
    series = read_series(table)
    closed = count_holidays("holiday:DE", series.timestamps, "D") > 0
    values = np.where(closed[:, None], 0.4 * series.values, series.values)
    series = Series(values, series.timestamps, ("sold",), "D")
    # The table ends three days before Good Friday.
    end = int(np.flatnonzero(series.timestamps == "2024-03-26")[0])
    forecaster = Forecaster(HORIZON, covariates=["holiday:DE"]).fit(series.slice_rows(0, end))
    assert forecaster.fitted.summary["known_inputs"][0]["admitted"]
    forecaster.save(tmp_path)
    forecast = Forecaster.load(tmp_path).predict()
    truth = series.values[end : end + HORIZON, 0]
    assert forecast.sold.to_numpy() == pytest.approx(truth, rel=0.35)
    assert forecast.sold[3] < 0.7 * forecast.sold[2]  # Good Friday


def test_each_channel_has_its_own_inputs(monkeypatch):
    table = make_shop(400)
    table["other"] = 100 + np.random.default_rng(9).normal(size=400)
    table = table.drop(columns="noise")
    forecaster = Forecaster(HORIZON, covariates=["promo", "weekday"]).fit(table)
    evidence = forecaster.fitted.summary["known_inputs"]
    admitted = {(entry["series"], entry["name"]) for entry in evidence if entry["admitted"]}
    assert ("sold", "promo") in admitted
    assert ("other", "promo") not in admitted
    assert {entry["series"] for entry in evidence} == {"sold", "other"}
    json.dumps(forecaster.fitted.summary)


def test_inputs_of_the_model_and_gaps_are_kept():
    table = make_shop(300).drop(columns="noise")
    table["visitors"] = np.random.default_rng(2).normal(size=300).cumsum()
    table.loc[40:50, "sold"] = np.nan
    forecaster = Forecaster(HORIZON, covariates=["promo"]).fit(table, inputs=["visitors"])
    future = pd.DataFrame({"date": pd.date_range("2023-12-26", periods=HORIZON), "promo": 1})
    forecast = forecaster.predict(future=future)
    assert list(forecast.columns) == ["date", "sold"]
    assert forecast.sold.notna().all()
    assert forecaster.fitted.summary["known_inputs"][0]["admitted"]


def test_a_backtest_sees_the_known_inputs():
    series = read_series(make_shop(300).drop(columns="noise"))
    with_promo = backtest(Forecaster(HORIZON, covariates=["promo"]), series)
    without = backtest(Forecaster(HORIZON), series)
    assert with_promo.overall_scores["mae"] < 0.6 * without.overall_scores["mae"]
    assert list(with_promo.series_scores["series"]) == ["sold"]


def test_columns_of_two_values_are_not_forecast():
    table = make_shop().drop(columns="noise")
    forecaster = Forecaster(HORIZON).fit(table)
    assert list(forecaster.predict().columns) == ["date", "sold"]
    assert forecaster.fitted.summary["left_out"] == ["promo"]
    assert list(forecaster.predict(table[60:]).columns) == ["date", "sold"]
    named = Forecaster(HORIZON).fit(read_series(table, target=["sold", "promo"]))
    assert list(named.predict().columns) == ["date", "sold", "promo"]
    assert "left_out" not in named.fitted.summary


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        (["price"], r"there is no known input 'price': it is neither"),
        (["sold", "promo", "noise"], "none is left to forecast"),
    ],
)
def test_unknown_columns_are_refused(covariates, message):
    with pytest.raises(InputError, match=message):
        Forecaster(HORIZON, covariates=covariates).fit(make_shop())


def test_short_tables_are_forecast_without_inputs():
    table = make_shop(6).drop(columns="noise")
    forecaster = Forecaster(HORIZON, covariates=["promo", "calendar"]).fit(table)
    assert not any(entry["admitted"] for entry in forecaster.fitted.summary["known_inputs"])
    assert forecaster.predict().sold.notna().all()


def test_commands_describe_known_inputs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = make_shop(ROWS + HORIZON)
    table[:ROWS].to_csv("shop.csv", index=False)
    table[ROWS:][["date", "promo", "noise"]].to_csv("ahead.csv", index=False)
    words = ["shop.csv", "--horizon", str(HORIZON), "--target", "sold"]
    assert main(["forecast", *words[:3], "--target", "sold", "noise", "--out", "n.csv"]) == 0
    assert "not forecast" not in capsys.readouterr().out
    assert main(["forecast", *words[:3], "--out", "a.csv"]) == 0
    assert "promo holds only 0 and 1 and is not forecast" in capsys.readouterr().out
    assert list(pd.read_csv("a.csv").columns) == ["date", "sold", "noise"]
    words += ["--covariates", "promo", "noise"]
    outputs = ["--out", "b.csv", "--report", "page.html"]
    assert main(["forecast", *words, "--future", "ahead.csv", *outputs]) == 0
    page = Path("page.html").read_text()
    assert "promo is used: error on later rows" in page
    assert "noise did not help on later rows: left out" in page
    printed = capsys.readouterr().out
    assert "promo is used: error on later rows -" in printed
    assert "noise did not help on later rows: left out" in printed
    assert list(pd.read_csv("b.csv").columns) == ["date", "sold"]
    assert main(["fit", *words, "--out", "model"]) == 0
    assert main(["predict", "model", "--future", "ahead.csv", "--out", "c.csv"]) == 0
    assert pd.read_csv("b.csv").equals(pd.read_csv("c.csv"))
    assert main(["forecast", *words]) == 2
    assert "promo and noise: the values for the 7 steps from 2023-09-17" in capsys.readouterr().err
    assert main(["forecast", *words[:3], "--covariates", "holiday:XX"]) == 2
    assert "holiday:XX names no country" in capsys.readouterr().err
