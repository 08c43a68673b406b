"""The frame of a backtest: its forecasts, values and times, and that it never sees later rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import Forecaster, RangeSettings, metrics, read_series
from revin_forecast.backbones import Linear, Ridge
from revin_forecast.errors import InputError
from revin_forecast.evaluation import backtest
from revin_forecast.forecasting import backtest_frame
from revin_forecast.training.settings import TrainingSettings
from tests.support.weekly_series import ROWS, make_series, make_values

HORIZON, LOOKBACK = 5, 14
COLUMNS = ["unique_id", "ds", "cutoff", "y", "forecast"]
LIMITS = ["forecast-lo-80", "forecast-hi-80"]


def make_ridge(horizon=HORIZON):
    return Forecaster(horizon, LOOKBACK, Ridge)


def to_frame(values=None, names=("a", "b")):
    series = make_series(values, names)
    frame = pd.DataFrame(series.values, series.timestamps, list(series.names))
    return frame.rename_axis("day").reset_index()


def test_a_row_for_each_cutoff_series_and_step():
    table = to_frame()
    frame = make_ridge().backtest(table, level=[80])
    assert frame.columns.tolist() == [*COLUMNS, *LIMITS]
    assert len(frame) == 36 * 2 * HORIZON
    assert frame["unique_id"].tolist()[:10] == ["a"] * 5 + ["b"] * 5
    ahead = (frame["ds"] - frame["cutoff"]).dt.days.tolist()
    assert ahead == [1, 2, 3, 4, 5] * 72
    assert frame["cutoff"].is_monotonic_increasing
    values = table.set_index("day").stack()
    expected = values.loc[list(zip(frame["ds"], frame["unique_id"], strict=True))]
    np.testing.assert_array_equal(frame["y"], expected)


def test_forecasts_are_those_of_predict_before_the_cutoff():
    table = to_frame()
    frame = make_ridge().backtest(table, level=[80], step=9)
    fitted = make_ridge().fit(table[:160])
    for cutoff, rows in frame.groupby("cutoff"):
        before = table[table["day"] <= cutoff]
        expected = fitted.predict(before, level=[80])
        for name, part in rows.groupby("unique_id"):
            assert part["ds"].tolist() == expected["day"].tolist()
            columns = [name, f"{name}-lo-80", f"{name}-hi-80"]
            np.testing.assert_allclose(part[["forecast", *LIMITS]], expected[columns], rtol=1e-6)


def test_a_refit_is_a_fit_on_all_rows_before():
    table = to_frame()
    frame = make_ridge().cross_validation(table, n_windows=3, step_size=4, level=[80])
    cutoffs = frame["cutoff"].unique()
    assert [cutoff.date().isoformat() for cutoff in cutoffs] == [
        "2024-07-05",
        "2024-07-09",
        "2024-07-13",
    ]
    for cutoff, rows in frame.groupby("cutoff"):
        expected = make_ridge().fit(table[table["day"] <= cutoff]).predict(level=[80])
        part = rows[rows["unique_id"] == "b"]
        np.testing.assert_allclose(
            part[["forecast", *LIMITS]], expected[["b", "b-lo-80", "b-hi-80"]], rtol=1e-6
        )


@pytest.mark.parametrize("forecaster", [make_ridge(), Forecaster(HORIZON)], ids=["ridge", "auto"])
@pytest.mark.parametrize("options", [{}, {"refit": 6}], ids=["once", "refit"])
def test_later_rows_change_no_forecast(forecaster, options):
    table = to_frame(make_values(rows=90))
    frame = forecaster.backtest(table, step=3, level=[80], **options)
    for place in (75, 84):
        changed = table.copy()
        changed.loc[place:, ["a", "b"]] += 1000 * (1 + np.arange(90 - place))[:, None]
        other = forecaster.backtest(changed, step=3, level=[80], **options)
        earlier = frame["cutoff"] < table["day"][place]
        assert earlier.any()
        forecasts = ["forecast", *LIMITS]
        pd.testing.assert_frame_equal(frame.loc[earlier, forecasts], other.loc[earlier, forecasts])
        assert not frame.loc[earlier, "y"].equals(other.loc[earlier, "y"])


@pytest.mark.parametrize("refit", [None, 12])
def test_scores_of_the_frame_are_those_of_the_backtest(refit):
    values = make_values()
    values[np.random.default_rng(1).random(values.shape) < 0.1] = np.nan
    series = make_series(values)
    frame = make_ridge().backtest(series, level=[80], refit=refit)
    result = backtest(make_ridge(), series, level=[80], refit=refit)
    frame["error"] = (frame["y"] - frame["forecast"]).abs()
    frame["hit"] = frame["y"].between(*(frame[name] for name in LIMITS)).where(frame["y"].notna())
    by_series = frame.groupby("unique_id")
    scores = result.series_scores.set_index("series")
    np.testing.assert_allclose(by_series["error"].mean(), scores["mae"], rtol=1e-5)
    np.testing.assert_array_equal(by_series["y"].count(), scores["observed"])
    np.testing.assert_allclose(
        by_series["hit"].mean().astype(float) * 100, scores["coverage-80"], atol=0.6
    )
    unit = metrics.seasonal_scale(torch.from_numpy(values[:160]), 7).numpy()
    np.testing.assert_allclose(by_series["error"].mean() / unit, scores["mase"], rtol=1e-5)
    assert frame["error"].mean() == pytest.approx(result.overall_scores["mae"], rel=1e-5)


def test_parts_that_are_written_are_the_frame(monkeypatch):
    monkeypatch.setattr(backtest_frame, "MAX_PART_ROWS", 40)
    parts = []
    backtest(make_ridge(), make_series(), level=[80], refit=10, write_part=parts.append)
    assert max(map(len, parts)) <= 40
    frame = make_ridge().backtest(make_series(), level=[80], refit=10)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), frame)


def test_series_of_a_long_table_have_their_own_times():
    values = make_values()
    rows = make_series(values).timestamps
    late = pd.DataFrame({"unique_id": "a", "ds": rows, "y": values[:, 0]})
    early = pd.DataFrame({"unique_id": "b", "ds": rows[:-60], "y": values[60:, 1]})
    frame = make_ridge().backtest(read_series(pd.concat([late, early])), level=())
    assert frame.columns.tolist() == COLUMNS
    ends = frame.groupby("unique_id")["ds"].max()
    assert ends.tolist() == [rows[-1], rows[-61]]
    assert ((frame["ds"] - frame["cutoff"]).dt.days <= HORIZON).all()
    true = early.set_index("ds")["y"]
    part = frame[frame["unique_id"] == "b"]
    np.testing.assert_array_equal(part["y"], true.loc[part["ds"]])


def test_interpolated_values_are_missing_in_y():
    values = make_values()
    values[150:190:3] = np.nan
    filled = read_series(make_series(values), missing="interpolate")
    frame = make_ridge().backtest(filled, level=())
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(150, 190, 3), unit="D")
    assert frame.loc[frame["ds"].isin(days), "y"].isna().all()
    assert frame.loc[~frame["ds"].isin(days), "y"].notna().all()
    assert frame["forecast"].notna().all()


def test_values_keep_their_range():
    counts = np.random.default_rng(0).poisson(3, size=(120, 1)).astype(float)
    frame = make_ridge().backtest(make_series(counts, ("a",)), level=[80])
    numbers = frame[["forecast", *LIMITS]].to_numpy()
    assert (numbers == np.rint(numbers)).all()
    assert (numbers >= 0).all()
    free = read_series(to_frame(counts, ("a",)), range_settings=RangeSettings(whole_numbers=False))
    assert (make_ridge().backtest(free)["forecast"] % 1 != 0).any()


def test_own_quantiles_of_a_model_are_the_limits():
    training = TrainingSettings(max_epochs=1, loss="quantile", learning_rate=0.01)
    forecaster = Forecaster(HORIZON, LOOKBACK, Linear, training=training)
    frame = forecaster.backtest(make_series(), step=10)
    assert frame.columns.tolist() == [*COLUMNS, *LIMITS, "forecast-lo-95", "forecast-hi-95"]


def test_a_series_that_begins_too_late_is_named_in_a_warning():
    values = make_values(channels=3)
    values[:190, 1] = np.nan
    with pytest.warns(UserWarning, match=r"\['b'\] have no value before the first cutoff"):
        frame = make_ridge().backtest(make_series(values, ("a", "b", "c")))
    assert frame["unique_id"].unique().tolist() == ["a", "c"]


def test_cross_validation_has_the_windows_of_statsforecast():
    table = to_frame()
    last = table["day"].iloc[-1]
    frame = make_ridge().cross_validation(table, h=3, n_windows=4, step_size=2, refit=2)
    assert frame.groupby("cutoff").size().tolist() == [6] * 4
    expected = [last - pd.Timedelta(days=days) for days in (9, 7, 5, 3)]
    assert frame["cutoff"].unique().tolist() == expected
    assert frame["ds"].max() == last
    fitted = make_ridge(3).fit(table[table["day"] <= expected[0]])
    second = fitted.predict(table[table["day"] <= expected[1]])
    part = frame[(frame["cutoff"] == expected[1]) & (frame["unique_id"] == "a")]
    np.testing.assert_allclose(part["forecast"], second["a"], rtol=1e-6)
    # Without a refit, the windows are those of a backtest.
    once = make_ridge().cross_validation(table, n_windows=36, refit=False, level=[80])
    pd.testing.assert_frame_equal(once, make_ridge().backtest(table, level=[80]))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 6))
def test_every_window_ends_within_the_table(horizon, count, step):
    table = to_frame(make_values(rows=80, channels=1), ("a",))
    frame = Forecaster(horizon, 7, Ridge).cross_validation(
        table, n_windows=count, step_size=step, refit=False
    )
    assert len(frame) == horizon * count
    assert frame["ds"].max() == table["day"].iloc[-1]
    assert (np.diff(frame["cutoff"].unique()) == np.timedelta64(step, "D")).all()
    assert frame["y"].notna().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_windows": 0}, "n_windows is a number of windows from 1 up but got 0"),
        ({"step_size": 0}, "step_size is a number of rows from 1 up but got 0"),
        ({"refit": -1}, "refit is True, False or a number of windows from 1 up but got -1"),
        ({"h": 0}, "horizon is a number of steps from 1 up but got 0"),
        ({"n_windows": 50, "step_size": 4}, "200 rows are too few for 50 windows of 5 steps, 4"),
        ({"level": [0.8]}, "in percent but got 0.8; pass 80"),
    ],
)
def test_unusable_windows_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        make_ridge().cross_validation(to_frame(), **options)


def test_a_frame_beyond_the_memory_is_refused_with_a_step_that_suffices(monkeypatch):
    monkeypatch.setattr(backtest_frame, "memory_bytes", lambda: 36_000)
    with pytest.raises(InputError, match="a frame of 360 rows") as caught:
        make_ridge().backtest(to_frame(), level=())
    step = int(str(caught.value).split("Choose cutoffs ")[1].split()[0])
    assert step == 3
    assert len(make_ridge().backtest(to_frame(), level=(), step=step)) == 12 * 2 * HORIZON
    with pytest.raises(InputError, match="Choose cutoffs"):
        make_ridge().backtest(to_frame(), level=(), step=step - 1)


def test_the_forecaster_itself_does_not_change():
    forecaster = make_ridge().fit(to_frame()[:100])
    before = forecaster.predict()
    forecaster.backtest(to_frame())
    forecaster.cross_validation(to_frame())
    pd.testing.assert_frame_equal(forecaster.predict(), before)
    assert len(to_frame()) == ROWS
