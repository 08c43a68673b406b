"""Shared parts of the programs that record authors' outputs."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import FIXTURES, default_float64
from revin_forecast.backbones.layers import sinusoidal_positions
from revin_forecast.checks.samples import perturb

Record = Callable[[Path, Path], None]


def run_recording(record: Record, words: Sequence[str] | None = None) -> None:
    """Run a recording as a command line program.

    The program receives the folder of the authors' code, which is put first among the folders
    that modules are imported from, and the folder of the fixtures. Its help is the docstring of
    the module of `record`.

    Args:
        record: function of the two folders.
        words: arguments; None: those of the process.
    """
    parser = argparse.ArgumentParser(
        description=sys.modules[record.__module__].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,  # addresses are not broken
    )
    parser.add_argument("folder", type=Path, help="checkout of the authors' repository")
    parser.add_argument("--out", type=Path, default=FIXTURES, help="folder of the fixtures")
    options = parser.parse_args(words)
    if not options.folder.is_dir():
        raise SystemExit(f"error: there is no folder {options.folder}; clone the repository first.")
    sys.path.insert(0, str(options.folder))
    torch.manual_seed(0)
    record(options.folder, options.out)


def prepare(module: nn.Module) -> nn.Module:
    """Move parameters and running statistics away from their start; use float64, evaluation."""
    module = perturb(module).double().eval()
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None:
            assert layer.running_var is not None  # both or neither
            layer.running_mean.normal_(0, 0.5)
            layer.running_var.uniform_(0.5, 2)
    return module


def draw(*shape: int) -> Tensor:
    """Return standard normal values in float64."""
    return torch.randn(shape, dtype=torch.float64)


def draw_centred(*shape: int) -> Tensor:
    """Return windows of mean 0 in every channel: subtracting the mean does not change them."""
    windows = draw(*shape)
    return windows - windows.mean(1, keepdim=True)


def draw_standard(*shape: int, correction: int = 0) -> Tensor:
    """Return windows whose variance plus 1e-5 is 1, which standardizing does not change.

    Args:
        shape: (windows, steps, channels).
        correction: subtracted from the number of steps in the variance.
    """
    windows = draw_centred(*shape)
    return windows * ((1 - 1e-5) / windows.var(1, keepdim=True, correction=correction)).sqrt()


def draw_ending_at_zero(*shape: int) -> Tensor:
    """Return windows whose last value is 0, so that subtracting it does not change them."""
    windows = draw(*shape)
    return windows - windows[:, -1:]


def rename_weights(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """Return weights by our names.

    Args:
        state: state dict of the authors' module.
        names: their prefix -> ours; an empty one: the weight is left out. The first match counts.

    Raises:
        ValueError: a weight matches none of the prefixes.
    """
    weights: dict[str, Tensor] = {}
    for name, value in state.items():
        prefix = next((prefix for prefix in names if name.startswith(prefix)), None)
        if prefix is None:
            raise ValueError(f"no prefix of {name}; name its counterpart, or an empty text.")
        if names[prefix]:
            weights[names[prefix] + name.removeprefix(prefix)] = value
    return weights


def attention_names(theirs: str, ours: str) -> dict[str, str]:
    """Return prefixes of an attention layer of the Informer family for `rename_weights`."""
    parts = {"query": "query", "key": "keys", "value": "values", "out": "out"}
    return {f"{theirs}.{name}_projection.": f"{ours}.{part}." for name, part in parts.items()}


def join_keys_values(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Join the maps to keys and to values, which are one map here."""
    joined = dict(weights)
    for name in weights:
        if ".keys." in name:
            parts = joined.pop(name), joined.pop(name.replace(".keys.", ".values."))
            joined[name.replace(".keys.", ".keys_values.")] = torch.cat(parts)
    return joined


def squeeze_maps(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return feed-forward networks as linear maps; theirs are convolutions over one step."""
    return {
        name: value.squeeze(-1) if ".feed." in name else value for name, value in weights.items()
    }


def use_float64_positions(theirs: nn.Module) -> None:
    """Replace the sines of positions of the Informer family, which are computed in float32."""
    with default_float64():
        for name, buffer in theirs.named_buffers():
            if name.endswith("position_embedding.pe"):
                buffer.copy_(sinusoidal_positions(*buffer.shape[-2:]))


class DoublePrecision:
    """A numerical library that uses 64 bits where its user asks for 32.

    Args:
        library: torch or NumPy, put into the authors' module in place of the library.
    """

    def __init__(self, library: ModuleType):
        self.library = library
        self.float32 = library.float64
        self.float = float  # NumPy's old name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)
