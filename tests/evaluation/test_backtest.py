import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, metrics
from revin_forecast.backbones import Linear, Repeat, Ridge, TiDE
from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.evaluation import backtest
from revin_forecast.evaluation.backtest import seasonal_naive_scale
from revin_forecast.evaluation.rolling_windows import iter_rolling_origins
from revin_forecast.training.settings import TrainingSettings

HORIZON, LOOKBACK, ROWS = 5, 14, 200


def values(rows=ROWS, channels=2, seed=0):
    random = np.random.default_rng(seed)
    season = np.sin(np.arange(rows)[:, None] * 2 * np.pi / 7)
    return 50 + 10 * np.arange(1, channels + 1) * season + random.normal(size=(rows, channels))


def series(array=None, names=("a", "b")):
    array = values() if array is None else array
    stamps = pd.date_range("2024-01-01", periods=len(array), freq="D")
    return Series(array, stamps, names[: array.shape[1]], "D")


def ridge():
    return Forecaster(HORIZON, LOOKBACK, Ridge)


def test_scores_are_those_of_the_metrics():
    array = values()
    array[np.random.default_rng(1).random(array.shape) < 0.1] = np.nan
    result = backtest(ridge(), series(array), level=[80])
    fitted, start = result.fitted, 160
    assert fitted.summary["last"] == str(pd.Timestamp("2024-01-01") + pd.Timedelta(days=159))
    origins = range(start, ROWS - HORIZON + 1)
    past = np.stack([array[origin - LOOKBACK : origin] for origin in origins])
    truth = torch.from_numpy(np.stack([array[o : o + HORIZON] for o in origins]))
    scaled = fitted.standardizer.to_tensor(past)
    units, mean = map(torch.from_numpy, (fitted.standardizer.scale, fitted.standardizer.mean))
    forecast = fitted.forecast(scaled).double() * units + mean
    deciles = [step / 10 for step in range(1, 10)]
    quantiles = fitted.quantiles(scaled, deciles).double() * units[:, None] + mean[:, None]
    unit = metrics.seasonal_scale(torch.from_numpy(array[:start]), 7)

    def wanted(part):
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

    for place, row in enumerate(result.series_scores.to_dict("records")):
        one = wanted([place])
        assert {name: row[name] for name in one} == pytest.approx(one, rel=1e-5)
        assert row["mase"] == pytest.approx(one["mae"] / unit[place].item(), rel=1e-5)
    assert {name: result.overall_scores[name] for name in one} == pytest.approx(
        wanted([0, 1]), rel=1e-5
    )
    assert result.overall_scores["mase"] == pytest.approx(result.series_scores["mase"].mean())
    assert result.overall_scores["mase"] < result.overall_scores["repeat_mase"]
    assert len(result.cutoffs) == len(origins)
    assert result.cutoffs[0] == pd.Timestamp(fitted.summary["last"])


def test_the_percentage_error_comes_on_request_only():
    array = values()
    array[170] = 0
    array[171] = np.nan
    plain, asked = backtest(ridge(), series(array)), backtest(ridge(), series(array), smape=True)
    assert not [name for name in plain.overall_scores if "smape" in name]
    fitted = asked.fitted
    past = np.stack([array[o - LOOKBACK : o] for o in range(160, ROWS - HORIZON + 1)])
    truth = torch.from_numpy(
        np.stack([array[o : o + HORIZON] for o in range(160, ROWS - HORIZON + 1)])
    )
    forecast = fitted.standardizer.inverse_transform(
        fitted.forecast(fitted.standardizer.to_tensor(past)).numpy()
    )
    wanted = metrics.smape(torch.from_numpy(forecast).double(), truth).item()
    assert asked.overall_scores["smape"] == pytest.approx(wanted, rel=1e-5)
    assert asked.overall_scores["repeat_smape"] > asked.overall_scores["smape"]
    assert asked.series_scores["smape"].mean() == pytest.approx(wanted, rel=1e-2)


def test_a_refit_has_seen_all_rows_before():
    array = values()
    result = backtest(ridge(), series(array), refit=10, step=3)
    assert result.fit_count == 3  # 12 forecasts of 3 rows each, fitted again after 12 rows
    once = backtest(ridge(), series(array), step=3)
    errors = []
    for first in (160, 172, 184):
        fitted = ridge().fit(series(array).slice_rows(0, first)).fitted
        for origin in range(first, min(first + 12, ROWS - HORIZON + 1), 3):
            past = fitted.standardizer.to_tensor(array[None, origin - LOOKBACK : origin])
            forecast = fitted.standardizer.inverse_transform(fitted.forecast(past)[0].numpy())
            errors.append(np.abs(forecast - array[origin : origin + HORIZON]))
    assert len(result.cutoffs) == len(errors) == len(once.cutoffs)
    assert result.overall_scores["mae"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert result.overall_scores["mae"] != once.overall_scores["mae"]
    first_third = result.paths.next_errors[:4]
    np.testing.assert_array_equal(first_third, once.paths.next_errors[:4])
    assert (result.paths.next_errors[4:] != once.paths.next_errors[4:]).all()


def test_what_is_interpolated_from_later_values_is_neither_seen_nor_scored():
    """As if the table had ended at each origin and had been interpolated then."""
    array = np.cumsum(np.random.default_rng(3).normal(size=(ROWS, 1)), axis=0)
    array[np.arange(ROWS) % 12 >= 5] = np.nan
    gaps = series(array)
    filled = read_series(gaps, missing="interpolate")
    assert filled.unobserved_count == gaps.unobserved_count
    result = backtest(ridge(), filled)
    errors = []
    for origin in range(160, ROWS - HORIZON + 1):
        then = read_series(gaps.slice_rows(0, origin), missing="interpolate").values[-LOOKBACK:]
        past = result.fitted.standardizer.to_tensor(then[None])
        forecast = result.fitted.standardizer.inverse_transform(
            result.fitted.forecast(past)[0].numpy()
        )
        errors.append(np.abs(forecast - array[origin : origin + HORIZON]))
    assert result.overall_scores["observed"] == np.isfinite(errors).sum()
    assert result.overall_scores["mae"] == pytest.approx(np.nanmean(errors), rel=1e-5)


@pytest.mark.parametrize("backbone", ["auto", Ridge])
def test_intervals_of_interpolated_tables_hold(backbone):
    """Lines drawn to what comes would say that the next values are almost known."""
    array = np.cumsum(np.random.default_rng(4).normal(size=(600, 1)), axis=0)
    array[np.arange(600) % 12 >= 4] = np.nan
    gaps = series(array)
    filled = read_series(gaps, missing="interpolate")
    result = backtest(Forecaster(4, backbone=backbone), filled, level=[80])
    assert 70 < result.overall_scores["coverage-80"] < 92


def test_errors_by_step_are_those_of_the_step():
    array = values()
    array[175, 0] = np.nan
    result = backtest(ridge(), series(array), level=[80])
    ahead = np.stack([array[o : o + HORIZON] for o in range(160, 196)])
    fitted = result.fitted
    past = np.stack([array[o - LOOKBACK : o] for o in range(160, 196)])
    forecast = fitted.forecast(fitted.standardizer.to_tensor(past)).numpy()
    wanted = np.nanmean(ahead - fitted.standardizer.inverse_transform(forecast), axis=(0, 1))
    np.testing.assert_allclose(result.paths.mean_error, wanted, rtol=1e-3)
    steps = result.step_scores
    assert steps["step"].tolist() == [1, 2, 3, 4, 5]
    unit = seasonal_naive_scale(array[:160], 7)
    next_errors = np.abs(result.paths.next_errors) / unit
    assert steps["mase"][0] == pytest.approx(np.nanmean(next_errors))
    assert set(steps.columns) >= {"repeat_mase", "seasonal_naive_mase", "coverage-80"}
    counts = np.isfinite(np.stack([array[o : o + HORIZON] for o in range(160, 196)])).sum((0, 2))
    mean = np.average(steps["mase"], weights=counts)
    whole = result.series_scores["mae"] / unit * result.series_scores["observed"]
    assert mean == pytest.approx(whole.sum() / result.series_scores["observed"].sum())


def test_forecasts_that_do_not_overlap_are_kept():
    array = values()
    result = backtest(ridge(), series(array), step=2)
    paths = result.paths
    assert paths.rows.tolist() == [160, 166, 172, 178, 184, 190]
    assert paths.names == ("a", "b")
    np.testing.assert_allclose(paths.truth[1], array[166:171])
    fitted = result.fitted
    past = fitted.standardizer.to_tensor(array[None, 166 - LOOKBACK : 166])
    wanted = fitted.standardizer.inverse_transform(fitted.forecast(past)[0].numpy())
    np.testing.assert_allclose(paths.forecast[1], wanted, rtol=1e-6)
    assert paths.next_rows.tolist() == list(range(160, 196, 2))
    np.testing.assert_allclose(
        paths.next_errors[3], (array[166] - paths.forecast[1, 0]), rtol=1e-4, atol=1e-5
    )


def test_naive_forecasts_stand_beside_and_see_through_gaps():
    """However long ago the last value was, and the last one of the same day of the week."""
    array = values(channels=1)
    array[170] = array[100:103] = array[140:163] = np.nan
    result = backtest(Forecaster(HORIZON, 1, Repeat), series(array), season=7)
    assert result.season == 7
    errors, seasonal = [], []
    for origin in range(160, ROWS - HORIZON + 1):
        for ahead in range(HORIZON):
            rows = [
                np.arange(origin),
                np.arange(origin)[(np.arange(origin) - origin - ahead) % 7 == 0],
            ]
            last, same = (one[np.isfinite(one)][-1] for one in (array[some, 0] for some in rows))
            errors.append(array[origin + ahead, 0] - last)
            seasonal.append(array[origin + ahead, 0] - same)
    row = result.series_scores.iloc[0]
    assert row["repeat_mae"] == pytest.approx(np.nanmean(np.abs(errors)), rel=1e-5)
    assert row["seasonal_naive_mse"] == pytest.approx(np.nanmean(np.square(seasonal)), rel=1e-5)
    assert row["observed"] == np.isfinite(errors).sum()


def test_what_came_later_changes_no_forecast():
    plain, array = backtest(ridge(), series()), values()
    array[-1] += 1000
    other = backtest(ridge(), series(array))
    for name, part in plain.fitted.model.state_dict().items():
        assert torch.equal(part, other.fitted.model.state_dict()[name])
    # The last row is the last step's truth of one forecast alone, and in no look-back.
    count, far = plain.overall_scores["observed"], other.overall_scores["mae"]
    added = (far - plain.overall_scores["mae"]) * count / 2
    assert added == pytest.approx(1000, rel=0.01)


def test_origins_apart_are_some_of_all():
    forecaster = ridge()
    result = backtest(forecaster, series(), step=10, test_share=0.3)
    assert result.cutoffs.tolist() == list(series().timestamps[139:195:10])
    assert result.series_scores["observed"].tolist() == [6 * HORIZON] * 2
    with pytest.raises(InputError, match="not fitted yet"):
        _ = forecaster.fitted


def test_each_series_is_scored_over_its_own_end():
    array = values()
    rows = series(array).timestamps
    early = pd.DataFrame({"unique_id": "b", "ds": rows[:-60], "y": array[60:, 1]})
    late = pd.DataFrame({"unique_id": "a", "ds": rows, "y": array[:, 0]})
    apart = read_series(pd.concat([late, early]))
    together = array.copy()
    together[:60, 1] = np.nan
    got, wanted = backtest(ridge(), apart), backtest(ridge(), series(together))
    pd.testing.assert_frame_equal(got.series_scores, wanted.series_scores)
    assert got.overall_scores["observed"] == 2 * 30 * HORIZON  # a fifth of a typical one of the two


def test_a_series_that_begins_in_the_test_part_is_left_out():
    array = values(channels=3)
    array[:190, 1] = np.nan
    result = backtest(ridge(), series(array, ("a", "b", "c")))
    assert result.excluded_series == ("b",)
    assert result.series_scores["series"].tolist() == ["a", "c"]


def test_intervals_that_are_not_there():
    short = series(values(rows=26, channels=1))
    result = backtest(Forecaster(3, 4, Ridge), short)
    assert result.levels in ((), (80.0,))
    with pytest.raises(InputError, match="fit with more rows|Fit with more rows"):
        backtest(Forecaster(3, 4, Ridge), short, level=[99.8])
    with pytest.raises(InputError, match="in percent but got 0.8; pass 80"):
        backtest(ridge(), series(), level=[0.8])


def test_a_model_trained_on_quantiles_is_scored_by_its_own():
    training = TrainingSettings(max_epochs=1, loss="quantile", learning_rate=0.01)
    result = backtest(Forecaster(HORIZON, LOOKBACK, Linear, training=training), series())
    assert result.fitted.intervals is None
    assert result.levels == (80.0, 95.0)
    assert 0 < result.overall_scores["coverage-80"] <= result.overall_scores["coverage-95"]
    assert result.overall_scores["width-80"] < result.overall_scores["width-95"]
    assert result.overall_scores["crps"] > 0


def test_known_inputs_are_those_of_each_window():
    array = values(channels=3)
    training = TrainingSettings(max_epochs=1)
    forecaster = Forecaster(HORIZON, LOOKBACK, TiDE, training=training, covariates=("weekday", "c"))
    result = backtest(forecaster, series(array, ("a", "b", "c")), season=30)
    assert result.series_scores["series"].tolist() == ["a", "b"]
    fitted, origin = result.fitted, 163  # the fourth forecast, as `predict` makes it
    whole = series(array, ("a", "b", "c"))
    forecaster.fitted = fitted
    wanted = forecaster.predict(
        whole.slice_rows(0, origin), future=whole.slice_rows(origin, origin + HORIZON).select(["c"])
    )
    batch = next(iter_rolling_origins(fitted, whole, range(160, 196), 30))
    got = fitted.forecast(batch.past, batch.known)[3].numpy()
    got = fitted.standardizer.inverse_transform(got)
    np.testing.assert_allclose(wanted[["a", "b"]], got, rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"test_share": 1.0}, "test share lies between 0 and 1 but got 1; pass 0.2"),
        ({"test_share": 0.0}, "test share lies between 0 and 1 but got 0"),
        ({"step": 0}, "a number of rows from 1 up but got 0"),
        ({"refit": 0}, "refit is a number of rows from 1 up but got 0"),
    ],
)
def test_options_that_make_no_sense(given, message):
    with pytest.raises(InputError, match=message):
        backtest(ridge(), series(), **given)


def test_rows_that_are_too_few():
    with pytest.raises(InputError, match="5 rows are too few for a test part of 5 and rows before"):
        backtest(ridge(), series(values(rows=5)))
    unseen = values()
    unseen[160:] = np.nan
    with pytest.raises(InputError, match="no value of the last 40 rows was observed"):
        backtest(ridge(), series(unseen))
    unseen = values()
    unseen[:195] = np.nan
    with pytest.raises(InputError, match=r"\['a', 'b'\] have no value before the test part"):
        backtest(ridge(), series(unseen))


def test_the_unit_of_mase():
    array = np.stack([np.arange(20.0) ** 2, np.tile([1.0, 4.0], 10), np.ones(20)], axis=1)
    unit = seasonal_naive_scale(array, 2)
    assert unit[0] == np.abs(array[2:, 0] - array[:-2, 0]).mean()
    assert unit[1] == 3  # it repeats itself, so that only the change from row to row is left
    assert math.isnan(unit[2])
    assert np.isnan(seasonal_naive_scale(array[:1], 2)).all()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sold.csv"
    read = series(values(channels=12), tuple("abcdefghijkl"))
    read.to_frame(read.values, read.timestamps).to_csv(path, index=False)
    return path


WORDS = ["--horizon", "5", "--lookback", "14", "--backbone", "Ridge"]


def test_command_prints_scores(file, tmp_path, capsys):
    out = tmp_path / "scores.csv"
    assert main(["backtest", str(file), *WORDS, "--level", "80", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "36 forecasts of 5 steps, the first after 2024-06-08" in shown
    assert "80 % intervals hold" in shown
    assert "SeasonalNaive (7)" in shown
    assert "The 10 of 12 series with the largest MASE" in shown
    assert "95 %" not in shown
    table = pd.read_csv(out)
    assert table["series"].tolist() == list("abcdefghijkl")
    assert table["mase"].max() < table["repeat_mase"].min()


def test_command_prints_json(file, capsys):
    assert main(["backtest", str(file), *WORDS, "--json", "--quiet", "--step", "7"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["windows"] == 6
    assert record["levels"] == [80, 95]
    assert len(record["series"]) == 12
    assert 50 < record["overall"]["coverage-80"] < 100


def test_command_fits_again_and_scores_percentages(file, capsys):
    assert main(["backtest", str(file), *WORDS, "--refit", "12", "--smape", "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "36 forecasts of 5 steps, fitted 3 times" in shown
    assert "sMAPE" in shown


def test_command_refuses_before_it_works(file, tmp_path, capsys):
    assert main(["backtest", str(file), *WORDS, "--out", str(tmp_path / "x.txt")]) == 2
    assert ".csv or .parquet" in capsys.readouterr().err
    assert main(["backtest", str(file), *WORDS, "--level", "0.8"]) == 2
    assert "in percent but got 0.8; pass 80" in capsys.readouterr().err
