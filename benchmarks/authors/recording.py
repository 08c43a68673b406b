"""Shared parts of the programs that record authors' outputs."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import FIXTURES
from revin_forecast.checks.runner import perturb

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
