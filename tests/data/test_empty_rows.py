"""Rows with dates but no values at the ends of a table."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.backbones import DLinear
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.forecasting.forecaster import Forecaster

DAYS = pd.date_range("2024-01-01", periods=60)


def make_frame(**columns):
    values = {"x": 5.0 + np.arange(60) % 7, "y": 50.0 + np.arange(60) % 7}
    return pd.DataFrame({"date": DAYS, **values, **columns})


def clear(frame, rows, columns=("x", "y")):
    frame = frame.copy()
    frame.loc[frame.index[rows], list(columns)] = np.nan
    return frame


def test_empty_rows_at_the_ends_are_left_out(tmp_path):
    path = tmp_path / "sales.csv"
    clear(clear(make_frame(), slice(0, 3)), slice(50, 60)).to_csv(path, index=False)
    series = read_series(path)
    assert series.timestamps[[0, -1]].equals(DAYS[[3, 49]])
    np.testing.assert_array_equal(series.values, make_frame().iloc[3:50, 1:])
    assert series.notes == (
        f"{path}, lines 2 to 4 have dates but no values; the table begins with 2024-01-04",
        f"{path}, lines 52 to 61 have dates but no values; the forecast begins after 2024-02-19",
    )


def test_a_single_row_and_empty_rows_inside():
    series = read_series(clear(make_frame(), [20, 21, 59]))
    assert len(series) == 59
    assert np.isnan(series.values[20:22]).all()
    assert series.notes == (
        "the table, row 60 has a date but no values; the forecast begins after 2024-02-28",
    )


def test_the_forecast_begins_after_the_last_value():
    frame = clear(make_frame(), slice(50, 60))
    forecast = Forecaster(3).fit(frame).predict()
    pd.testing.assert_frame_equal(forecast, Forecaster(3).fit(frame[:50]).predict())
    assert forecast.date.tolist() == list(DAYS[50:53])


def test_newer_rows_of_a_saved_model_may_be_a_template():
    forecaster = Forecaster(3).fit(make_frame()[:40])
    newer = clear(make_frame(), slice(55, 60))
    pd.testing.assert_frame_equal(forecaster.predict(newer), forecaster.predict(newer[:55]))


def test_inputs_do_not_extend_the_table():
    frame = clear(make_frame(), slice(50, 60), ["x"])
    assert len(read_series(frame, inputs=["y"])) == 50
    assert len(read_series(frame)) == 60


def test_known_inputs_do_not_extend_the_table():
    frame = clear(make_frame(), slice(50, 60), ["x"])
    forecaster = Forecaster(3, covariates=["y"]).fit(frame)
    assert forecaster.fitted.history.timestamps[-1] == DAYS[49]
    assert forecaster.fitted.summary["notes"] == [
        "10 rows, 2024-02-20 to 2024-02-29, have no value of a series to forecast and were left "
        "out; the forecast begins after 2024-02-19. Known inputs of future steps are passed as "
        "`covariates` and future=..."
    ]


def test_columns_of_0_and_1_do_not_extend_the_table():
    frame = clear(make_frame(promo=np.arange(60) % 5 == 0), slice(50, 60))
    forecast = Forecaster(3).fit(frame).predict()
    assert forecast.date.tolist() == list(DAYS[50:53])
    named = Forecaster(3).fit(read_series(frame, target=["x", "promo"]))
    assert named.predict().date.tolist() == list(DAYS[59:] + pd.Timedelta(days=1))[:1] + list(
        pd.date_range("2024-03-02", periods=2)
    )


def test_a_column_that_ends_early_is_noted():
    forecaster = Forecaster(3, 5, DLinear).fit(clear(make_frame(), slice(50, 60), ["x"]))
    assert forecaster.fitted.summary["notes"] == [
        "column 'x' has no values in the last 10 rows; its forecast begins after 2024-02-29, as "
        "all others"
    ]


@pytest.mark.parametrize("shuffled", [False, True])
def test_each_series_of_a_long_table_ends_with_its_last_value(shuffled):
    parts = [
        pd.DataFrame({"unique_id": name, "ds": DAYS[:rows], "y": 1.0 + np.arange(rows)})
        for name, rows in (("a", 60), ("b", 40), ("c", 50))
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[[0, 55, 56, 57, 58, 59, 98, 99], "y"] = np.nan
    frame = frame.sample(frac=1, random_state=0) if shuffled else frame
    series = read_series(frame)
    assert series.timestamps[[0, -1]].equals(DAYS[[0, 54]])
    assert series.last_timestamps.equals(DAYS[[54, 37, 49]]) or shuffled
    assert dict(zip(series.names, series.last_timestamps, strict=True)) == {
        "a": DAYS[54],
        "b": DAYS[37],
        "c": DAYS[49],
    }
    if not shuffled:
        assert series.notes == (
            "the table, row 1 at the start of 1 series has a date but no values; each series "
            "begins with its first value",
            "the table, row 56 and 6 more at the end of 2 series have dates but no values; the "
            "forecast of each begins after its last value",
        )
