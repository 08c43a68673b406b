"""Scores, origins and forecasts of a backtest, against direct computations."""

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, metrics
from revin_forecast.backbones import Linear, Repeat, Ridge, TiDE
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from revin_forecast.evaluation import backtest
from revin_forecast.forecasting.rolling_windows import iter_rolling_origins
from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.training.settings import TrainingSettings
from tests.support.weekly_series import ROWS, make_series, make_values

HORIZON, LOOKBACK = 5, 14


def make_ridge():
    return Forecaster(HORIZON, LOOKBACK, Ridge)


def test_scores_equal_the_metrics():
    values = make_values()
    values[np.random.default_rng(1).random(values.shape) < 0.1] = np.nan
    result = backtest(make_ridge(), make_series(values), level=[80])
    fitted, start = result.fitted, 160
    assert fitted.summary["last"] == str(pd.Timestamp("2024-01-01") + pd.Timedelta(days=159))
    origins = range(start, ROWS - HORIZON + 1)
    past = np.stack([values[origin - LOOKBACK : origin] for origin in origins])
    truth = torch.from_numpy(np.stack([values[o : o + HORIZON] for o in origins]))
    scaled = fitted.standardizer.to_tensor(past)
    units, mean = map(torch.from_numpy, (fitted.standardizer.scale, fitted.standardizer.mean))
    forecast = fitted.forecast(scaled).double() * units + mean
    deciles = [step / 10 for step in range(1, 10)]
    quantiles = fitted.quantiles(scaled, deciles).double() * units[:, None] + mean[:, None]
    unit = metrics.seasonal_scale(torch.from_numpy(values[:start]), 7)

    def compute_scores(part):
        pair = forecast[..., part], truth[..., part]
        columns = quantiles[..., part, :], truth[..., part], deciles
        limits = quantiles[..., part, 0], quantiles[..., part, 8]
        return {
            "observed": int(truth[..., part].isfinite().sum()),
            "mae": metrics.mae(*pair).item(),
            "mse": metrics.mse(*pair).item(),
            "coverage-80": 100 * metrics.coverage(*limits, truth[..., part]).item(),
            "wql": metrics.wql(*columns).item(),
            "crps": metrics.crps(*columns).item(),
        }

    for channel, row in enumerate(result.series_scores.to_dict("records")):
        expected = compute_scores([channel])
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-5)
        mase = expected["mae"] / unit[channel].item()
        assert row["mase"] == pytest.approx(mase, rel=1e-5)
    expected = compute_scores([0, 1])
    assert {name: result.overall_scores[name] for name in expected} == pytest.approx(
        expected, rel=1e-5
    )
    assert result.overall_scores["mase"] == pytest.approx(result.series_scores["mase"].mean())
    assert result.overall_scores["mase"] < result.overall_scores["repeat_mase"]
    assert len(result.cutoffs) == len(origins)
    assert result.cutoffs[0] == pd.Timestamp(fitted.summary["last"])


def test_smape_is_scored_on_request_only():
    values = make_values()
    values[170] = 0
    values[171] = np.nan
    plain, with_smape = (
        backtest(make_ridge(), make_series(values)),
        backtest(make_ridge(), make_series(values), smape=True),
    )
    assert not [name for name in plain.overall_scores if "smape" in name]
    fitted = with_smape.fitted
    past = np.stack([values[o - LOOKBACK : o] for o in range(160, ROWS - HORIZON + 1)])
    truth = torch.from_numpy(
        np.stack([values[o : o + HORIZON] for o in range(160, ROWS - HORIZON + 1)])
    )
    forecast = fitted.standardizer.inverse_transform(
        fitted.forecast(fitted.standardizer.to_tensor(past)).numpy()
    )
    expected = metrics.smape(torch.from_numpy(forecast).double(), truth).item()
    assert with_smape.overall_scores["smape"] == pytest.approx(expected, rel=1e-5)
    assert with_smape.overall_scores["repeat_smape"] > with_smape.overall_scores["smape"]
    assert with_smape.series_scores["smape"].mean() == pytest.approx(expected, rel=1e-2)


def test_a_refit_uses_all_rows_before():
    values = make_values()
    result = backtest(make_ridge(), make_series(values), refit=10, step=3)
    assert result.fit_count == 3  # 12 forecasts of 3 rows each, fitted again after 12 rows
    once = backtest(make_ridge(), make_series(values), step=3)
    errors = []
    for first in (160, 172, 184):
        fitted = make_ridge().fit(make_series(values).slice_rows(0, first)).fitted
        for origin in range(first, min(first + 12, ROWS - HORIZON + 1), 3):
            past = fitted.standardizer.to_tensor(values[None, origin - LOOKBACK : origin])
            forecast = fitted.standardizer.inverse_transform(fitted.forecast(past)[0].numpy())
            errors.append(np.abs(forecast - values[origin : origin + HORIZON]))
    assert len(result.cutoffs) == len(errors) == len(once.cutoffs)
    assert result.overall_scores["mae"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert result.overall_scores["mae"] != once.overall_scores["mae"]
    first_third = result.paths.next_errors[:4]
    np.testing.assert_array_equal(first_third, once.paths.next_errors[:4])
    assert (result.paths.next_errors[4:] != once.paths.next_errors[4:]).all()


def test_values_interpolated_from_later_ones_are_neither_used_nor_scored():
    """The result is that of a table that ends at each origin and is interpolated there."""
    values = np.cumsum(np.random.default_rng(3).normal(size=(ROWS, 1)), axis=0)
    values[np.arange(ROWS) % 12 >= 5] = np.nan
    gaps = make_series(values)
    filled = read_series(gaps, missing="interpolate")
    assert filled.unobserved_count == gaps.unobserved_count
    result = backtest(make_ridge(), filled)
    errors = []
    for origin in range(160, ROWS - HORIZON + 1):
        then = read_series(gaps.slice_rows(0, origin), missing="interpolate").values[-LOOKBACK:]
        past = result.fitted.standardizer.to_tensor(then[None])
        forecast = result.fitted.standardizer.inverse_transform(
            result.fitted.forecast(past)[0].numpy()
        )
        errors.append(np.abs(forecast - values[origin : origin + HORIZON]))
    assert result.overall_scores["observed"] == np.isfinite(errors).sum()
    assert result.overall_scores["mae"] == pytest.approx(np.nanmean(errors), rel=1e-5)


@pytest.mark.parametrize("backbone", ["auto", Ridge])
def test_intervals_of_interpolated_tables_hold(backbone):
    """Lines interpolated to later values would make intervals far too narrow."""
    values = np.cumsum(np.random.default_rng(4).normal(size=(600, 1)), axis=0)
    values[np.arange(600) % 12 >= 4] = np.nan
    gaps = make_series(values)
    filled = read_series(gaps, missing="interpolate")
    result = backtest(Forecaster(4, backbone=backbone), filled, level=[80])
    assert 70 < result.overall_scores["coverage-80"] < 92


def test_scores_of_each_step():
    values = make_values()
    values[175, 0] = np.nan
    result = backtest(make_ridge(), make_series(values), level=[80])
    ahead = np.stack([values[o : o + HORIZON] for o in range(160, 196)])
    fitted = result.fitted
    past = np.stack([values[o - LOOKBACK : o] for o in range(160, 196)])
    forecast = fitted.forecast(fitted.standardizer.to_tensor(past)).numpy()
    expected = np.nanmean(ahead - fitted.standardizer.inverse_transform(forecast), axis=(0, 1))
    np.testing.assert_allclose(result.paths.mean_error, expected, rtol=1e-3)
    steps = result.step_scores
    assert steps["step"].tolist() == [1, 2, 3, 4, 5]
    unit = naive_scale(torch.from_numpy(values[:160]), 7).numpy()
    next_errors = np.abs(result.paths.next_errors) / unit
    assert steps["mase"][0] == pytest.approx(np.nanmean(next_errors))
    assert set(steps.columns) >= {"repeat_mase", "seasonal_naive_mase", "coverage-80"}
    counts = np.isfinite(np.stack([values[o : o + HORIZON] for o in range(160, 196)])).sum((0, 2))
    mean = np.average(steps["mase"], weights=counts)
    weighted = result.series_scores["mae"] / unit * result.series_scores["observed"]
    assert mean == pytest.approx(weighted.sum() / result.series_scores["observed"].sum())


def test_forecasts_that_do_not_overlap_are_recorded():
    values = make_values()
    result = backtest(make_ridge(), make_series(values), step=2)
    paths = result.paths
    assert paths.rows.tolist() == [160, 166, 172, 178, 184, 190]
    assert paths.names == ("a", "b")
    np.testing.assert_allclose(paths.truth[1], values[166:171])
    fitted = result.fitted
    past = fitted.standardizer.to_tensor(values[None, 166 - LOOKBACK : 166])
    expected = fitted.standardizer.inverse_transform(fitted.forecast(past)[0].numpy())
    np.testing.assert_allclose(paths.forecast[1], expected, rtol=1e-6)
    assert paths.next_rows.tolist() == list(range(160, 196, 2))
    np.testing.assert_allclose(
        paths.next_errors[3], (values[166] - paths.forecast[1, 0]), rtol=1e-4, atol=1e-5
    )


def test_naive_forecasts_fill_gaps():
    """They use the last value, and the last one of the same weekday, however old."""
    values = make_values(channels=1)
    values[170] = values[100:103] = values[140:163] = np.nan
    result = backtest(Forecaster(HORIZON, 1, Repeat), make_series(values), season=7)
    assert result.season == 7
    errors, seasonal = [], []
    for origin in range(160, ROWS - HORIZON + 1):
        for ahead in range(HORIZON):
            rows = np.arange(origin)
            same_weekday = rows[(rows - origin - ahead) % 7 == 0]
            last, same = (
                values[index, 0][np.isfinite(values[index, 0])][-1]
                for index in (rows, same_weekday)
            )
            errors.append(values[origin + ahead, 0] - last)
            seasonal.append(values[origin + ahead, 0] - same)
    row = result.series_scores.iloc[0]
    assert row["repeat_mae"] == pytest.approx(np.nanmean(np.abs(errors)), rel=1e-5)
    assert row["seasonal_naive_mse"] == pytest.approx(np.nanmean(np.square(seasonal)), rel=1e-5)
    assert row["observed"] == np.isfinite(errors).sum()


def test_later_values_change_no_forecast():
    plain, values = backtest(make_ridge(), make_series()), make_values()
    values[-1] += 1000
    other = backtest(make_ridge(), make_series(values))
    for name, part in plain.fitted.model.state_dict().items():
        assert torch.equal(part, other.fitted.model.state_dict()[name])
    # The last row is the target of one forecast's last step only, and in no look-back.
    count, mae = plain.overall_scores["observed"], other.overall_scores["mae"]
    added = (mae - plain.overall_scores["mae"]) * count / 2
    assert added == pytest.approx(1000, rel=0.01)


def test_step_thins_out_the_origins():
    forecaster = make_ridge()
    result = backtest(forecaster, make_series(), step=10, test_share=0.3)
    assert result.cutoffs.tolist() == list(make_series().timestamps[139:195:10])
    assert result.series_scores["observed"].tolist() == [6 * HORIZON] * 2
    with pytest.raises(InputError, match="not fitted yet"):
        _ = forecaster.fitted


def test_each_series_is_scored_over_its_own_end():
    values = make_values()
    rows = make_series(values).timestamps
    early = pd.DataFrame({"unique_id": "b", "ds": rows[:-60], "y": values[60:, 1]})
    late = pd.DataFrame({"unique_id": "a", "ds": rows, "y": values[:, 0]})
    unaligned = read_series(pd.concat([late, early]))
    aligned = values.copy()
    aligned[:60, 1] = np.nan
    result, expected = (
        backtest(make_ridge(), unaligned),
        backtest(make_ridge(), make_series(aligned)),
    )
    pd.testing.assert_frame_equal(result.series_scores, expected.series_scores)
    assert result.overall_scores["observed"] == 2 * 30 * HORIZON  # a fifth of a typical series


def test_a_series_that_begins_in_the_test_part_is_excluded():
    values = make_values(channels=3)
    values[:190, 1] = np.nan
    result = backtest(make_ridge(), make_series(values, ("a", "b", "c")))
    assert result.excluded_series == ("b",)
    assert result.series_scores["series"].tolist() == ["a", "c"]


def test_a_short_table_has_intervals_of_any_level():
    short = make_series(make_values(rows=26, channels=1))
    for forecaster in (Forecaster(3, 4, Ridge), Forecaster(3)):
        result = backtest(forecaster, short)
        assert result.levels == (80.0, 95.0)
        wide = backtest(forecaster, short, level=[80, 95, 99.8])
        assert wide.levels == (80.0, 95.0, 99.8)
        widths = [wide.overall_scores[f"width-{level:g}"] for level in wide.levels]
        assert 0 < widths[0] < widths[1] < widths[2]
        assert result.overall_scores["width-95"] == widths[1]
    with pytest.raises(InputError, match="in percent but got 0.8; pass 80"):
        backtest(make_ridge(), make_series(), level=[0.8])


def test_a_model_of_quantiles_is_scored_by_its_own_quantiles():
    training = TrainingSettings(max_epochs=1, loss="quantile", learning_rate=0.01)
    result = backtest(Forecaster(HORIZON, LOOKBACK, Linear, training=training), make_series())
    assert result.fitted.intervals is None
    assert result.levels == (80.0, 95.0)
    assert 0 < result.overall_scores["coverage-80"] <= result.overall_scores["coverage-95"]
    assert result.overall_scores["width-80"] < result.overall_scores["width-95"]
    assert result.overall_scores["crps"] > 0


def test_known_inputs_belong_to_each_window():
    values = make_values(channels=3)
    training = TrainingSettings(max_epochs=1)
    forecaster = Forecaster(HORIZON, LOOKBACK, TiDE, training=training, covariates=("weekday", "c"))
    result = backtest(forecaster, make_series(values, ("a", "b", "c")), season=30)
    assert result.series_scores["series"].tolist() == ["a", "b"]
    fitted, origin = result.fitted, 163  # the fourth forecast, as `predict` makes it
    table = make_series(values, ("a", "b", "c"))
    forecaster.fitted = fitted
    expected = forecaster.predict(
        table.slice_rows(0, origin), future=table.slice_rows(origin, origin + HORIZON).select(["c"])
    )
    batch = next(iter_rolling_origins(fitted, table, range(160, 196), 30))
    forecast = fitted.forecast(batch.past, batch.known)[3].numpy()
    forecast = fitted.standardizer.inverse_transform(forecast)
    np.testing.assert_allclose(expected[["a", "b"]], forecast, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_share": 1.0}, "test share lies between 0 and 1 but got 1; pass 0.2"),
        ({"test_share": 0.0}, "test share lies between 0 and 1 but got 0"),
        ({"step": 0}, "a number of rows from 1 up but got 0"),
        ({"refit": 0}, "refit is a number of rows from 1 up but got 0"),
    ],
)
def test_unusable_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        backtest(make_ridge(), make_series(), **options)


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="5 rows are too few for a test part of 5 and rows before"):
        backtest(make_ridge(), make_series(make_values(rows=5)))
    unobserved = make_values()
    unobserved[160:] = np.nan
    with pytest.raises(InputError, match="no value of the last 40 rows was observed"):
        backtest(make_ridge(), make_series(unobserved))
    unobserved = make_values()
    unobserved[:195] = np.nan
    with pytest.raises(InputError, match=r"\['a', 'b'\] have no value before the test part"):
        backtest(make_ridge(), make_series(unobserved))


def test_rounding_is_not_a_miss_of_a_constant_series():
    values = np.column_stack([make_values()[:, :1], np.full((ROWS, 2), (42.0, 7.3))])
    names = ("a", "b", "c")
    result = backtest(Forecaster(HORIZON), make_series(values, names), level=[80, 95], step=5)
    scores = result.series_scores
    assert np.all(scores.filter(like="coverage").to_numpy()[1:] == 100)
    assert float(scores["coverage-80"].iloc[0]) < 100
