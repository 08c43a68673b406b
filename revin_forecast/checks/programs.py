"""Promises about programs made of a model: compiled, exported, written as ONNX."""

import copy
import pickle
import tempfile
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from revin_forecast.checks.run import (
    HORIZON,
    LOOKBACK,
    Make,
    build,
    expect_close,
    windows,
)
from revin_forecast.reversible import Reversible


class _Net(nn.Module):
    """A small backbone, not linear."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(LOOKBACK, 8)
        self.out = nn.Linear(8, HORIZON)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast each channel."""
        return self.out(self.hidden(past.mT).tanh()).mT


def _model(make: Make) -> Reversible:
    return Reversible(_Net(), build(make)).eval()


def _gapped(level: float) -> Tensor:
    past = windows(level).float()
    past[0, 3, 1] = torch.nan
    return past


def check_compile(make: Make) -> None:
    """torch.compile makes one graph of model and normalizer, with the eager result."""
    model, past = _model(make), _gapped(50.0)
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    wanted = model(past)
    expect_close(compiled(past), wanted, _bound(wanted), "the compiled model")


def check_export(make: Make) -> None:
    """torch.export takes the whole model with a batch of any size and leaves the module whole."""
    model, past = _model(make), _gapped(-300.0)
    batch = torch.export.Dim("batch", min=1, max=4096)
    program = torch.export.export(model, (windows()[:3].float(),), dynamic_shapes=({0: batch},))
    wanted = model(past)
    expect_close(program.module()(past), wanted, _bound(wanted), "the exported model")
    copy.deepcopy(model)
    pickle.dumps(model.normalizer)


def check_onnx(make: Make) -> str | None:
    """ONNX Runtime gives the same forecasts to 1e-5, gaps included."""
    if not all(find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        return "pip install 'revin-forecast[export]'"
    import onnxruntime

    model, past = _model(make), _gapped(50.0)
    batch = torch.export.Dim("batch", min=1, max=4096)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            (windows()[:3].float(),),
            path,
            input_names=["past"],
            dynamic_shapes=({0: batch},),
            dynamo=True,
            verbose=False,
        )
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (forecast,) = session.run(None, {"past": past.numpy()})
    wanted = model(past)
    expect_close(torch.from_numpy(forecast), wanted, _bound(wanted), "the forecast by ONNX Runtime")
    return None


def _bound(wanted: Tensor) -> float:
    return 1e-5 * max(1.0, wanted.abs().max().item())


PROGRAM_CHECKS = {
    "torch.compile in one graph": check_compile,
    "torch.export with any batch": check_export,
    "ONNX Runtime agrees to 1e-5": check_onnx,
}
