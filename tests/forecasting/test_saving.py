"""Saved forecasters: all schemas, damage, concurrent saves and the model card."""

import dataclasses
import functools
import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster
from revin_forecast.backbones import NBEATS, Ridge, SeasonalNaive
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.model_card import CARD_FILE, CARD_MARKER, format_model_card
from revin_forecast.forecasting.saving import MANIFEST, SCHEMA, load_fitted, save_fitted
from revin_forecast.models.conformal_intervals import ConformalIntervals
from revin_forecast.models.ensemble import WeightedCombination
from revin_forecast.models.intervals import QUANTILE_GRID
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

MODELS = Path(__file__).parents[1] / "fixtures" / "models"
OLD = sorted(MODELS.glob("schema-*/*.csv"))


def load_small_model():
    """Return Ridge with RevIN, 14 -> 5 steps, of two daily channels."""
    return load_fitted(MODELS / "schema-2" / "ridge")


@pytest.mark.parametrize("path", OLD, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_models_of_every_schema_load_and_forecast_the_same(path, tmp_path):
    forecaster = Forecaster.load(path.with_suffix(""))
    expected = pd.read_csv(path)
    forecast = forecaster.predict(level=[80.0] if "lo-80" in path.read_text() else [])
    forecast.to_csv(tmp_path / "forecast.csv", index=False)
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "forecast.csv"), expected, rtol=1e-7, atol=1e-7
    )
    forecaster.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.predict(), forecaster.predict())
    assert json.loads((tmp_path / "model" / MANIFEST).read_text())["schema"] == SCHEMA


def test_there_is_a_model_of_every_schema():
    assert {path.parent.name for path in OLD} == {f"schema-{n + 1}" for n in range(SCHEMA)}


@pytest.mark.parametrize("schema", [2, SCHEMA])
def test_any_flipped_byte_is_detected(schema, tmp_path):
    if schema == 2:
        shutil.copytree(MODELS / "schema-2" / "ridge", tmp_path, dirs_exist_ok=True)
    else:
        save_fitted(load_small_model(), tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        stride = 7 if path.name == MANIFEST else 29
        for index in range(0, len(content), stride):
            damaged = bytearray(content)
            damaged[index] ^= 1 << index % 8
            path.write_bytes(damaged)
            # The card is not loaded, and white space does not count in old manifests.
            if path.name == CARD_FILE or _has_same_values(schema, path, content):
                assert load_fitted(tmp_path)
            else:
                with pytest.raises(InputError, match=r"is damaged|has schema|is missing|holds no"):
                    load_fitted(tmp_path)
        path.write_bytes(content)
    assert load_fitted(tmp_path)


def _has_same_values(schema, path, content):
    """Return whether a manifest before schema 3, with a digest of its values, still has them."""
    if schema >= 3 or path.name != MANIFEST:
        return False
    try:
        return json.loads(path.read_text()) == json.loads(content)
    except ValueError:
        return False


@pytest.mark.parametrize("pattern", [MANIFEST, "weights-*", "state-*"])
def test_a_truncated_or_missing_file_is_detected(pattern, tmp_path):
    save_fitted(load_small_model(), tmp_path)
    path = next(tmp_path.glob(pattern))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="is damaged"):
        load_fitted(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is damaged"):
        load_fitted(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        load_fitted(tmp_path)


def test_intervals_inputs_and_ends_survive(tmp_path):
    old = load_small_model()
    lasts = pd.DatetimeIndex(["2024-03-30", "2024-03-28"]).as_unit("s")
    history = dataclasses.replace(
        old.history, inputs=("b",), last_timestamps=lasts, has_aligned_ends=True
    )
    scores = np.arange(len(QUANTILE_GRID) * 5.0).reshape(len(QUANTILE_GRID), 5, 1)
    summary = old.summary | {"calibration_windows": 44}
    new = dataclasses.replace(
        old, history=history, summary=summary, intervals=ConformalIntervals(scores)
    )
    save_fitted(new, tmp_path)
    again = load_fitted(tmp_path)
    assert again.history.inputs == ("b",)
    assert again.history.last_timestamps is not None
    assert again.history.last_timestamps.equals(lasts)
    assert again.history.last_timestamps.unit == "s"
    assert again.history.has_aligned_ends
    assert again.summary == summary
    assert again.intervals is not None
    np.testing.assert_array_equal(again.intervals.scores, scores)
    np.testing.assert_array_equal(again.history.values, history.values)


def test_nested_components_and_tuples_survive(tmp_path):
    members = [
        {
            "backbone": functools.partial(SeasonalNaive, season=7),
            "normalizer": LastValue,
            "lookback": 7,
        },
        {
            "backbone": functools.partial(NBEATS, stacks=("generic", "trend"), width=4),
            "normalizer": functools.partial(RevIN, affine=False),
            "lookback": 14,
        },
    ]
    old = load_small_model()
    training = TrainingSettings(max_epochs=3, learning_rate=0.02)
    component = ModuleSpec.from_class(functools.partial(WeightedCombination, members=members))
    recipe = ModelConfig(component, ModuleSpec.from_class(Identity), 14, 5, training)
    model = recipe.build(2).eval()
    save_fitted(dataclasses.replace(old, config=recipe, model=model), tmp_path)
    again = load_fitted(tmp_path)
    assert again.config == recipe
    inner = again.config.backbone.parameters["members"][1]["backbone"]
    assert inner.parameters == {"stacks": ("generic", "trend"), "width": 4}
    past = again.standardizer.to_tensor(again.history.values).unsqueeze(0)
    np.testing.assert_array_equal(again.model(past).detach(), model(past).detach())


def test_other_files_are_left_alone(tmp_path):
    for name in ("my-weights.safetensors", "state-of-the-art.safetensors", CARD_FILE, "notes.txt"):
        (tmp_path / name).write_text("mine")
    save_fitted(load_small_model(), tmp_path)
    save_fitted(load_fitted(MODELS / "schema-2" / "trained"), tmp_path)
    unchanged = {path.name for path in tmp_path.iterdir() if path.read_bytes() == b"mine"}
    assert len(unchanged) == 4
    assert len(list(tmp_path.iterdir())) == 4 + 3


def test_files_of_killed_saves_are_removed(tmp_path):
    save_fitted(load_small_model(), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    part = next(tmp_path.glob("weights-*"))
    (tmp_path / f".{part.name}.0a1b2c3d.partial").write_bytes(b"half")
    (tmp_path / ".state-0123456789abcdef.safetensors.0a1b2c3d.partial").write_bytes(b"half")
    (tmp_path / "state-0123456789abcdef.safetensors").write_bytes(b"of a save that was killed")
    (tmp_path / f".{MANIFEST}.0a1b2c3d.partial").write_bytes(b"half")
    assert load_fitted(tmp_path)
    save_fitted(load_small_model(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "model").write_text("x")
    with pytest.raises(InputError, match="model is a file; name a folder for the forecaster"):
        save_fitted(load_small_model(), tmp_path / "model")


def test_concurrent_saves_and_loads(tmp_path):
    models = [load_small_model(), load_fitted(MODELS / "schema-2" / "trained")]
    save_fitted(models[0], tmp_path)
    problems, done = [], threading.Event()

    def run(action):
        try:
            action()
        except Exception as problem:
            problems.append(problem)

    def read():
        while not done.is_set():
            load_fitted(tmp_path)

    savers = [
        threading.Thread(target=run, args=(functools.partial(save_fitted, model, tmp_path),))
        for model in models * 6
    ]
    reader = threading.Thread(target=run, args=(read,))
    for thread in (reader, *savers):
        thread.start()
    for thread in savers:
        thread.join()
    done.set()
    reader.join()
    assert not problems
    assert load_fitted(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_time_zone_without_a_name_is_refused(tmp_path):
    dateutil = pytest.importorskip("dateutil.tz")
    old = load_fitted(MODELS / "schema-2" / "zoned")
    stamps = old.history.timestamps.tz_convert(dateutil.gettz("Europe/Paris"))
    new = dataclasses.replace(old, history=dataclasses.replace(old.history, timestamps=stamps))
    with pytest.raises(InputError, match="has no name to be saved by. Convert the stamps"):
        save_fitted(new, tmp_path)
    assert not list(tmp_path.iterdir())


def save_and_read_card(tmp_path, new: FittedModel) -> str:
    save_fitted(new, tmp_path)
    return (tmp_path / CARD_FILE).read_text(encoding="utf-8")


def test_the_card_describes_the_model(tmp_path):
    old = load_small_model()
    summary = old.summary | {
        "source": {"file": "sales.csv", "sha256": "ab" * 32},
        "unobserved": 9,
        "selection": {
            "mase": 0.6951,
            "season": 7,
            "windows": 1234,
            "candidates": [{"model": "Ridge", "lookback": 14, "mase": 0.71234567, "note": ""}],
            "skipped": ["NHITS|x"],
        },
        "calibration_windows": 1234,
    }
    intervals = ConformalIntervals(np.zeros((len(QUANTILE_GRID), 5, 2)))
    text = save_and_read_card(
        tmp_path, dataclasses.replace(old, summary=summary, intervals=intervals)
    )
    for line in (
        "# A forecaster of 2 series",
        "| file | sales.csv |",
        f"| sha256 | {'ab' * 32} |",
        "| rows | 90, 2024-01-01 00:00:00 to 2024-03-30 00:00:00 |",
        "| step | D |",
        "| not observed | 5.00% of the values |",
        "| series | a, b |",
        "| forecasts | 5 steps from the last 14 |",
        "| model | Ridge() |",
        "| normalizer | RevIN() |",
        "| intervals | conformal, calibrated on 1,234 windows |",
        "Compared on 1,234 validation windows, season 7. The combination, weighted by the shares "
        "below, has a MASE of 0.6951 there.",
        "| model | lookback | mase | note |",
        "| Ridge | 14 | 0.7123 |  |",
        "Not tried within the time budget: NHITS\\|x.",
        "revin-forecast predict MODEL newer.csv --out forecast.csv",
    ):
        assert line in text
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert f"| made | {manifest['saved']} by revin_forecast {manifest['version']} |" in text


@pytest.mark.parametrize(
    ("windows", "protocol", "sentence", "intervals"),
    [
        (36, "expanding origins", "Compared at 36 expanding origins, season", "36 windows"),
        (40, "last fifth", "Compared on 40 validation windows, season", "40 windows"),
        (0, "expanding origins", "The rows were too few to compare models; ", "none is known yet"),
    ],
)
def test_the_card_describes_the_comparison(windows, protocol, sentence, intervals, tmp_path):
    old = load_small_model()
    selection = {"mase": 0.7, "season": 7, "windows": windows, "protocol": protocol}
    rows = [{"model": "ETS(A,N,N)", "mase": 0.7}] if windows else []
    summary = old.summary | {
        "selection": selection | {"candidates": rows, "skipped": []},
        "calibration_windows": windows,
        "interval_method": "spread of each series' errors",
    }
    scores = ConformalIntervals(np.zeros((len(QUANTILE_GRID), 5, 2)))
    text = save_and_read_card(tmp_path, dataclasses.replace(old, summary=summary, intervals=scores))
    assert f"\n\n{sentence}" in text
    assert ("| ETS(A,N,N) | 0.7 |" in text) == bool(windows)
    (line,) = [line for line in text.splitlines() if line.startswith("| intervals |")]
    assert line.startswith("| intervals | spread of each series' errors, ")
    assert line.endswith(f"{intervals} |")
    assert "\n\n## Use\n" in text


def test_the_card_is_replaced_with_the_model(tmp_path):
    first = save_and_read_card(tmp_path, load_small_model())
    second = save_and_read_card(tmp_path, load_fitted(MODELS / "schema-2" / "zoned"))
    assert first.startswith(CARD_MARKER)
    assert "| intervals | none |" in first
    assert "Europe/Berlin" not in first
    assert "Europe/Berlin" in second


def test_nothing_from_a_file_is_markup_in_the_card(tmp_path):
    old = load_small_model()
    markup = "a|b`c`\n# d <script>alert(1)</script> [x](y) \u202e \udc80 *e*"
    history = dataclasses.replace(old.history, names=(markup, "long" * 100))
    text = save_and_read_card(tmp_path, dataclasses.replace(old, history=history))
    assert load_fitted(tmp_path).history.names == history.names
    series = next(line for line in text.splitlines() if line.startswith("| series |"))
    assert "<script>" not in text
    assert "&lt;script&gt;" in series
    assert "a\\|b\\`c\\` \\# d" in series
    assert "\u202e" not in text
    assert len(series) < 400
    many = dataclasses.replace(
        history,
        names=tuple(f"s{n}" for n in range(10_000)),
        values=np.zeros((len(history), 10_000)),
    )
    manifest = json.loads((tmp_path / MANIFEST).read_text()) | {"names": many.names}
    assert "s18, s19 and 9,980 more |" in format_model_card(manifest)


def test_several_series_columns_survive(tmp_path):
    days = pd.date_range("2024-01-01", periods=40)
    keys = [("007", "N/W"), ("7", "N/W"), ("7", "south")]
    rows = [(*key, day) for key in keys for day in days]
    table = pd.DataFrame(rows, columns=["store", "product", "day"])
    table["sales"] = np.arange(len(table)) * 7 % 11 + 1.0
    series = read_series(table, id=["store", "product"], value="sales")
    fitted = Forecaster(2, 14, Ridge).fit(series)
    fitted.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    assert loaded.fitted.history.format == series.format
    expected = fitted.predict(level=[80])
    assert expected.iloc[::2, :2].to_numpy().tolist() == [list(key) for key in keys]
    pd.testing.assert_frame_equal(loaded.predict(level=[80]), expected)
    # Newer rows are read by the same columns, whatever else the table holds.
    pd.testing.assert_frame_equal(loaded.predict(table.assign(price=1.0), level=[80]), expected)
