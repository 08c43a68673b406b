"""`Forecaster.explain`: rows that add up to the forecast of `predict`."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, InputError, Ridge
from revin_forecast.backbones import DLinear, PatchTST
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import EMA, Identity, LastValue, RevIN

DAYS = 240


@pytest.fixture(scope="module")
def sales():
    """Return daily values of two series with weeks, a trend and some gaps."""
    rng = np.random.default_rng(0)
    step = np.arange(DAYS)
    week = np.array([0, 1, 2, 3, 8, 12, -4.0])[step % 7]
    dates = pd.date_range("2023-01-01", periods=DAYS, freq="D")
    shop = 200 + week + 0.05 * step + rng.normal(0, 1, DAYS)
    web = np.exp(4 + 0.004 * step + 0.05 * week / 4 + rng.normal(0, 0.02, DAYS))
    shop[[20, 200, DAYS - 3]] = np.nan
    return pd.DataFrame({"date": dates, "shop": shop, "web": web})


def check_sums(forecaster, parts, forecast, columns):
    """Check that rows add up to the forecast, and nearly so without their rounding."""
    for name in columns:
        own = parts[parts["series"] == name]
        sums = own.groupby("step")["contribution"].sum()
        expected = forecast[name].iloc[sums.index - 1]
        np.testing.assert_allclose(sums, expected, rtol=1e-12)
        index = forecaster.fitted.history.names.index(name)
        unit = forecaster.fitted.standardizer.scale[index]
        rounding = own.loc[own["source"] == "rounding", "contribution"]
        assert len(rounding) == len(sums)
        assert rounding.abs().max() < 1e-6 * unit
        lags = own[own["source"] == "lag"]
        level = own.loc[own["source"] == "level", "value"].iloc[0]
        np.testing.assert_allclose(
            lags["contribution"], lags["weight"] * (lags["value"] - level), atol=1e-9 * unit
        )


@pytest.fixture(scope="module")
def forecaster(sales):
    return Forecaster(horizon=10).fit(sales)


def test_the_automatic_choice_adds_up(forecaster, sales):
    parts = forecaster.explain()
    assert set(parts["step"]) == set(range(1, 11))
    check_sums(forecaster, parts, forecaster.predict(), ["shop", "web"])
    assert parts["contribution"].notna().all()


def test_newer_rows_are_explained(forecaster, sales):
    newer = sales.assign(date=sales["date"] + pd.Timedelta(days=70), web=sales["web"] * 2)
    parts = forecaster.explain(newer, steps=[1, 10], series="web")
    check_sums(forecaster, parts, forecaster.predict(newer), ["web"])
    assert parts["time"].unique().tolist() == [
        newer["date"].iloc[-1] + pd.Timedelta(days=days) for days in (1, 10)
    ]


def test_lags_have_their_times_and_values(forecaster, sales):
    parts = forecaster.explain(steps=2, series=["web"])
    last = parts[parts["lag"] == 1].iloc[0]
    assert last["lag_time"] == sales["date"].iloc[-1]
    assert last["value"] == pytest.approx(sales["web"].iloc[-1])
    assert last["group"] == "last value"
    week_before = parts[parts["lag"] == 6].iloc[0]
    assert week_before["lag_time"] == sales["date"].iloc[-6]
    assert week_before["group"] == "one season before"


def test_a_gap_has_no_row(forecaster, sales):
    parts = forecaster.explain(steps=1, series="shop")
    assert not (parts["lag"] == 3).any()
    assert (parts["lag"] == 4).any()


def test_the_level_is_the_mean_of_the_last_seasons(forecaster, sales):
    level = forecaster.explain(steps=1, series="web").iloc[0]
    assert level["group"] == "level: mean of the last 14 rows"
    assert level["value"] == pytest.approx(sales["web"].iloc[-14:].mean())


def test_other_lags_are_one_row(forecaster):
    full, short = (forecaster.explain(steps=1, series="web", top=top) for top in (None, 3))
    lags = full[full["source"] == "lag"]
    kept = short[short["source"] == "lag"]
    assert (
        kept["contribution"].abs().tolist() == sorted(lags["contribution"].abs(), reverse=True)[:3]
    )
    others = short[short["source"] == "others"].iloc[0]
    total = lags["contribution"].sum()
    assert others["contribution"] + kept["contribution"].sum() == pytest.approx(total)
    assert short["contribution"].sum() == pytest.approx(full["contribution"].sum())


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("normalizer", [Identity, RevIN, LastValue, EMA])
def test_ridge_adds_up_in_every_normalizer(sales, normalizer, per_channel):
    model = Forecaster(4, 28, partial(Ridge, per_channel=per_channel), normalizer).fit(sales)
    check_sums(model, model.explain(), model.predict(), ["shop", "web"])


def with_model(forecaster, model):
    """Return a forecaster of the same table with another model, away from its first parameters."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    other = Forecaster(4, 28, Ridge)
    other.fitted = replace(forecaster.fitted, model=model.eval())
    return other


@pytest.fixture(scope="module")
def ridge(sales):
    return Forecaster(4, 28, Ridge).fit(sales)


def test_a_linear_network_adds_up(ridge):
    model = with_model(ridge, Reversible(DLinear(28, 4, 2), RevIN(2)))
    parts = model.explain(steps=[1, 4])
    check_sums(model, parts, model.predict(), ["shop", "web"])
    assert "constant" in set(parts["source"])


def test_other_models_are_refused(ridge):
    model = with_model(ridge, Reversible(PatchTST(28, 4, 2), RevIN(2)))
    with pytest.raises(InputError, match=r"PatchTST is not linear in its window.*backbone=.*Ridge"):
        model.explain()
    levels = (0.1, 0.5, 0.9)
    model = with_model(ridge, Reversible(DLinear(28, 12, 2), RevIN(2), levels))
    with pytest.raises(InputError, match="was trained on quantiles"):
        model.explain()


@pytest.mark.parametrize("scale", [1.0, 0.05])
def test_known_inputs_have_rows(scale):
    rng = np.random.default_rng(3)
    days = pd.date_range("2023-01-01", periods=DAYS, freq="D")
    promo = (rng.random(DAYS) < 0.2).astype(float)
    # With a growing level, the effect multiplies.
    level = 100 * np.exp(2 * np.arange(DAYS) / DAYS) if scale < 1 else np.full(DAYS, 100.0)
    sold = level * (1 + 0.4 * promo) * np.exp(rng.normal(0, 0.01, DAYS))
    table = pd.DataFrame({"day": days, "sold": sold, "promo": promo})
    ahead = pd.DataFrame({"day": days[-1] + pd.to_timedelta(np.arange(1, 8), "D"), "promo": 0.0})
    ahead.loc[2, "promo"] = 1.0
    model = Forecaster(7, covariates=["promo"]).fit(table)
    forecast, parts = model.predict(future=ahead), model.explain(future=ahead)
    check_sums(model, parts, forecast, ["sold"])
    effects = parts[parts["source"] == "input"].set_index("step")["contribution"]
    assert effects.drop(3).abs().max() < 1e-9
    without = model.predict(future=ahead.assign(promo=0.0))["sold"].iloc[2]
    assert effects[3] == pytest.approx(forecast["sold"].iloc[2] - without, rel=1e-5)
    assert effects[3] > 0.3 * without


def test_intermittent_series_name_the_member():
    rng = np.random.default_rng(0)
    sold = rng.poisson(2, 200) * (rng.random(200) < 0.15)
    days = pd.date_range("2023-01-01", periods=200, freq="D")
    model = Forecaster(5).fit(pd.DataFrame({"day": days, "sold": sold.astype(float)}))
    parts = model.explain(steps=1)
    assert parts["source"].tolist() == ["level", "member", "rounding"]
    assert parts["name"].tolist()[1] == "TSB"
    assert parts["contribution"].sum() == pytest.approx(model.predict()["sold"].iloc[0])


def test_whole_numbers_and_limits_are_a_row_of_their_own(sales):
    table = sales[["date", "shop"]].assign(shop=sales["shop"].interpolate().round())
    model = Forecaster(3, 28, Ridge).fit(table)
    forecast, parts = model.predict(), model.explain()
    sums = parts.groupby("step")["contribution"].sum()
    np.testing.assert_allclose(sums, forecast["shop"], rtol=1e-12)


def test_series_with_their_own_ends_have_their_own_times():
    days = pd.date_range("2023-01-01", periods=200, freq="D")
    values = 50 + 5.0 * (np.arange(200) % 7)
    early = pd.DataFrame({"id": "early", "day": days[:190], "y": values[:190]})
    late = pd.DataFrame({"id": "late", "day": days, "y": 2 * values})
    model = Forecaster(3, 28, Ridge).fit(pd.concat([early, late], ignore_index=True))
    parts = model.explain(steps=1)
    last = parts[parts["lag"] == 1].set_index("series")
    assert last["lag_time"].to_dict() == {"early": days[189], "late": days[199]}
    assert last["value"].to_dict() == pytest.approx({"early": values[189], "late": 2 * values[199]})
    assert last["time"].to_dict() == {
        "early": days[190],
        "late": days[199] + pd.Timedelta(days=1),
    }


def test_times_keep_their_zone():
    hours = pd.date_range("2024-01-01", periods=120, freq="h", tz="Europe/Berlin")
    table = pd.DataFrame({"time": hours, "load": 10.0 + np.arange(120) % 24})
    model = Forecaster(2, 48, Ridge).fit(table)
    parts = model.explain()
    last = parts[parts["lag"] == 1].iloc[0]
    assert last["lag_time"] == hours[-1]
    assert parts["time"].unique().tolist() == model.predict()["time"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 11}, r"steps 1 to 10 but got \[11\]"),
        ({"steps": True}, r"steps 1 to 10 but got \[True\]"),
        ({"steps": []}, r"steps 1 to 10 but got \[\]"),
        ({"series": "shops"}, r"forecasts \['shop', 'web'\] but got the series \['shops'\]"),
        ({"top": 0}, "top is a number of lags from 1 up but got 0"),
    ],
)
def test_wrong_arguments_are_refused(forecaster, arguments, message):
    with pytest.raises(InputError, match=message):
        forecaster.explain(**arguments)
