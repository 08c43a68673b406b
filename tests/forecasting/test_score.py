"""The score of a fitted forecaster on later rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, metrics
from revin_forecast.backbones import Ridge, TiDE
from revin_forecast.errors import InputError
from revin_forecast.training.settings import TrainingSettings
from tests.support.weekly_series import make_series, make_values

HORIZON, LOOKBACK, FIRST = 5, 14, 160


@pytest.fixture
def table():
    series = make_series()
    return pd.DataFrame(series.values, series.timestamps, list(series.names)).rename_axis("day")


@pytest.fixture
def fitted(table):
    return Forecaster(HORIZON, LOOKBACK, Ridge).fit(table[:FIRST])


def test_a_score_is_the_negative_mase_of_a_backtest(fitted, table):
    frame = Forecaster(HORIZON, LOOKBACK, Ridge).backtest(table)
    error = (frame["y"] - frame["forecast"]).abs().groupby(frame["unique_id"]).mean()
    unit = metrics.seasonal_scale(torch.tensor(table.to_numpy()[:FIRST]), 7).numpy()
    expected = -(error / unit).mean()
    assert fitted.score(table) == pytest.approx(expected, rel=1e-5)
    assert fitted.score(table[FIRST:]) == fitted.score(table)
    assert fitted.score(table[100:], None) == fitted.score(table)


def test_a_better_forecaster_has_a_greater_score(fitted, table):
    worse = Forecaster(HORIZON, 1, Ridge).fit(table[:FIRST])
    assert worse.score(table) < fitted.score(table) < 0


def test_a_saved_forecaster_has_the_same_score(fitted, table, tmp_path):
    fitted.save(tmp_path)
    assert Forecaster.load(tmp_path).score(table) == fitted.score(table)
    old = Forecaster.load(tmp_path)
    old.fitted = replace(old.fitted, naive_scale=None)  # of an earlier version
    unit = metrics.seasonal_scale(torch.tensor(table.to_numpy()), 7)
    assert old.score(table) == pytest.approx(fitted.score(table), rel=0.1)
    assert old.score(table) != fitted.score(table)
    assert unit.isfinite().all()


def test_values_that_were_fitted_on_do_not_count(fitted, table):
    changed = table.copy()
    # The look-back of the first window is fitted on, too: only earlier rows change.
    changed.iloc[: FIRST - LOOKBACK] += 1000
    assert fitted.score(changed) == fitted.score(table)
    changed.iloc[-1] += 1000
    assert fitted.score(changed) < fitted.score(table) - 1


def test_series_with_different_ends_are_scored_after_their_own():
    values = make_values()
    days = make_series(values).timestamps
    parts = [
        pd.DataFrame({"unique_id": name, "ds": days[: 200 - cut], "y": values[cut:, index]})
        for index, (name, cut) in enumerate([("a", 0), ("b", 60)])
    ]
    before = pd.concat([parts[0][:FIRST], parts[1][: FIRST - 60]])
    fitted = Forecaster(HORIZON, LOOKBACK, Ridge).fit(before)
    score = fitted.score(pd.concat(parts))
    aligned = values.copy()
    aligned[:60, 1] = np.nan
    expected = Forecaster(HORIZON, LOOKBACK, Ridge).fit(make_series(aligned[:FIRST]))
    assert score == pytest.approx(expected.score(make_series(aligned)), rel=1e-6)


def test_known_inputs_are_read_from_the_table(table):
    training = TrainingSettings(max_epochs=1)
    wide = table.assign(c=np.arange(200) % 3)
    forecaster = Forecaster(HORIZON, LOOKBACK, TiDE, training=training, covariates=("weekday", "c"))
    forecaster.fit(wide[:FIRST])
    assert -5 < forecaster.score(wide) < 0
    assert forecaster.score(wide[FIRST:]) == pytest.approx(forecaster.score(wide), rel=1e-6)
    with pytest.raises(InputError, match=r"the table lacks \['c'\]"):
        forecaster.score(table)


def test_tables_without_later_rows_are_refused(fitted, table):
    with pytest.raises(InputError, match="has 0 rows to score after 2024-06-08 00:00:00, the last"):
        fitted.score(table[:FIRST])
    with pytest.raises(InputError, match="has 4 rows to score .* a forecast has 5 steps"):
        fitted.score(table[: FIRST + 4])
    # Rows that are not connected to those fitted on need a look-back of their own.
    with pytest.raises(InputError, match="has 3 rows to score"):
        fitted.score(table[183:].set_axis(table.index[183:] + pd.Timedelta(days=100)))
    with pytest.raises(InputError, match=r"the table lacks \['b'\]"):
        fitted.score(table[["a"]])
    empty = table.copy()
    empty.iloc[FIRST:] = np.nan
    with pytest.raises(InputError, match="no series has a MASE: nothing was observed"):
        fitted.score(make_series(empty.to_numpy()))
