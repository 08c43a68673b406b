"""ONNX files: the forecasts of the model, to 1e-4 of the spread."""

import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster
from revin_forecast.backbones import DLinear, Linear, Ridge
from revin_forecast.cli.main import main
from revin_forecast.errors import InputError
from revin_forecast.forecasting import onnx_export
from revin_forecast.forecasting.onnx_export import export_onnx
from revin_forecast.forecasting.saving import load_fitted
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LastValue, RevIN, Robust
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# The run-time shape checks can't be traced.
pytestmark = pytest.mark.usefixtures("plain_shapes", "operators_read_once")

MODELS = Path(__file__).parents[1] / "fixtures" / "models"
DAYS = 150


def table(rows=DAYS, level=1e6):
    time = np.arange(rows)
    weekly = np.sin(2 * np.pi * time / 7)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    wobble = 0.1 * (time * 7919 % 11)
    return pd.DataFrame({"date": stamps, "a": level + weekly + wobble, "b": 2 * time - 5 * weekly})


def gappy(frame):
    frame = frame.copy()
    frame.loc[frame.index[-9:-6], "a"] = np.nan
    frame.loc[frame.index[-1:], "b"] = np.nan
    return frame


def long(frame):
    names = {"date": "ds", "variable": "unique_id", "value": "y"}
    return frame.melt("date").rename(columns=names)


def run(path, frames, lookback, names=("a", "b")):
    """Return ONNX Runtime's outputs for the last rows of each table, in one batch."""
    rows = [frame[list(names)].to_numpy(dtype=np.float64)[-lookback:] for frame in frames]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"past": np.stack(rows)}), strict=True))


def check_equal(output, expected, scale, distance=0.0):
    """Check equality to 1e-4 of the spread, even at a level of 1e6 with a deviation of 1.

    The program computes in float32, so at a `distance` (in spreads) from the rows fitted on, where
    `predict` changes to float64, it has the digits of float32.
    """
    assert output.dtype == np.float64
    gap = np.abs(output - expected.to_numpy(dtype=np.float64)) / scale
    assert gap.max() < 1e-4 + 2.0**-23 * distance


@pytest.mark.slow
def test_the_command_exports_a_saved_model(tmp_path, capsys):
    out = tmp_path / "ridge.onnx"
    model = tmp_path / "model"
    forecaster = Forecaster(7, 28, Ridge).fit(table())
    forecaster.save(model)
    assert main(["export", str(model), "--to", "onnx", "--out", str(out), "--level", "80"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == (
        f"{out}: past (batch, 28, 2), float64 in the table's units, NaN where unobserved -> "
        "forecast, lo-80, hi-80 (batch, 7, 2). "
        f'Run: onnxruntime.InferenceSession("{out}").run(None, {{"past": values}})\n'
    )
    newer = [table(), table(140), gappy(table()), table(level=3e6), gappy(table(level=-50.0))]
    outputs = run(out, newer, 28)
    scale = forecaster.fitted.standardizer.scale
    for index, frame in enumerate(newer):
        distance = np.nanmax(np.abs(frame["a"] - 1e6)) / scale[0]
        expected = forecaster.predict(frame, level=[80.0])
        for name, ending in (("forecast", ""), ("lo-80", "-lo-80"), ("hi-80", "-hi-80")):
            check_equal(
                outputs[name][index], expected[[f"a{ending}", f"b{ending}"]], scale, distance
            )
    metadata = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    for name in ("names", "targets"):
        assert json.loads(metadata[f"revin_forecast.{name}"]) == ["a", "b"]
    for name, value in {"lookback": "28", "horizon": "7", "frequency": '"D"'}.items():
        assert metadata[f"revin_forecast.{name}"] == value
    assert sorted(tmp_path.iterdir()) == [model, out]


@pytest.mark.slow
def test_an_automatic_choice_of_a_long_table_is_exported(tmp_path):
    frame, shifted = gappy(table(60)), table(60, 1e6 + 9)
    # A series of a long table ends with its last value.
    frame.loc[[58, 59], "b"] = [np.nan, 118.0]
    forecaster = Forecaster(5).fit(long(frame))
    assert forecaster.fitted.config.backbone.name == "WeightedCombination"
    assert "Pretrained" in str(forecaster.fitted.config.backbone)
    # The file is compared with the model, its intervals, too.
    export_onnx(forecaster.fitted, tmp_path / "f.onnx", [80])
    lookback = forecaster.fitted.config.lookback
    outputs = run(tmp_path / "f.onnx", [frame, shifted], lookback)["forecast"]
    scale = forecaster.fitted.standardizer.scale
    for index, newer in enumerate([frame, shifted]):
        wide = forecaster.predict(long(newer)).pivot(index="ds", columns="unique_id", values="y")
        check_equal(outputs[index], wide, scale)


def build_forecaster(config):
    """Return a forecaster whose model has random weights."""
    old = load_fitted(MODELS / "schema-2" / "trained")
    model = config.build(2).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    inputs = () if config.targets is None else ("b",)
    history = dataclasses.replace(old.history, inputs=inputs)
    forecaster = Forecaster(config.horizon, config.lookback)
    forecaster.fitted = dataclasses.replace(old, config=config, model=model, history=history)
    return forecaster


@pytest.mark.slow
def test_quantiles_of_one_channel_with_another_as_input(tmp_path):
    training = TrainingSettings(loss="quantile", levels=(0.1, 0.5, 0.9))
    backbone = ModuleSpec.from_class(functools.partial(DLinear, kernel=3))
    config = ModelConfig(backbone, ModuleSpec.from_class(Robust), 14, 5, training, targets=(0,))
    forecaster = build_forecaster(config)
    export_onnx(forecaster.fitted, tmp_path / "f.onnx", levels=[80])
    outputs = run(tmp_path / "f.onnx", [gappy(table())], 14)
    expected = forecaster.predict(gappy(table()), level=[80.0])
    scale = forecaster.fitted.standardizer.scale[0]
    for name, ending in (("forecast", "a"), ("lo-80", "a-lo-80"), ("hi-80", "a-hi-80")):
        assert outputs[name].shape == (1, 5, 1)
        check_equal(outputs[name][0], expected[[ending]], scale)


@pytest.mark.slow
def test_unguarded_weights_are_saved_loaded_and_exported(tmp_path):
    options = {"affine": "unguarded", "eps": 1e-5, "correction": 1}
    normalizer = ModuleSpec.from_class(functools.partial(RevIN, **options))
    forecaster = build_forecaster(ModelConfig(ModuleSpec.from_class(Linear), normalizer, 14, 5))
    with torch.no_grad():
        weight = forecaster.fitted.model.normalizer.affine_weight
        weight.copy_(torch.tensor([0.004, -1.2]))
    forecaster.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    assert loaded.fitted.config.normalizer.parameters.items() >= options.items()
    expected = forecaster.predict(table())
    pd.testing.assert_frame_equal(loaded.predict(table()), expected)
    export_onnx(loaded.fitted, tmp_path / "f.onnx")
    outputs = run(tmp_path / "f.onnx", [table()], 14)
    check_equal(outputs["forecast"][0], expected[["a", "b"]], loaded.fitted.standardizer.scale)


class DataDependentLinear(torch.nn.Linear):
    """A backbone whose branch on the data can't be exported."""

    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon)

    def forward(self, past):
        factor = 2.0 if past.sum().item() > 0 else 1.0
        return factor * super().forward(past.mT).mT


@pytest.mark.slow
def test_models_that_onnx_cannot_express_are_refused(tmp_path):
    forecaster = build_forecaster(
        ModelConfig(
            ModuleSpec.from_class(DataDependentLinear), ModuleSpec.from_class(LastValue), 14, 5
        )
    )
    with pytest.raises(InputError, match="this model can't be exported to ONNX: "):
        export_onnx(forecaster.fitted, tmp_path / "f.onnx")
    with pytest.raises(InputError, match=r"known inputs \(\['step'\]\), which an ONNX file"):
        export_onnx(load_fitted(MODELS / "schema-2" / "known"), tmp_path / "f.onnx")
    assert not list(tmp_path.iterdir())


def make_first_rows_file(steps):
    """Return an ONNX file that outputs the first rows of its input."""
    kind = onnx.TensorProto.DOUBLE
    bounds = [
        onnx.numpy_helper.from_array(np.array([at]), name)
        for at, name in ((0, "from"), (steps, "to"), (1, "axis"))
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Slice", ["past", "from", "to", "axis"], ["forecast"])],
        "repeating",
        [onnx.helper.make_tensor_value_info("past", kind, ["batch", None, None])],
        [onnx.helper.make_tensor_value_info("forecast", kind, ["batch", None, None])],
        bounds,
    )
    opset = onnx.helper.make_opsetid("", 18)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


def test_a_file_that_forecasts_differently_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_export, "_export_program", lambda *_: make_first_rows_file(5))
    with pytest.raises(InputError, match=r"would give another forecast, by .* training deviations"):
        export_onnx(load_fitted(MODELS / "schema-2" / "ridge"), tmp_path / "f.onnx")
    assert not list(tmp_path.iterdir())


def test_missing_folders_intervals_and_packages_are_reported(tmp_path, monkeypatch, capsys):
    model = str(MODELS / "schema-2" / "ridge")
    assert main(["export", model, "--out", str(tmp_path / "nowhere" / "f.onnx")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["export", model, "--to", "pmml"]) == 2
    assert "onnx" in capsys.readouterr().err
    with pytest.raises(InputError, match="has no intervals"):
        export_onnx(load_fitted(Path(model)), tmp_path / "f.onnx", levels=[80])
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name == "onnxscript" else 1)
    assert main(["export", model, "--out", str(tmp_path / "f.onnx")]) == 2
    error = capsys.readouterr().err
    assert error == (
        'revin-forecast: export needs onnxscript: pip install -c constraints.txt ".[export]".\n'
    )
    assert not list(tmp_path.iterdir())
