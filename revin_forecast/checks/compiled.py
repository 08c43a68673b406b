"""Promises about programs made of a model: compiled, exported, written as ONNX."""

import copy
import pickle
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from revin_forecast.checks.runner import (
    HORIZON,
    LOOKBACK,
    NormalizerFactory,
    build_normalizer,
    expect_close,
    sample_windows,
)
from revin_forecast.errors import format_install_command
from revin_forecast.models.reversible import Reversible


class _SmallBackbone(nn.Module):
    """A small backbone, not linear."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(LOOKBACK, 8)
        self.out = nn.Linear(8, HORIZON)

    def forward(self, past: Tensor) -> Tensor:
        """Forecast each channel."""
        return self.out(self.hidden(past.mT).tanh()).mT


def _build_model(make: NormalizerFactory) -> Reversible:
    return Reversible(_SmallBackbone(), build_normalizer(make)).eval()


def _windows_with_gap(level: float) -> Tensor:
    past = sample_windows(level).float()
    past[0, 3, 1] = torch.nan
    return past


def check_compile(make: NormalizerFactory) -> None:
    """torch.compile makes one graph of model and normalizer, with the eager result."""
    expect_compiles(_build_model(make), _windows_with_gap(50.0))


def check_export(make: NormalizerFactory) -> None:
    """torch.export takes the whole model with a batch of any size and leaves the module whole."""
    model = _build_model(make)
    expect_exports(model, (sample_windows()[:3].float(),), (_windows_with_gap(-300.0),))
    copy.deepcopy(model)
    pickle.dumps(model.normalizer)


def check_onnx(make: NormalizerFactory) -> str | None:
    """ONNX Runtime gives the same forecasts to 1e-5, gaps included."""
    return expect_onnx(
        _build_model(make), (sample_windows()[:3].float(),), (_windows_with_gap(50.0),)
    )


def expect_compiles(model: nn.Module, *inputs: Tensor) -> str | None:
    """Raise CheckError unless one graph of the model gives the eager result.

    torch's recurrent nets can't be in a graph: around them it is compiled in parts, and told.
    """
    recurrent = any(isinstance(part, nn.RNNBase) for part in model.modules())
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=not recurrent, backend="aot_eager")
    wanted = model(*inputs)
    expect_close(compiled(*inputs), wanted, tolerance(wanted), "the compiled model")
    return "right, but in parts: torch compiles around a recurrent net" if recurrent else None


def expect_exports(
    model: nn.Module, example_inputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...]
) -> None:
    """Raise CheckError unless a program traced with one batch gives the result of another."""
    program = torch.export.export(
        model, example_inputs, dynamic_shapes=_dynamic_batch_shapes(example_inputs)
    )
    wanted = model(*inputs)
    expect_close(program.module()(*inputs), wanted, tolerance(wanted), "the exported model")


def expect_onnx(
    model: nn.Module, example_inputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...]
) -> str | None:
    """Raise CheckError unless ONNX Runtime agrees; returns what to install where it is absent."""
    if not all(find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        return format_install_command("export")
    import onnxruntime

    names = [f"input_{number}" for number in range(len(example_inputs))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            example_inputs,
            path,
            input_names=names,
            dynamic_shapes=_dynamic_batch_shapes(example_inputs),
            dynamo=True,
            verbose=False,
        )
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        fed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        (forecast,) = session.run(None, fed)
    wanted = model(*inputs)
    expect_close(
        torch.from_numpy(forecast), wanted, tolerance(wanted), "the forecast by ONNX Runtime"
    )
    return None


def _dynamic_batch_shapes(example_inputs: tuple[Tensor, ...]) -> tuple[dict[int, Any], ...]:
    batch = torch.export.Dim("batch", min=1, max=4096)
    return ({0: batch},) * len(example_inputs)


def tolerance(wanted: Tensor) -> float:
    """Return the allowed gap: 1e-5 of the largest value."""
    return 1e-5 * max(1.0, wanted.abs().max().item())


PROGRAM_CHECKS = {
    "torch.compile in one graph": check_compile,
    "torch.export with any batch": check_export,
    "ONNX Runtime agrees to 1e-5": check_onnx,
}
