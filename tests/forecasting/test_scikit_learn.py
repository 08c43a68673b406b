"""The conventions of scikit-learn's estimators: parameters, clones, fit and predict."""

from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from revin_forecast import Forecaster, RevIN
from revin_forecast.backbones import Ridge
from revin_forecast.errors import InputError
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.training.settings import TrainingSettings


def daily(rows=60):
    stamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    week = np.arange(rows) % 7
    return pd.DataFrame({"date": stamps, "sold": 10.0 + week, "lost": 2.0 * week})


PARAMETERS = {
    "horizon": 7,
    "lookback": 14,
    "backbone": partial(Ridge, penalties=[1e-3]),
    "normalizer": partial(RevIN, statistic="last"),
    "training": TrainingSettings(max_epochs=3),
    "covariates": [],
    "selection": SelectionSettings(season=(7,)),
}


def clone_forecaster(forecaster):
    """Build a forecaster like sklearn.base.clone, which requires identical parameters."""
    parameters = forecaster.get_params(deep=False)
    clone = type(forecaster)(**parameters)
    for name, value in clone.get_params(deep=False).items():
        assert value is parameters[name], name
    return clone


def test_the_constructor_stores_its_arguments_unchanged():
    forecaster = Forecaster(**PARAMETERS)
    assert forecaster.get_params().keys() == PARAMETERS.keys()
    for name, value in PARAMETERS.items():
        assert getattr(forecaster, name) is value
    assert Forecaster(7).get_params()["training"] is None


@pytest.mark.parametrize("parameters", [PARAMETERS, {"horizon": 7}])
def test_a_clone_is_not_fitted_and_can_be_fitted_to_the_same(parameters):
    forecaster = Forecaster(**parameters).fit(daily())
    clone = clone_forecaster(forecaster)
    with pytest.raises(InputError, match=r"not fitted yet; call fit\(table\) first"):
        clone.predict()
    pd.testing.assert_frame_equal(clone.fit(daily()).predict(), forecaster.predict())


def test_set_params_changes_parameters_and_drops_the_fit():
    forecaster = Forecaster(7, 14, Ridge).fit(daily())
    assert forecaster.set_params(horizon=3, lookback=21) is forecaster
    assert (forecaster.horizon, forecaster.lookback, forecaster.backbone) == (3, 21, Ridge)
    with pytest.raises(InputError, match="not fitted yet"):
        forecaster.predict()
    assert len(forecaster.fit(daily()).predict()) == 3
    assert forecaster.set_params() is forecaster


def test_bad_parameters_are_refused_and_change_nothing():
    forecaster = Forecaster(7, 14, Ridge).fit(daily())
    with pytest.raises(InputError, match=r"Forecaster has no \['depth'\]; it takes \['horizon', "):
        forecaster.set_params(depth=3)
    with pytest.raises(InputError, match="horizon is a number of steps from 1 up but got 0"):
        forecaster.set_params(lookback=3, horizon=0)
    assert (forecaster.horizon, forecaster.lookback) == (7, 14)
    assert len(forecaster.predict()) == 7


def test_fit_returns_itself_and_can_be_repeated():
    forecaster = Forecaster(7, 14, Ridge)
    assert forecaster.fit(daily()) is forecaster
    first = forecaster.predict()
    second = forecaster.fit(daily().assign(sold=lambda table: 5 * table.sold)).predict()
    assert not np.allclose(first.sold, second.sold)
    pd.testing.assert_frame_equal(forecaster.fit(daily()).predict(), first)


def test_repr_shows_changed_parameters():
    assert repr(Forecaster(7)) == "Forecaster(horizon=7)"
    shown = repr(Forecaster(7, backbone=Ridge, selection=SelectionSettings(budget=5.0)))
    assert "horizon=7" in shown
    assert "Ridge" in shown
    assert "budget=5.0" in shown
    assert "lookback" not in shown


def test_pandas_frames_are_taken_and_returned():
    table = daily()
    before = table.copy()
    forecast = Forecaster(7, 14, Ridge).fit(table).predict()
    assert isinstance(forecast, pd.DataFrame)
    assert forecast.columns.tolist() == ["date", "sold", "lost"]
    assert forecast["date"].tolist() == list(pd.date_range("2024-03-01", periods=7, freq="D"))
    pd.testing.assert_frame_equal(table, before)
    # A frame with its times in the index gives the same forecast.
    indexed = Forecaster(7, 14, Ridge).fit(table.set_index("date")).predict()
    pd.testing.assert_frame_equal(indexed, forecast)
    named = table.set_index("date").rename_axis("day")
    assert Forecaster(7, 14, Ridge).fit(named).predict().columns[0] == "day"


def test_a_forecast_can_be_appended_to_its_table():
    table = daily()
    forecaster = Forecaster(7, 14, Ridge).fit(table)
    further = forecaster.predict(pd.concat([table, forecaster.predict()]))
    assert further["date"].iloc[0] == pd.Timestamp("2024-03-08")
    np.testing.assert_allclose(further["sold"], forecaster.predict()["sold"], atol=0.05)


def test_scikit_learn_clones_scores_and_searches():
    base = pytest.importorskip("sklearn.base")
    selection = pytest.importorskip("sklearn.model_selection")
    noise = np.random.default_rng(0).normal(size=(120, 2))
    table = daily(120)
    table[["sold", "lost"]] += noise
    forecaster = Forecaster(7, 14, Ridge)
    assert repr(base.clone(forecaster)) == repr(forecaster)
    splits = selection.TimeSeriesSplit(3)
    scores = selection.cross_val_score(forecaster, table, cv=splits)
    expected = [
        Forecaster(7, 14, Ridge).fit(table.iloc[train]).score(table.iloc[test])
        for train, test in splits.split(table)
    ]
    np.testing.assert_array_equal(scores, expected)
    search = selection.GridSearchCV(forecaster, {"lookback": [1, 14]}, cv=splits).fit(table)
    assert search.best_params_ == {"lookback": 14}
    assert search.best_score_ == pytest.approx(scores.mean())
    assert len(search.predict(table)) == 7


def test_tables_of_other_libraries_are_taken_by_arrow():
    table = pa.Table.from_pandas(daily(), preserve_index=False)
    forecast = Forecaster(7, 14, Ridge).fit(table).predict()
    expected = Forecaster(7, 14, Ridge).fit(daily()).predict()
    pd.testing.assert_frame_equal(forecast, expected)
