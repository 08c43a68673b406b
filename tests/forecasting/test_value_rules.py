"""Intermittent series get intervals of occurrence and size, wherever they are forecast."""

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import TSB, Forecaster, Identity
from revin_forecast.models.compound_intervals import CompoundIntervals
from revin_forecast.utils.parallel.inline import InlineEngine


def make_parts(rows=200, busy=True):
    """Return spare parts that are rarely sold, and one that is sold every day."""
    random = np.random.default_rng(8)
    columns = {"day": pd.date_range("2024-01-01", periods=rows, freq="D")}
    for name, rate in (("rare", 0.1), ("often", 0.4)):
        columns[name] = (random.random(rows) < rate) * (1.0 + random.poisson(3, rows))
    if busy:
        columns["busy"] = 40 + 5 * random.normal(size=rows)
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(7, 60, TSB, Identity).fit(make_parts())


def test_intervals_of_rare_sales_begin_at_zero(fitted):
    assert isinstance(fitted.fitted.intervals, CompoundIntervals)
    forecast = fitted.predict(level=[50, 80, 98])
    assert (forecast["rare-lo-50"] == 0).all()
    assert (forecast["rare-hi-50"] == 0).all()
    # A mean rate is not rounded, and it may lie above an interval that is mostly zero.
    assert ((forecast["rare"] > 0.1) & (forecast["rare"] < 1)).all()
    assert (forecast["rare-hi-98"] >= 3).all()
    assert (forecast["often-hi-80"] > 1).all()
    whole = forecast[["rare-hi-98", "often-hi-50", "often-hi-80", "often-hi-98"]]
    assert (whole == whole.round()).all(axis=None)
    assert ((forecast["busy-lo-80"] > 20) & (forecast["busy-hi-80"] < 60)).all()
    assert forecast["busy-lo-80"].max() < forecast["busy-hi-80"].min()


def test_they_survive_saving_and_engines(fitted, tmp_path):
    expected = fitted.predict(level=[80])
    pd.testing.assert_frame_equal(fitted.predict(level=[80], engine=InlineEngine()), expected)
    fitted.save(tmp_path)
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(level=[80]), expected)


def test_a_table_of_rare_sales_alone_has_intervals_of_any_level(tmp_path):
    alone = Forecaster(7, 60, TSB, Identity).fit(make_parts(busy=False))
    expected = alone.predict(level=[80, 99.9])
    assert (expected["rare-hi-99.9"] >= expected["rare-hi-80"]).all()
    alone.save(tmp_path)
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(level=[80, 99.9]), expected)


def test_the_summary_says_which_series_are_intermittent(fitted):
    found = fitted.fitted.summary["range"]
    assert found["intermittent"] == 2
    note = "mostly zeros in 2 of 3 series: "
    assert found["notes"][-1] == f"{note}intervals are of how often and how much"
    chosen = Forecaster(7).fit(make_parts())
    found = chosen.fitted.summary["range"]
    assert found["notes"][-1] == f"{note}the forecast is the mean per step (TSB)"


def test_the_automatic_choice_forecasts_rates_by_tsb(tmp_path):
    table = make_parts()
    chosen = Forecaster(7).fit(table)
    forecast = chosen.predict(level=[80])
    lookback = chosen.fitted.config.lookback
    rates = ["rare", "often"]
    window = torch.tensor(table[rates].tail(lookback).to_numpy()).unsqueeze(0)
    expected = TSB(lookback, 7, 2).double()(window)[0].numpy()
    np.testing.assert_allclose(forecast[rates], expected, rtol=1e-5)
    busy = Forecaster(7).fit(table[["day", "busy"]])
    assert forecast["busy"].between(30, 50).all()
    assert (forecast["busy-lo-80"] < forecast["busy-hi-80"]).all()
    assert "TSB" in str(chosen.fitted.config.backbone)
    assert "TSB" not in str(busy.fitted.config.backbone)
    chosen.save(tmp_path)
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(level=[80]), forecast)
    pd.testing.assert_frame_equal(chosen.predict(level=[80], engine=InlineEngine()), forecast)


def test_a_table_of_rates_alone_needs_no_other_member():
    chosen = Forecaster(7).fit(make_parts(400, busy=False))
    assert chosen.fitted.config.lookback == 200
    assert len(chosen.fitted.config.backbone.parameters["members"]) == 1
    assert Forecaster(7, 30).fit(make_parts(busy=False)).fitted.config.lookback == 30
    rows = make_parts(400, busy=False).tail(230)
    pd.testing.assert_frame_equal(chosen.predict(rows), chosen.predict())


def test_inputs_are_not_forecast_as_rates():
    table = make_parts()
    chosen = Forecaster(7).fit(table, inputs=["rare"])
    assert list(chosen.predict()) == ["day", "often", "busy"]
    assert chosen.fitted.summary["range"]["intermittent"] == 1


def test_maps_forecast_rare_hours():
    """They know the day, which a mean rate does not."""
    parts = make_parts()
    hours = parts.assign(day=pd.date_range("2024-01-01", periods=len(parts), freq="h"))
    for table, count in ((parts, 2), (hours, 0)):
        assert Forecaster(6).fit(table).fitted.summary["range"]["intermittent"] == count
