import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import Forecaster
from revin_forecast.backbones import DLinear, Ridge
from revin_forecast.cli.main import main
from revin_forecast.errors import InputError
from revin_forecast.forecasting import onnx_export as exporting
from revin_forecast.forecasting.onnx_export import export_onnx
from revin_forecast.forecasting.saving import load_fitted
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import LastValue, Robust
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# The run-time shape checks stand in the way of tracing.
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
    """What ONNX Runtime makes of the last rows of each table, all in one batch."""
    rows = [frame[list(names)].to_numpy(dtype=np.float64)[-lookback:] for frame in frames]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"past": np.stack(rows)}), strict=True))


def check_same(found, wanted, scale):
    """To 1e-4 of the spread; a level of 1e6 with a deviation of 1 included."""
    assert found.dtype == np.float64
    gap = np.abs(found - wanted.to_numpy(dtype=np.float64)) / scale
    assert gap.max() < 1e-4


def test_a_saved_model_by_the_command(tmp_path, capsys):
    out = tmp_path / "ridge.onnx"
    model = tmp_path / "model"
    forecaster = Forecaster(7, 28, Ridge).fit(table())
    forecaster.save(model)
    assert main(["export", str(model), "--to", "onnx", "--out", str(out), "--level", "80"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out == (
        f"{out}: past (batch, 28, 2), float64 in the table's units, NaN where unobserved -> "
        "forecast, lo-80, hi-80 (batch, 7, 2). "
        f'Run: onnxruntime.InferenceSession("{out}").run(None, {{"past": values}})\n'
    )
    newer = [table(), table(140), gappy(table()), table(level=3e6), gappy(table(level=-50.0))]
    found = run(out, newer, 28)
    scale = forecaster.fitted.standardizer.scale
    for place, frame in enumerate(newer):
        wanted = forecaster.predict(frame, level=[80.0])
        for name, ending in (("forecast", ""), ("lo-80", "-lo-80"), ("hi-80", "-hi-80")):
            check_same(found[name][place], wanted[[f"a{ending}", f"b{ending}"]], scale)
    described = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    for name in ("names", "targets"):
        assert json.loads(described[f"revin_forecast.{name}"]) == ["a", "b"]
    for name, value in {"lookback": "28", "horizon": "7", "frequency": '"D"'}.items():
        assert described[f"revin_forecast.{name}"] == value
    assert sorted(tmp_path.iterdir()) == [model, out]


def test_what_was_chosen_automatically_from_a_long_table(tmp_path):
    frame, moved = gappy(table(60)), table(60, 1e6 + 9)
    forecaster = Forecaster(5).fit(long(frame))
    assert forecaster.fitted.config.backbone.name == "WeightedCombination"
    export_onnx(forecaster.fitted, tmp_path / "f.onnx")
    lookback = forecaster.fitted.config.lookback
    found = run(tmp_path / "f.onnx", [frame, moved], lookback)["forecast"]
    scale = forecaster.fitted.standardizer.scale
    for place, newer in enumerate([frame, moved]):
        wide = forecaster.predict(long(newer)).pivot(index="ds", columns="unique_id", values="y")
        check_same(found[place], wide, scale)


def built(recipe):
    """A forecaster with a model as it begins, not trained."""
    old = load_fitted(MODELS / "schema-2" / "trained")
    model = recipe.build(2).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    inputs = () if recipe.targets is None else ("b",)
    history = dataclasses.replace(old.history, inputs=inputs)
    forecaster = Forecaster(recipe.horizon, recipe.lookback)
    forecaster.fitted = dataclasses.replace(old, config=recipe, model=model, history=history)
    return forecaster


def test_quantiles_of_one_channel_beside_an_input(tmp_path):
    training = TrainingSettings(loss="quantile", levels=(0.1, 0.5, 0.9))
    backbone = ModuleSpec.from_class(functools.partial(DLinear, kernel=3))
    recipe = ModelConfig(backbone, ModuleSpec.from_class(Robust), 14, 5, training, targets=(0,))
    forecaster = built(recipe)
    export_onnx(forecaster.fitted, tmp_path / "f.onnx", levels=[80])
    found = run(tmp_path / "f.onnx", [gappy(table())], 14)
    wanted = forecaster.predict(gappy(table()), level=[80.0])
    scale = forecaster.fitted.standardizer.scale[0]
    for name, ending in (("forecast", "a"), ("lo-80", "a-lo-80"), ("hi-80", "a-hi-80")):
        assert found[name].shape == (1, 5, 1)
        check_same(found[name][0], wanted[[ending]], scale)


class Moody(torch.nn.Linear):
    """Does what no graph can say."""

    def __init__(self, lookback, horizon, channels):
        super().__init__(lookback, horizon)

    def forward(self, past):
        factor = 2.0 if past.sum().item() > 0 else 1.0
        return factor * super().forward(past.mT).mT


def test_models_that_no_file_can_hold(tmp_path):
    forecaster = built(
        ModelConfig(ModuleSpec.from_class(Moody), ModuleSpec.from_class(LastValue), 14, 5)
    )
    with pytest.raises(InputError, match="this model can't be exported to ONNX: "):
        export_onnx(forecaster.fitted, tmp_path / "f.onnx")
    with pytest.raises(InputError, match=r"known inputs \(\['step'\]\), which an ONNX file"):
        export_onnx(load_fitted(MODELS / "schema-2" / "known"), tmp_path / "f.onnx")
    assert not list(tmp_path.iterdir())


def repeating(steps):
    """A file that hands its first rows back."""
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


def test_a_file_that_forecasts_something_else_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_export_program", lambda *_: repeating(5))
    with pytest.raises(InputError, match=r"would give another forecast, by .* training deviations"):
        export_onnx(load_fitted(MODELS / "schema-2" / "ridge"), tmp_path / "f.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_missing(tmp_path, monkeypatch, capsys):
    model = str(MODELS / "schema-2" / "ridge")
    assert main(["export", model, "--out", str(tmp_path / "nowhere" / "f.onnx")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["export", model, "--to", "pmml"]) == 2
    assert "onnx" in capsys.readouterr().err
    with pytest.raises(InputError, match="has no intervals"):
        export_onnx(load_fitted(Path(model)), tmp_path / "f.onnx", levels=[80])
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else 1)
    assert main(["export", model, "--out", str(tmp_path / "f.onnx")]) == 2
    error = capsys.readouterr().err
    assert error == (
        'revin-forecast: export needs onnxscript: pip install -c constraints.txt ".[export]".\n'
    )
    assert not list(tmp_path.iterdir())
