"""Forecasts of `Pretrained` in `Forecaster`: no fit, few rows, quantiles at every level."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Pretrained, RangeSettings, read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fit_pretrained import add_season
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings


def make_table(rows=40, frequency="MS"):
    """Return positive monthly sales with a trend, a year and noise."""
    step = np.arange(rows)
    noise = np.random.default_rng(0).normal(size=rows)
    sold = 100 + step + 10 * np.sin(2 * np.pi * step / 12) + noise
    return pd.DataFrame(
        {"month": pd.date_range("2020-01-01", periods=rows, freq=frequency), "sold": sold}
    )


def forecast(table, horizon=6, **settings):
    return Forecaster(horizon, backbone=Pretrained, **settings).fit(table)


def test_eight_rows_are_enough_and_seven_are_not():
    frame = forecast(make_table(8)).predict(level=[80, 95])
    assert len(frame) == 6
    limits = frame[["sold-lo-95", "sold-lo-80", "sold", "sold-hi-80", "sold-hi-95"]]
    assert (np.diff(limits.to_numpy(), axis=1) >= 0).all()
    with pytest.raises(InputError, match="the table has 7 rows, and Pretrained needs at least 8"):
        forecast(make_table(7))


def test_the_season_is_found_unless_it_is_named():
    config = forecast(make_table()).fitted.config
    assert config.backbone.parameters["season"] == 12
    assert config.backbone.parameters["logs"] is True
    assert config.lookback == 40
    named = forecast(make_table(), selection=SelectionSettings(season=(6,))).fitted.config
    assert named.backbone.parameters["season"] == 6
    own = Forecaster(6, backbone=partial(Pretrained, season=3, logs=False)).fit(make_table())
    assert own.fitted.config.backbone.parameters["season"] == 3
    assert own.fitted.config.backbone.parameters["logs"] is False


def test_quantiles_at_other_levels_are_between_and_beyond():
    frame = forecast(make_table()).predict(level=[70, 80, 90, 99])
    for outer, inner in ((80, 70), (90, 80), (99, 90)):
        assert (frame[f"sold-hi-{outer}"] > frame[f"sold-hi-{inner}"]).all()
        assert (frame[f"sold-lo-{outer}"] < frame[f"sold-lo-{inner}"]).all()


def test_the_forecast_follows_a_change_of_scale_and_keeps_to_the_range():
    table = make_table()
    counts = table.assign(sold=np.maximum(0, table.sold.round() - 120))
    plain = forecast(table).predict()
    larger = forecast(table.assign(sold=1000 * table.sold)).predict()
    np.testing.assert_allclose(larger.sold, 1000 * plain.sold, rtol=1e-4)
    frame = forecast(counts).predict(level=95)
    values = frame.drop(columns="month").to_numpy()
    assert (values >= 0).all()
    assert (values == values.round()).all()
    free = read_series(table, range_settings=RangeSettings(minimum="none"))
    assert forecast(free).fitted.config.backbone.parameters["logs"] is False


def test_an_update_equals_a_forecast_from_all_rows():
    table = make_table(30)
    forecaster = forecast(table[:20]).update(table[20:])
    assert forecaster.fitted.config.lookback == 30
    whole = forecast(table)
    updated, expected = (one.predict(level=80).drop(columns="month") for one in (forecaster, whole))
    np.testing.assert_allclose(updated, expected, rtol=1e-5)


def test_a_saved_model_keeps_its_weights_and_its_forecast(tmp_path):
    forecaster = forecast(make_table())
    forecaster.save(tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size < 2**20
    loaded = Forecaster.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.predict(level=95), forecaster.predict(level=95))
    card = (tmp_path / "model_card.md").read_text()
    assert "none: the network was pretrained on synthetic series alone" in card
    assert "the model's own quantiles" in card
    # A fit on a shorter table reads the rows that there are.
    assert loaded.fit(make_table(12)).fitted.config.lookback == 12


def test_series_of_unequal_length_and_gaps():
    parts = [make_table(rows).assign(shop=f"s{rows}") for rows in (40, 20, 5)]
    table = pd.concat(parts)
    table.loc[(table.shop == "s40") & (table.month == "2021-03-01"), "sold"] = np.nan
    forecaster = forecast(table, horizon=70)
    frame = forecaster.predict(level=80)
    assert len(frame) == 3 * 70
    assert frame.drop(columns=["month", "shop"]).notna().all().all()
    notes = forecaster.fitted.summary["notes"]
    assert any("fewer than 8 values: the forecast is rough" in note for note in notes)


def test_known_inputs_explanations_and_resuming_are_refused():
    with pytest.raises(InputError, match="Pretrained takes no known inputs but got"):
        forecast(make_table(), covariates=["month"])
    with pytest.raises(InputError, match="can't be divided among the lags"):
        forecast(make_table()).explain()
    with pytest.raises(InputError, match="Pretrained is not trained; there is nothing to resume"):
        Forecaster(6, backbone=Pretrained).fit(make_table(), resume=True)


def test_columns_of_0_and_1_are_not_forecast():
    table = make_table().assign(promo=np.arange(40) % 3 == 0)
    forecaster = forecast(table)
    assert forecaster.fitted.summary["left_out"] == ["promo"]
    assert "promo" not in forecaster.predict()


def test_mostly_zeros_are_noted():
    table = make_table()
    table["sold"] = np.where(np.arange(40) % 5 == 0, 3.0, 0.0)
    forecaster = forecast(table)
    notes = forecaster.fitted.summary["range"]["notes"]
    assert any("the forecast is the median, often 0" in note for note in notes)
    assert forecaster.fitted.summary["range"]["intermittent"] == 1


def test_a_median_of_rare_demand_is_within_its_limits():
    table = make_table(60)
    table["sold"] = np.random.default_rng(3).poisson(0.3, 60)
    frame = forecast(table).predict(level=80)
    assert (frame["sold"] % 1 == 0).all()
    assert frame["sold"].between(frame["sold-lo-80"], frame["sold-hi-80"]).all()


@pytest.mark.slow
def test_fine_tuning_trains_the_weights():
    settings = TrainingSettings(max_epochs=1)
    forecaster = Forecaster(4, 24, partial(Pretrained, trainable=True), training=settings)
    fitted = forecaster.fit(make_table(80)).fitted
    assert "epochs" in fitted.summary["fit"]
    assert fitted.config.backbone.parameters["season"] == 12
    assert fitted.config.normalizer.name == "Identity"


def test_a_season_is_added_where_none_is_named():
    pretrained = ModuleSpec.from_class(Pretrained)
    assert add_season(pretrained, 12).parameters == {"season": 12}
    named = ModuleSpec(pretrained.path, {"season": 7})
    assert add_season(named, 12) == named
    # A day of minutes is longer than the network knows.
    assert add_season(pretrained, 1440) == pretrained
    ridge = ModuleSpec("revin_forecast.Ridge")
    assert add_season(ridge, 12) == ridge
