"""Fixtures of authors' outputs: one safetensors file with weights, inputs and outputs of a model.

A file holds the state dict of our class with the values of the authors' module, the inputs and
the outputs of that module in evaluation mode, all in float64. Its metadata name the class, its
constructor's arguments and the authors' code.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from benchmarks.evidence import ROOT
from revin_forecast import backbones, normalizers
from revin_forecast.utils.files import atomic_write
from revin_forecast.utils.shapes import DestationaryFactors

FIXTURES = ROOT / "tests" / "fixtures" / "authors"
TOLERANCE = 1e-10
"""Largest absolute difference that counts as equal, in float64."""
MAX_BYTES = 60_000
INPUTS = ("past", "known", "tau", "delta", "future")
"""Reserved names of inputs: a window, known inputs, de-stationary factors, a network's forecast."""
OUTPUTS = ("normalized", "forecast", "attention_scale", "attention_shift")
"""Reserved names of outputs: of a normalizer z, the forecast in data units and the de-stationary
factors tau and delta; a backbone has only the forecast."""


@dataclass(frozen=True)
class Source:
    """The authors' code that gave an output."""

    repository: str
    """Address, such as https://github.com/cure-lab/SCINet."""
    commit: str
    """Full hash."""
    differences: str = ""
    """One sentence on the parts that were neutralized in their code, or empty."""


@dataclass(frozen=True)
class Fixture:
    """Weights, inputs and outputs of a model."""

    class_name: str
    """Name of a class in `revin_forecast.backbones` or `revin_forecast.normalizers`."""
    parameters: Mapping[str, Any]
    """Keyword arguments of its constructor."""
    source: Source
    weights: Mapping[str, Tensor]
    """State dict of our class."""
    inputs: Mapping[str, Tensor]
    """`past` and, where the class takes them, the other INPUTS."""
    outputs: Mapping[str, Tensor]
    """OUTPUTS of the authors' module."""

    def build_model(self) -> nn.Module:
        """Return our class in float64 and evaluation mode, with fresh weights."""
        home = backbones if self.class_name in backbones.__all__ else normalizers
        with default_float64():  # constants, such as sines, have the default precision
            return getattr(home, self.class_name)(**self.parameters).double().eval()

    def load_model(self) -> nn.Module:
        """Return our class with the weights; a missing or unused one raises RuntimeError."""
        model = self.build_model()
        model.load_state_dict(dict(self.weights), strict=True)
        return model


@contextmanager
def default_float64() -> Iterator[None]:
    """Let new tensors of a block have float64."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(default)


def write_fixture(
    model: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    source: Source,
    path: Path,
) -> Fixture:
    """Write a fixture, print the largest difference of our class, and return the fixture.

    Args:
        model: our class with the weights of the authors' module.
        inputs: `past`, and others of INPUTS if both modules received them.
        outputs: `forecast` of the authors' module, and `normalized` of a normalizer.
        parameters: keyword arguments that built the model.
        source: the authors' code.
        path: file, `<ClassName>[_variant].safetensors`.

    Raises:
        ValueError: an input or output has an unknown name, or the file is too large.
    """
    unknown = {*inputs} - {*INPUTS} | {*outputs} - {*OUTPUTS}
    if unknown:
        raise ValueError(f"a fixture has {INPUTS + OUTPUTS} but got {sorted(unknown)}.")
    fixture = Fixture(type(model).__name__, parameters, source, model.state_dict(), inputs, outputs)
    tensors = {
        # Copies: a file does not hold shared memory.
        name: (value.detach().double() if value.is_floating_point() else value).clone()
        for name, value in {**fixture.weights, **inputs, **outputs}.items()
    }
    metadata = {
        "class": fixture.class_name,
        "parameters": json.dumps(dict(parameters)),
        "repository": source.repository,
        "commit": source.commit,
        "differences": source.differences,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    content = serialize({name: value.contiguous() for name, value in tensors.items()}, metadata)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} would have {len(content)} bytes; choose smaller sizes.")
    with atomic_write(path) as partial:
        partial.write_bytes(content)
    written = read_fixture(path)
    print(f"{path.stem}: largest difference {largest_difference(written):.2g}")
    return written


def read_fixture(path: Path) -> Fixture:
    """Read a file written by `write_fixture`."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    inputs = {name: tensors.pop(name) for name in INPUTS if name in tensors}
    outputs = {name: tensors.pop(name) for name in OUTPUTS if name in tensors}
    source = Source(metadata["repository"], metadata["commit"], metadata["differences"])
    parameters = json.loads(metadata["parameters"])
    return Fixture(metadata["class"], parameters, source, tensors, inputs, outputs)


def largest_difference(fixture: Fixture, model: nn.Module | None = None) -> float:
    """Return the largest absolute difference from the authors' outputs.

    Args:
        fixture: inputs and the authors' outputs.
        model: our class; None: with the weights of the fixture.
    """
    ours = compute_outputs(fixture.load_model() if model is None else model, fixture.inputs)
    return max(
        (ours[name] - expected).abs().max().item() for name, expected in fixture.outputs.items()
    )


@torch.no_grad()
def compute_outputs(model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the OUTPUTS of our class."""
    past = inputs["past"]
    if isinstance(model, normalizers.Normalizer):
        normalized, stats = model.normalize(past)
        outputs = {"normalized": normalized}
        if "future" in inputs:
            outputs["forecast"] = model.denormalize(inputs["future"], stats)
        if (factors := model.factors(stats)) is not None:
            outputs |= {"attention_scale": factors.tau, "attention_shift": factors.delta}
        return outputs
    positional = [past]
    if "tau" in inputs:
        positional.append(DestationaryFactors(inputs["tau"], inputs["delta"]))  # type: ignore[arg-type]
    known = {"known": inputs["known"]} if "known" in inputs else {}
    return {"forecast": model(*positional, **known)}
