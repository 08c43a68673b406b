"""Quantiles and sample paths: marginals of the intervals, dependence of the errors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, RangeSettings, read_series
from revin_forecast.backbones import Linear, Repeat, Ridge
from revin_forecast.errors import InputError
from revin_forecast.forecasting import sample as sample_module
from revin_forecast.forecasting.parallel import select_series
from revin_forecast.models.step_dependence import StepDependence
from revin_forecast.training.settings import TrainingSettings

HORIZON = 6
MODELS = Path(__file__).parents[1] / "fixtures" / "models"
DAYS = pd.date_range("2024-01-01", periods=150, freq="D")


def make_table():
    random = np.random.default_rng(0)
    walk = 100 + np.cumsum(random.normal(size=150))
    week = 50 + 5 * np.sin(np.arange(150) * 2 * np.pi / 7) + random.normal(size=150)
    return pd.DataFrame({"day": DAYS, "walk": walk, "week": week})


FORECASTERS = {
    "auto": Forecaster(HORIZON),
    "ridge": Forecaster(HORIZON, 14, Ridge),
    "quantiles": Forecaster(
        HORIZON, 14, Linear, training=TrainingSettings(max_epochs=1, loss="quantile")
    ),
}


@pytest.fixture(scope="module", params=FORECASTERS)
def forecaster(request):
    return FORECASTERS[request.param].fit(make_table())


def test_quantiles_are_columns_in_percent(forecaster):
    forecast = forecaster.predict(level=[80], quantiles=[0.1, 0.5, 0.9, 0.025])
    suffixes = ["", "-lo-80", "-hi-80", "-q-10", "-q-50", "-q-90", "-q-2.5"]
    names = [f"{name}{suffix}" for name in ("walk", "week") for suffix in suffixes]
    assert forecast.columns.tolist() == ["day", *names]
    for name in ("walk", "week"):
        limits = forecast[[f"{name}-lo-80", f"{name}-hi-80"]].to_numpy()
        np.testing.assert_array_equal(limits, forecast[[f"{name}-q-10", f"{name}-q-90"]])
        assert (forecast[f"{name}-q-2.5"] < forecast[f"{name}-q-10"]).all()
        np.testing.assert_allclose(forecast[f"{name}-q-50"], forecast[name], rtol=1e-6)


@pytest.mark.parametrize(
    ("quantile", "message"),
    [
        (10, "a quantile is between 0 and 1 but got 10; pass 0.1"),
        (0, "between 0 and 1 but got 0; try 0.1"),
        (1.0, "between 0 and 1 but got 1; try 0.1"),
    ],
)
def test_unusable_quantiles_are_refused(quantile, message):
    with pytest.raises(InputError, match=message):
        FORECASTERS["ridge"].fit(make_table()).predict(quantiles=[quantile])


def test_each_step_has_the_quantiles_of_the_model(forecaster):
    count = 20_000
    paths = forecaster.sample(count)
    assert paths.columns.tolist() == ["day", "sample", "walk", "week"]
    assert len(paths) == count * HORIZON
    levels = [0.1, 0.25, 0.5, 0.75, 0.9]
    if forecaster.fitted.model.levels:
        levels = [0.1, 0.5, 0.9]
    forecast = forecaster.predict(quantiles=levels).set_index("day")
    for name in ("walk", "week"):
        drawn = paths.groupby("day")[name].quantile(levels).unstack().to_numpy()
        expected = forecast[[f"{name}-q-{100 * level:g}" for level in levels]].to_numpy()
        width = (expected[:, -1] - expected[:, 0])[:, None]
        assert (np.abs(drawn - expected) < 0.04 * width).all()


def test_the_steps_of_a_path_depend_on_each_other_and_series_do_not():
    forecaster = FORECASTERS["auto"].fit(make_table())
    paths = forecaster.sample(20_000)
    steps = paths.pivot(index="sample", columns="day", values="walk").to_numpy()
    correlation = np.corrcoef(steps.T)
    dependence = forecaster.fitted.intervals.dependence
    expected = dependence.common[0] + (1 - dependence.common[0]) * dependence.decay[0]
    assert expected > 0.5  # the errors of a random walk
    np.testing.assert_allclose(np.diagonal(correlation, 1), expected, atol=0.05)
    assert abs(np.corrcoef(paths["walk"], paths["week"])[0, 1]) < 0.05
    # So a sum varies more than independent steps would.
    total = steps.sum(1).std()
    assert total > 1.5 * np.sqrt((steps.std(0) ** 2).sum())


def test_the_same_seed_gives_the_same_paths():
    forecaster = FORECASTERS["ridge"].fit(make_table())
    pd.testing.assert_frame_equal(forecaster.sample(5), forecaster.sample(5, seed=0))
    assert not forecaster.sample(5).equals(forecaster.sample(5, seed=1))


def test_paths_begin_after_newer_rows():
    forecaster = FORECASTERS["ridge"].fit(make_table()[:120])
    paths = forecaster.sample(50, make_table())
    expected = forecaster.predict(make_table(), level=[99])
    assert paths["day"].unique().tolist() == expected["day"].tolist()
    middle = paths.groupby("day")["week"].median().to_numpy()
    assert (middle > expected["week-lo-99"]).all()
    assert (middle < expected["week-hi-99"]).all()


def test_a_long_table_keeps_its_layout():
    long = make_table().melt("day", var_name="shop", value_name="sold")
    late = long[(long["shop"] == "walk") | (long["day"] < DAYS[140])]
    series = read_series(late, id="shop", value="sold")
    paths = Forecaster(HORIZON, 14, Ridge).fit(series).sample(3)
    assert paths.columns.tolist() == ["shop", "day", "sample", "sold"]
    assert paths["sample"].tolist() == [0] * 12 + [1] * 12 + [2] * 12
    first = paths.groupby("shop")["day"].min()
    assert first["walk"] == DAYS[-1] + pd.Timedelta(days=1)
    assert first["week"] == DAYS[140]
    assert paths.loc[paths["shop"] == "walk", "sold"].between(60, 140).all()
    assert paths.loc[paths["shop"] == "week", "sold"].between(30, 70).all()


def test_values_keep_their_range():
    random = np.random.default_rng(1)
    counts, rare = random.poisson(2, 150), random.poisson(0.15, 150)
    table = pd.DataFrame({"day": DAYS, "counts": counts.astype(float), "rare": rare.astype(float)})
    forecaster = Forecaster(HORIZON).fit(table)
    paths = forecaster.sample(4000)
    numbers = paths[["counts", "rare"]].to_numpy()
    assert (numbers == np.rint(numbers)).all()
    assert (numbers >= 0).all()
    # The mean of an intermittent series is its rate, and most steps are zero.
    assert paths["rare"].mean() == pytest.approx(forecaster.predict()["rare"].mean(), rel=0.35)
    assert (paths["rare"] == 0).mean() > 0.6
    capped = read_series(table[["day", "counts"]], range_settings=RangeSettings(maximum=3))
    assert Forecaster(HORIZON).fit(capped).sample(500)["counts"].max() == 3


def test_saved_models_draw_the_same_paths(forecaster, tmp_path):
    forecaster.save(tmp_path)
    loaded = Forecaster.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.sample(20), forecaster.sample(20))


def test_models_without_calibration_errors_assume_the_dependence():
    forecaster = FORECASTERS["ridge"].fit(make_table())
    old = replace(forecaster.fitted.intervals, dependence_source=None)
    forecaster.fitted = replace(forecaster.fitted, intervals=old)
    steps = forecaster.sample(20_000).pivot(index="sample", columns="day", values="walk")
    assumed = StepDependence.assume(1)
    expected = assumed.common + (1 - assumed.common) * assumed.decay
    measured = np.diagonal(np.corrcoef(steps.T.to_numpy()), 1)
    np.testing.assert_allclose(measured, expected[0], atol=0.05)


@pytest.mark.parametrize("name", ["schema-3/inputs", "schema-4/quantiles", "schema-6/rare"])
def test_models_of_earlier_versions_draw_paths(name):
    forecaster = Forecaster.load(MODELS / name)
    paths = forecaster.sample(40)
    assert len(paths) == 40 * forecaster.horizon
    assert paths.notna().all(axis=None)


def test_models_before_intervals_are_refused():
    with pytest.raises(InputError, match="an early version saved it"):
        Forecaster.load(MODELS / "schema-2" / "ridge").sample(5)


def test_the_dependence_of_some_series_is_theirs():
    fitted = FORECASTERS["auto"].fit(make_table()).fitted
    part = select_series(fitted, 1, 2)
    assert part.intervals.dependence.decay.tolist() == [fitted.intervals.dependence.decay[1]]
    assert part.naive_scale.tolist() == [fitted.naive_scale[1]]


def test_unusable_requests_are_refused(monkeypatch):
    forecaster = FORECASTERS["ridge"].fit(make_table())
    with pytest.raises(InputError, match="count is a number of paths from 1 up but got 0"):
        forecaster.sample(0)
    monkeypatch.setattr(sample_module, "memory_bytes", lambda: 2**20)
    with pytest.raises(InputError, match="pass a count of at most 546"):
        forecaster.sample(547)
    assert len(forecaster.sample(546)) == 546 * HORIZON
    without = replace(forecaster.fitted, intervals=None)
    forecaster.fitted = without
    with pytest.raises(InputError, match="no intervals, so there is no distribution"):
        forecaster.sample(5)
    named = make_table().rename(columns={"walk": "sample"})
    with pytest.raises(InputError, match="the table has a column 'sample'"):
        Forecaster(HORIZON, 1, Repeat).fit(named).sample(5)
