"""Checks of compiled, exported and ONNX versions of a model."""

import copy
import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from revin_forecast.checks.runner import expect_close
from revin_forecast.checks.samples import (
    HORIZON,
    LOOKBACK,
    NormalizerFactory,
    build_normalizer,
    sample_windows,
)
from revin_forecast.errors import format_install_command
from revin_forecast.models.reversible import Reversible
from revin_forecast.utils.shapes import Future, Past

Result = TypeVar("Result")
_LATEST: ContextVar[dict[str, tuple[object, Any]] | None] = ContextVar("latest", default=None)
"""By kind of result: the key and value of the latest computation; None: nothing is shared."""


@contextmanager
def share_exports() -> Iterator[None]:
    """Within this context, consecutive checks of one class share its model and exported program.

    Exporting takes most of the time. Elsewhere each check exports again, because a class may change
    between two calls.
    """
    token = _LATEST.set({})
    try:
        yield
    finally:
        _LATEST.reset(token)


def share_latest(kind: str, key: object, compute: Callable[[], Result]) -> Result:
    """Return the latest result of this kind if it has the same key, else compute it."""
    latest = _LATEST.get()
    if latest is None:
        return compute()
    if kind not in latest or latest[kind][0] is not key:
        latest[kind] = key, compute()
    return latest[kind][1]


def check_compile(make: NormalizerFactory) -> None:
    """torch.compile produces one graph of model and normalizer with the eager result."""
    model = _build_model(make)
    expect_compiles(model, _usable_windows(model, 50.0))


def check_export(make: NormalizerFactory) -> None:
    """torch.export accepts the model for batches of any size and does not change the module."""
    model = share_latest("model", make, lambda: _build_model(make))
    expect_exports(model, (sample_windows()[:3].float(),), (_usable_windows(model, -300.0),))
    # Fake tensors that tracing left on the module would break both.
    copy.deepcopy(model)
    pickle.dumps(model.normalizer)


def check_onnx(make: NormalizerFactory) -> str | None:
    """ONNX Runtime gives the same forecasts to 1e-5, gaps included."""
    model = share_latest("model", make, lambda: _build_model(make))
    return expect_onnx(model, (sample_windows()[:3].float(),), (_usable_windows(model, 50.0),))


def expect_compiles(model: nn.Module, *inputs: Tensor) -> str | None:
    """Raise CheckError unless one graph of the model gives the eager result.

    torch cannot include recurrent modules in a graph. Models with one are compiled in parts, and
    the function returns a note about it.
    """
    is_recurrent = _is_recurrent(model)
    torch.compiler.reset()
    # "aot_eager" traces the graph and its gradients without generating code.
    compiled = torch.compile(model, fullgraph=not is_recurrent, backend="aot_eager")
    expected = model(*inputs)
    expect_close(compiled(*inputs), expected, output_tolerance(expected), "the compiled model")
    if is_recurrent:
        return "correct, but compiled in parts: torch can't compile a recurrent network"
    return None


def expect_exports(
    model: nn.Module, example_inputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...]
) -> None:
    """Raise CheckError unless a program exported with one batch is correct for another.

    Args:
        model: the model to export.
        example_inputs: inputs to trace the program with.
        inputs: inputs with another batch size to compare the program and the model on.
    """
    program = _export_program(model, example_inputs)
    expected, forecast = model(*inputs), program.module()(*inputs)
    expect_close(forecast, expected, output_tolerance(expected), "the exported model")


def expect_onnx(
    model: nn.Module, example_inputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...]
) -> str | None:
    """Raise CheckError unless ONNX Runtime gives the model's output.

    Args:
        model: the model to export.
        example_inputs: inputs to trace the program with.
        inputs: inputs with another batch size to compare the program and the model on.

    Returns:
        The command that installs ONNX Runtime if it is missing, else None.
    """
    if not all(find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")):
        return format_install_command("export")
    import onnxruntime

    names = [f"input_{number}" for number in range(len(example_inputs))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if _is_recurrent(model):  # given the module, the exporter writes a loop over the steps
            shapes = _dynamic_batch_shapes(example_inputs)
            source, options = model, {"args": example_inputs, "dynamic_shapes": shapes}
        else:
            source, options = _export_program(model, example_inputs), {}
        torch.onnx.export(source, f=path, input_names=names, dynamo=True, verbose=False, **options)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        arrays = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        (forecast,) = session.run(None, arrays)
    expected = model(*inputs)
    expect_close(
        torch.from_numpy(forecast),
        expected,
        output_tolerance(expected),
        "the forecast by ONNX Runtime",
    )
    return None


def output_tolerance(expected: Tensor) -> float:
    """Return the largest allowed difference: 1e-5 of the largest absolute value."""
    return 1e-5 * max(1.0, expected.abs().max().item())


class _SmallBackbone(nn.Module):
    """A small nonlinear backbone."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(LOOKBACK, 8)
        self.out = nn.Linear(8, HORIZON)

    def forward(self, past: Past) -> Future:
        return self.out(self.hidden(past.mT).tanh()).mT


def _build_model(make: NormalizerFactory) -> Reversible:
    return Reversible(_SmallBackbone(), build_normalizer(make)).eval()


def _usable_windows(model: nn.Module, level: float) -> Past:
    """Return windows with a gap, or without one if the model gives NaN for it.

    Another check reports that. Here two results of NaN could not be compared.
    """
    past = sample_windows(level).float()
    with_gap = past.clone()
    with_gap[0, 3, 1] = torch.nan
    with torch.no_grad():
        return with_gap if model(with_gap).isfinite().all() else past


def _is_recurrent(model: nn.Module) -> bool:
    return any(isinstance(module, nn.RNNBase) for module in model.modules())


def _export_program(
    model: nn.Module, example_inputs: tuple[Tensor, ...]
) -> torch.export.ExportedProgram:
    """Return the program of a model for batches of any size."""
    shapes = _dynamic_batch_shapes(example_inputs)
    return share_latest(
        "program",
        model,
        lambda: torch.export.export(model, example_inputs, dynamic_shapes=shapes),
    )


def _dynamic_batch_shapes(example_inputs: tuple[Tensor, ...]) -> tuple[dict[int, Any], ...]:
    batch = torch.export.Dim("batch", min=1, max=4096)
    return ({0: batch},) * len(example_inputs)


PROGRAM_CHECKS = {
    "torch.compile in one graph": check_compile,
    "torch.export with any batch": check_export,
    "ONNX Runtime agrees to 1e-5": check_onnx,
}
