"""The public forecaster: fit, predict, save and load on small tables."""

import functools
import json

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster
from revin_forecast.backbones import DLinear, Linear, Repeat, Ridge
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import score
from revin_forecast.forecasting import choose_default_lookback
from revin_forecast.forecasting.saving import MANIFEST
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.files import atomic_write

QUICK = TrainingSettings(max_epochs=2, learning_rate=0.01)


def table(rows=120, level=1000.0, frequency="D", **stamps):
    time = np.arange(rows)
    date = pd.date_range("2024-01-01", periods=rows, freq=frequency, **stamps)
    weekly = np.sin(2 * np.pi * time / 7)
    return pd.DataFrame({"date": date, "a": level + 3 * weekly, "b": 2 * time - 5 * weekly})


def test_forecast_continues_the_table():
    forecaster = Forecaster(horizon=14).fit(table())
    forecast = forecaster.predict()
    truth = table(rows=134).tail(14)
    assert list(forecast.columns) == ["date", "a", "b"]
    assert forecast.date.tolist() == truth.date.tolist()
    np.testing.assert_allclose(forecast[["a", "b"]], truth[["a", "b"]], atol=0.1)
    assert forecaster.fitted.summary["rows"] == 120
    assert forecaster.fitted.summary["selection"]["mase"] < 0.1
    solved = Forecaster(14, backbone=Ridge).fit(table())
    np.testing.assert_allclose(solved.predict()[["a", "b"]], truth[["a", "b"]], atol=0.1)
    assert solved.fitted.summary["fit"]["penalties"]


def test_newer_rows_without_refitting():
    forecaster = Forecaster(horizon=7).fit(table())
    moved = table(rows=160, level=5000.0)
    forecast = forecaster.predict(moved)
    truth = table(rows=167, level=5000.0).tail(7)
    assert forecast.date.tolist() == truth.date.tolist()
    np.testing.assert_allclose(forecast.a, truth.a, atol=0.2)
    shuffled = moved[["b", "date", "a"]].sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(forecaster.predict(shuffled), forecast)


def test_gaps_and_a_late_start_are_allowed():
    gappy = table()
    gappy.loc[40:45, "a"] = np.nan
    gappy.loc[:30, "b"] = np.nan
    gappy = gappy.drop(index=[60, 61, 119])
    forecast = Forecaster(horizon=7).fit(gappy).predict()
    truth = table(rows=126).tail(7)
    assert np.isfinite(forecast[["a", "b"]].to_numpy()).all()
    np.testing.assert_allclose(forecast.a, truth.a, atol=1.5)


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1e12, 1e200])
def test_units_do_not_matter(scale):
    plain = Forecaster(horizon=7).fit(table()).predict()
    scaled = Forecaster(horizon=7).fit(table().assign(a=table().a * scale)).predict()
    np.testing.assert_allclose(scaled.a / scale, plain.a, rtol=1e-6)


@pytest.mark.parametrize("backbone", [Ridge, Linear, functools.partial(DLinear, kernel=7)])
@pytest.mark.parametrize(
    "normalizer", [RevIN, functools.partial(RevIN, statistic="last"), LastValue, Identity]
)
def test_a_loaded_forecaster_forecasts_the_same(tmp_path, backbone, normalizer):
    forecaster = Forecaster(7, 20, backbone, normalizer, QUICK).fit(table())
    forecaster.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(), forecaster.predict())
    newer = table(rows=150)
    pd.testing.assert_frame_equal(loaded.predict(newer), forecaster.predict(newer))
    assert loaded.backbone == ModuleSpec.from_class(backbone)
    assert loaded.training == forecaster.training
    assert loaded.fitted.summary == json.loads(json.dumps(forecaster.fitted.summary))


@pytest.mark.parametrize("layout", ["long", "zoned"])
def test_layouts_survive_saving(tmp_path, layout):
    if layout == "long":
        frame = table().melt("date", var_name="unique_id", value_name="y")
        frame = frame.rename(columns={"date": "ds"})
    else:
        frame = table(frequency="h", tz="Europe/Berlin")
    forecaster = Forecaster(horizon=7).fit(frame)
    forecaster.save(tmp_path)
    expected = forecaster.predict()
    assert set(expected.columns) == set(frame.columns)
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(), expected)


def test_newer_rows_of_a_long_table_with_other_column_names():
    frame = table(rows=150).melt("date", var_name="shop", value_name="sold")
    series = read_series(frame, id="shop", value="sold")
    forecaster = Forecaster(horizon=7).fit(series.slice_rows(0, 120))
    forecast = forecaster.predict(frame)
    assert list(forecast.columns) == ["shop", "date", "sold"]
    assert forecast.date.min() == table(rows=151).date.max()


def test_a_channel_may_begin_after_the_training_part():
    frame = table()
    frame["a"] = np.where(frame.index < 100, 5.0, 1e200 * np.sin(frame.index))
    frame["b"] = np.where(frame.index < 110, np.nan, frame.index * 1e-200)
    forecast = Forecaster(horizon=7).fit(frame).predict()
    assert np.isfinite(forecast[["a", "b"]].to_numpy()).all()
    assert forecast.b.abs().max() < 1e-190


def test_a_written_offset_survives_saving(tmp_path):
    frame = table(frequency="h", tz="+02:00")
    frame["date"] = [stamp.isoformat() for stamp in frame.date]
    frame.to_csv(tmp_path / "table.csv", index=False)
    forecaster = Forecaster(horizon=3).fit(tmp_path / "table.csv")
    forecaster.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model").predict()
    assert again.date.tolist() == forecaster.predict().date.tolist()
    assert str(again.date[0]).endswith("+02:00")


def test_saving_again_replaces_all_files(tmp_path):
    Forecaster(horizon=7).fit(table()).save(tmp_path)
    other = Forecaster(horizon=3).fit(table(level=7.0))
    other.save(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(), other.predict())


def test_an_interrupted_save_keeps_the_old_forecaster(tmp_path, monkeypatch):
    old = Forecaster(horizon=7).fit(table())
    old.save(tmp_path)

    def interrupt(path):
        if path.name == MANIFEST:
            raise KeyboardInterrupt
        return atomic_write(path)

    monkeypatch.setattr("revin_forecast.forecasting.saving.atomic_write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Forecaster(horizon=3).fit(table()).save(tmp_path)
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(), old.predict())


@pytest.mark.parametrize("pattern", ["weights-*", "state-*", MANIFEST])
def test_a_flipped_byte_is_detected(tmp_path, pattern):
    Forecaster(horizon=7).fit(table()).save(tmp_path)
    path = next(tmp_path.glob(pattern))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        Forecaster.load(tmp_path)


def test_loading_runs_no_pickle(tmp_path, monkeypatch):
    forecaster = Forecaster(7, 20, Linear, RevIN, QUICK).fit(table())
    forecaster.save(tmp_path)

    def refuse(*_, **__):
        raise AssertionError("a pickle is loaded")

    for name in ("pickle.load", "pickle.loads", "torch.load"):
        monkeypatch.setattr(name, refuse)
    pd.testing.assert_frame_equal(Forecaster.load(tmp_path).predict(), forecaster.predict())


def test_unusable_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no forecaster \(forecaster.json is missing\)"):
        Forecaster.load(tmp_path)
    Forecaster(horizon=7).fit(table()).save(tmp_path)
    manifest = tmp_path / MANIFEST
    text = manifest.read_text()
    manifest.write_text(json.dumps(json.loads(text) | {"schema": 99, "version": "9.9"}))
    with pytest.raises(InputError, match=r"has schema 99, .* saved by version 9\.9; upgrade"):
        Forecaster.load(tmp_path)
    manifest.write_text(text)
    next(tmp_path.glob("weights-*")).unlink()
    with pytest.raises(InputError, match="is missing, though forecaster.json names it"):
        Forecaster.load(tmp_path)


def test_unusable_arguments_and_tables_are_refused():
    with pytest.raises(InputError, match="not fitted yet"):
        Forecaster(horizon=7).predict()
    with pytest.raises(InputError, match="horizon is a number of steps from 1 up but got 0"):
        Forecaster(horizon=0)
    with pytest.raises(InputError, match="too few for a horizon of 40"):
        Forecaster(horizon=40, backbone=Ridge).fit(table(rows=60))
    with pytest.raises(InputError, match=r"\['b'\] have no observed value; leave them out"):
        Forecaster(horizon=7).fit(table().assign(b=np.nan))
    with pytest.raises(InputError, match="before a look-back of 100 is full"):
        Forecaster(horizon=7, lookback=100, backbone=Ridge).fit(table())
    with pytest.raises(InputError, match="hold no window of look-back 100 and horizon 7"):
        Forecaster(horizon=7, lookback=100).fit(table())
    with pytest.raises(InputError, match="'auto' or a class but got 'Ridge'"):
        Forecaster(horizon=7, backbone="Ridge")
    with pytest.raises(InputError, match="made in one go; there is nothing to resume"):
        Forecaster(horizon=7).fit(table(), resume=True)
    with pytest.raises(InputError, match="got <function"):
        Forecaster(horizon=7, backbone=lambda *sizes: Linear(*sizes))
    fitted = Forecaster(horizon=7, lookback=28).fit(table())
    with pytest.raises(InputError, match=r"lacks \['b'\]; the forecaster was fitted on \['a', 'b'"):
        fitted.predict(table()[["date", "a"]])
    with pytest.raises(InputError, match="has 20 rows but the forecaster looks back 28"):
        fitted.predict(table(rows=20))


class OneOfTwo(torch.nn.Linear):
    """A backbone that reads two channels and forecasts one."""

    def __init__(self, lookback, horizon, channels):
        super().__init__(channels * lookback, horizon)

    def forward(self, past):
        return super().forward(past.flatten(1)).unsqueeze(2)


def test_declared_targets_are_forecast_and_nothing_else(tmp_path):
    normalizer = functools.partial(RevIN, targets=[1])
    settings = TrainingSettings(max_epochs=30, learning_rate=0.01, patience=30)
    forecaster = Forecaster(7, 14, OneOfTwo, normalizer, settings).fit(table())
    forecast = forecaster.predict()
    assert list(forecast.columns) == ["date", "b"]
    truth = table(rows=127).tail(7).b
    assert abs(forecast.b.to_numpy() - truth.to_numpy()).mean() < 5
    values = table(rows=300)[["a", "b"]].to_numpy(dtype=float)
    test = Windows(forecaster.fitted.standardizer.to_tensor(values), 14, 7)
    assert np.isfinite(score(forecaster.fitted.model, test).mse)


def test_default_lookback():
    assert choose_default_lookback(10_000, 96, 24) == 384
    assert choose_default_lookback(10_000, 12, 52) == 104
    assert choose_default_lookback(10_000, 720, 24) == 512
    assert choose_default_lookback(60, 12, 12) == 24


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e7, 1e303])
def test_a_repeated_value_keeps_its_digits(unit):
    values = np.array([10, 11, 12.5, 9, 13] * 6) * unit
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=30), "a": values, "b": unit})
    forecast = Forecaster(3, 5, Repeat, LastValue).fit(table).predict()
    assert forecast["a"].tolist() == [pytest.approx(13 * unit, rel=1e-12)] * 3
    assert forecast["b"].tolist() == [unit] * 3


def test_a_few_newer_rows_continue_the_rows_fitted_on():
    forecaster = Forecaster(horizon=7).fit(table())
    longer = table(rows=140)
    expected = forecaster.predict(longer)
    pd.testing.assert_frame_equal(forecaster.predict(longer.tail(30)), expected)
    # Rows between the two tables are gaps.
    after_gap = forecaster.predict(longer.tail(15))
    np.testing.assert_allclose(after_gap.a, expected.a, atol=0.5)
    elsewhere = longer.tail(15).assign(date=longer.date.tail(15) + pd.Timedelta(days=9000))
    with pytest.raises(InputError, match="has 15 rows but the forecaster looks back 120"):
        forecaster.predict(elsewhere)
