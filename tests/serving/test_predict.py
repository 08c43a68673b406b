"""The work of a worker process: the description of the model and the values of a response."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Ridge, TrainingSettings
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.serving.app import CHART_FORMS
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.predict import describe_model, handle_request
from tests.support.service import HORIZON, ROWS, make_table


def test_described_levels_can_be_forecast(model, tmp_path):
    forecaster = Forecaster.load(model)
    for level in describe_model(forecaster)["levels"]:
        forecaster.predict(level=[level])
    fitted = forecaster.fitted
    trained = TrainingSettings(loss="quantile", levels=(0.05, 0.1, 0.5, 0.9, 0.95))
    for changed, levels in (
        ({"config": replace(fitted.config, training=trained), "intervals": None}, [80, 90]),
        ({"intervals": None}, []),
    ):
        forecaster.fitted = replace(fitted, **changed)
        description = describe_model(forecaster)
        assert (description["levels"], description["any_level"]) == (levels, False)


@pytest.mark.parametrize(
    ("first", "step", "shown"),
    [
        ("2024-01-01", "W", ["2024-01-07", "2024-01-14"]),
        ("2024-01-01 23:00", "h", ["2024-01-01T23:00:00", "2024-01-02T00:00:00"]),
        ("2024-01-01", "500ms", ["2024-01-01T00:00:00.000", "2024-01-01T00:00:00.500"]),
        ("2024-01-01", "1us", ["2024-01-01T00:00:00.000000", "2024-01-01T00:00:00.000001"]),
        ("2024-10-27 00:00Z", "h", ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]),
        ("2024-01-01 00:00+01:00", "D", ["2024-01-01T00:00:00+01:00", "2024-01-02T00:00:00+01:00"]),
    ],
)
def test_timestamps_of_a_column_have_one_precision(
    model, tmp_path, monkeypatch, first, step, shown
):
    stamps = pd.date_range(first, periods=2, freq=step)
    stamps = stamps.tz_convert("Europe/Berlin") if stamps.tz else stamps
    ahead = pd.DataFrame({"day": stamps, "a": 1.0})
    monkeypatch.setattr(Forecaster, "predict", lambda *_: ahead)
    rows = handle_request(Forecaster.load(model), WorkerRequest(b"", False), tmp_path).rows
    assert [row["day"] for row in rows] == shown
    utc = stamps.tz is not None  # otherwise pandas parses only one offset
    assert pd.to_datetime(shown, utc=utc).tolist() == stamps.tolist()


def test_values_that_are_not_finite_are_null_and_a_full_memory_is_reported(
    model, tmp_path, monkeypatch
):
    forecaster = Forecaster.load(model)
    infinite = forecaster.predict().assign(a=[np.inf, -np.inf, np.nan, 1.5, 2.0])
    monkeypatch.setattr(Forecaster, "predict", lambda *_: infinite)
    rows = handle_request(forecaster, WorkerRequest(b"", False), tmp_path).rows
    assert [row["a"] for row in rows] == [None, None, None, 1.5, 2.0]

    def raise_memory_error(*_):
        raise MemoryError

    monkeypatch.setattr(Forecaster, "predict", raise_memory_error)
    error = handle_request(forecaster, WorkerRequest(b"", False), tmp_path).error
    assert error == "out of memory; send fewer rows or columns."


def test_several_columns_name_a_series(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
    rows = [(store, item, day) for store in ("007", "7") for item in ("N/W", "x") for day in days]
    table = pd.DataFrame(rows, columns=["store", "item", "day"])
    table["sold"] = np.arange(len(table)) * 7 % 11
    series = read_series(table, id=["store", "item"], value="sold")
    forecaster = Forecaster(2, 14, Ridge).fit(series)
    assert describe_model(forecaster)["columns"] == {
        "time": "day",
        "id": ["store", "item"],
        "value": "sold",
    }
    forecasts = []
    for content, is_json in (
        (b"", False),
        (table.to_csv(index=False).encode(), False),
        (json.dumps({"data": table.to_dict("list")}).encode(), True),
    ):
        response = handle_request(
            forecaster, WorkerRequest(content, is_json, forms=CHART_FORMS), tmp_path
        )
        assert response.error == ""
        assert response.columns == ["store", "item", "day", "sold"]
        forecasts.append(response.rows)
    assert forecasts[0] == forecasts[1] == forecasts[2]
    keys = [(row["store"], row["item"]) for row in forecasts[0][::2]]
    assert keys == [("007", "N/W"), ("007", "x"), ("7", "N/W"), ("7", "x")]
    assert list(response.figures) == [r"007/N\/W", "007/x", r"7/N\/W", "7/x"]


def test_the_quality_of_a_model_is_that_of_its_tests(model):
    forecaster = Forecaster.load(model)
    quality = describe_model(forecaster)["quality"]
    assert (quality["naive_season"], quality["worst_series"]) == (7, "b<i>")
    assert 0 <= quality["worst_share"] <= quality["as_good_share"] <= 1
    assert (quality["mase"], quality["naive_mase"]) == (None, None)
    fitted = forecaster.fitted
    comparison = {"season": 1, "tests": [10, 10], "as_good": [9, 2]}
    candidates = [{"model": "Ridge", "mase": 0.7}, {"model": "Repeat", "mase": float("nan")}]
    selection = {"mase": 0.65432, "candidates": candidates}
    summary = {**fitted.summary, "naive_comparison": comparison, "selection": selection}
    forecaster.fitted = replace(fitted, summary=summary)
    quality = describe_model(forecaster)["quality"]
    assert (quality["tests"], quality["as_good_share"], quality["series_behind"]) == (10, 0.55, 1)
    assert (quality["worst_series"], quality["worst_share"]) == ("b<i>", 0.2)
    assert (quality["mase"], quality["naive_mase"]) == (0.6543, None)
    forecaster.fitted = replace(fitted, summary={**summary, "naive_comparison": None})
    assert describe_model(forecaster)["quality"] is None


def test_a_table_far_newer_than_the_model_is_noted(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forecaster = Forecaster.load(model)

    def forecast_notes(rows):
        content = make_table(rows).to_csv(index=False).encode()
        return handle_request(forecaster, WorkerRequest(content, False), tmp_path).notes

    far = ROWS + max(4 * HORIZON, ROWS // 4)
    assert not any("Fit it again" in note for note in forecast_notes(far))
    (note,) = forecast_notes(far + 1)
    assert note.startswith("the table ends about 31 steps after 2024-04-29, the last row that the")
