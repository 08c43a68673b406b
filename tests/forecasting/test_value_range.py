"""Forecasts in the table's units keep to the range of its values, wherever they are made."""

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster, Linear, Ridge, TrainingSettings, memory_map_table
from revin_forecast.cli.main import main
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.evaluation import backtest
from revin_forecast.forecasting.groups import forecast_groups
from revin_forecast.utils.parallel.inline import InlineEngine


def make_counts(rows=90, columns=("sold",)):
    """Return falling counts whose linear continuation is below 0."""
    random = np.random.default_rng(4)
    steps = np.arange(rows)[:, None] + 3 * np.arange(len(columns))
    level = 400 * np.maximum(0, 1 - steps / 0.9 / rows)
    values = np.maximum(0, np.rint(level + 3 * random.normal(size=level.shape)))
    frame = pd.DataFrame(values, columns=list(columns))
    frame.insert(0, "day", pd.date_range("2024-01-01", periods=rows, freq="D"))
    return frame


def fit_ridge(table, **settings):
    series = read_series(table, range_settings=RangeSettings(**settings))
    return Forecaster(9, 14, Ridge).fit(series)


def numbers(forecast):
    return forecast.drop(columns="day").to_numpy()


def test_counts_have_forecasts_that_are_counts():
    fitted = fit_ridge(make_counts())
    free = numbers(
        fit_ridge(make_counts(), minimum="none", whole_numbers=False).predict(level=[80])
    )
    assert free.min() < -1
    assert (free != np.rint(free)).any()
    forecast = numbers(fitted.predict(level=[80]))
    assert (forecast >= 0).all()
    np.testing.assert_array_equal(forecast, np.rint(forecast))
    point, low, high = np.maximum(free, 0).T
    nearest = np.floor(point + 0.5)
    low, high = np.minimum(np.ceil(low), nearest), np.maximum(np.floor(high), nearest)
    expected = np.stack([nearest, low, high], axis=1)
    np.testing.assert_array_equal(forecast, expected)
    assert "-0" not in fitted.predict().to_csv(index=False, float_format="%.12g").split(",")


def test_limits_of_the_user_hold():
    forecast = fit_ridge(make_counts(), minimum=2.5, maximum=6.5).predict(level=[95])
    assert numbers(forecast).min() == 3
    assert numbers(forecast).max() <= 6


def test_the_automatic_choice_and_trained_backbones_have_the_range():
    table = make_counts()
    quick = TrainingSettings(max_epochs=1)
    for forecaster in (Forecaster(9), Forecaster(9, 14, Linear, training=quick)):
        forecast = numbers(forecaster.fit(table).predict())
        assert (forecast >= 0).all()
        np.testing.assert_array_equal(forecast, np.rint(forecast))
        assert forecaster.fitted.summary["range"]["whole"] == 1


def test_a_saved_model_keeps_its_range(tmp_path):
    fitted = fit_ridge(make_counts(), maximum=5)
    fitted.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(level=[80]), fitted.predict(level=[80]))
    card = (tmp_path / "model" / "model_card.md").read_text()
    assert "| values | never below 0 in the table" in card


def test_an_engine_and_groups_give_the_same_range():
    table = make_counts(columns=("a", "b"))
    forecaster = fit_ridge(table)
    alone = forecaster.predict(level=[80])
    pd.testing.assert_frame_equal(forecaster.predict(level=[80], engine=InlineEngine()), alone)
    long = table.melt("day", var_name="shop", value_name="y").assign(unique_id="sold")
    long = long.rename(columns={"day": "ds"})
    options = {"range_settings": RangeSettings(minimum=4)}
    grouped = forecast_groups(Forecaster(9, 14, Ridge), long, "shop", read_options=options)
    assert grouped.y.min() == 4


def test_scores_are_those_of_the_forecasts_that_users_get():
    table = make_counts(160)
    errors = {}
    for settings in (RangeSettings(), RangeSettings("none", whole_numbers=False)):
        series = read_series(table, range_settings=settings)
        result = backtest(Forecaster(9, 14, Ridge), series, level=[80])
        errors[settings.whole_numbers] = result.overall_scores
        assert (result.paths.forecast.min() < -0.5) == (not settings.whole_numbers)
    assert errors[True]["mae"] < errors[False]["mae"]
    assert errors[True]["coverage-80"] >= errors[False]["coverage-80"]


def test_bounds_equal_to_the_truth_cover_it():
    values = np.tile([0.0, 7.0, 3.0], 40)[:, None]
    stamps = pd.date_range("2024-01-01", periods=120, freq="D")
    result = backtest(Forecaster(3, 6, Ridge), Series(values, stamps, ("y",), "D"), level=[80])
    assert result.overall_scores["coverage-80"] == 100
    assert result.overall_scores["mae"] == 0


def test_the_command_line_says_what_was_done(tmp_path, capsys):
    path = tmp_path / "counts.csv"
    make_counts().to_csv(path, index=False)
    words = ["forecast", str(path), "--horizon", "9", "--backbone", "Ridge"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "never below 0 in the table, so the forecast is not either; --minimum none" in said.err
    assert "the forecast of the table is rounded to whole numbers" in said.err
    assert "." not in said.out.replace("sold", "")
    assert main([*words, "--minimum", "none", "--whole-numbers", "false"]) == 0
    said = capsys.readouterr()
    assert "never below 0" not in said.err
    assert "." in said.out
    assert main([*words, "--minimum", "low"]) == 2
    assert "the minimum is a number or none but got 'low'" in capsys.readouterr().err


def test_an_exported_program_stays_in_the_range():
    torch = pytest.importorskip("torch")
    from revin_forecast.forecasting.onnx_export import ForecasterProgram

    fitted = fit_ridge(make_counts(), maximum=5).fitted
    past = torch.from_numpy(np.array(fitted.history.values)).unsqueeze(0)
    for output in ForecasterProgram(fitted, [80.0])(past):
        assert 0 <= output.min() <= output.max() <= 5


def test_a_memory_map_keeps_to_the_range_of_all_its_rows(tmp_path):
    quick = TrainingSettings(max_epochs=1)
    minimum = {}
    for name, first in (("counts", 4.0), ("balances", -4.0)):
        table = make_counts(160)
        table.loc[0, "sold"] = first
        table.to_parquet(tmp_path / f"{name}.parquet")
        folder = tmp_path / name
        folder.mkdir()
        mapped = memory_map_table(tmp_path / f"{name}.parquet", folder, keep=60)
        forecaster = Forecaster(9, 14, Linear, training=quick).fit(mapped)
        assert forecaster.fitted.value_range.is_whole.tolist() == [True]
        minimum[name] = forecaster.fitted.value_range.minimum.tolist()
    assert minimum == {"counts": [0], "balances": [-np.inf]}


def test_a_limit_missed_by_rounding_covers_a_zero(monkeypatch):
    """The backtest counted dry days as not covered by intervals that began 5e-8 above 0."""
    amounts = make_counts()
    amounts["sold"] *= 1.1
    fitted = fit_ridge(amounts).fitted
    zero = torch.from_numpy(fitted.standardizer.transform(np.zeros((9, 1)))).double()
    above = torch.nextafter(zero.float(), torch.tensor(torch.inf)).double()
    assert (above > zero).all()
    raw = above.reshape(1, 9, 1, 1)
    monkeypatch.setattr(type(fitted), "compute_raw_quantiles", lambda *arguments: raw)
    past, points = torch.zeros(1, 14, 1), torch.zeros(1, 9, 1)
    assert fitted.quantiles(past, [0.1], points=points).squeeze().equal(zero.squeeze())
