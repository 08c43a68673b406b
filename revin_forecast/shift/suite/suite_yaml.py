"""Read a suite from YAML: names become classes, and a user's own classes are imported by path."""

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from revin_forecast.backbones import Pretrained
from revin_forecast.data.catalog.catalog import CATALOG
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.models.parse_module import parse_module, split_module
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift import generators
from revin_forecast.shift.processes import PROCESSES
from revin_forecast.shift.shift import Shift
from revin_forecast.shift.suite.suite import (
    DatasetConfig,
    ModelGrid,
    ShiftProtocol,
    Suite,
    WindowConfig,
)
from revin_forecast.training.settings import TrainingSettings

ModuleYaml = str | dict[str, Any]
"""A class by name, or {class_path: ..., init_args: {...}}."""


@dataclass(frozen=True)
class ModelGridYaml:
    """The models of a suite in YAML."""

    backbones: list[ModuleYaml]
    normalizers: list[ModuleYaml]
    seeds: list[int] = field(default_factory=lambda: [0])


@dataclass(frozen=True)
class SuiteYaml:
    """A suite in YAML, before names are resolved."""

    name: str
    datasets: list[str | DatasetConfig]
    models: ModelGridYaml | list[ModelGridYaml]
    shifts: str | list[ModuleYaml] = "all"
    windows: WindowConfig = field(default_factory=WindowConfig)
    protocol: ShiftProtocol = field(default_factory=ShiftProtocol)
    training: TrainingSettings = field(default_factory=TrainingSettings)


def read_suite(path: str | Path) -> Suite:
    """Read a suite from a YAML file.

    A user's own classes and tables may be in the file's folder or in the current one.

    Raises:
        InputError: missing file, unknown key, value of the wrong type, or unknown name.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no suite at {path}. configs/shift-smoke.yaml is one.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path} is not a suite: it must be a mapping with name, datasets and models."
        )
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that its files shadow no installed module
    suite = _parse_suite(path, content)
    grids = suite.models if isinstance(suite.models, list) else [suite.models]
    models, zero_shot = _separate_zero_shot(map(_parse_models, grids))
    if not models:
        raise InputError(
            f"{path}: the suite has no backbone but {zero_shot[0].name}, which is a reference that "
            "is not trained. Add one to compare with it, such as Ridge."
        )
    return Suite(
        name=suite.name,
        datasets=_parse_datasets(suite.datasets, path.resolve().parent),
        models=models,
        shifts=parse_shifts(suite.shifts),
        windows=suite.windows,
        protocol=suite.protocol,
        training=suite.training,
        zero_shot=zero_shot,
    )


def _parse_models(grid: ModelGridYaml) -> ModelGrid:
    return ModelGrid(
        # Without defaults: the keys of recorded results have only the parameters of the suite.
        tuple(
            parse_module("backbone", module, option="backbones", with_defaults=False)
            for module in grid.backbones
        ),
        tuple(
            parse_module("normalizer", module, option="normalizers", with_defaults=False)
            for module in grid.normalizers
        ),
        tuple(grid.seeds),
    )


def _separate_zero_shot(
    grids: Iterable[ModelGrid],
) -> tuple[tuple[ModelGrid, ...], tuple[ModuleSpec, ...]]:
    """Return the grids without the zero-shot backbones, and these backbones, each once."""
    trained: list[ModelGrid] = []
    zero_shot: list[ModuleSpec] = []
    for grid in grids:
        others = tuple(backbone for backbone in grid.backbones if not _is_zero_shot(backbone))
        trained += [replace(grid, backbones=others)] if others else []
        zero_shot += [
            backbone
            for backbone in grid.backbones
            if _is_zero_shot(backbone) and backbone not in zero_shot
        ]
    return tuple(trained), tuple(zero_shot)


def _is_zero_shot(backbone: ModuleSpec) -> bool:
    """Return whether a backbone is the pretrained one, without training on the data."""
    is_pretrained = issubclass(backbone.import_class(), Pretrained)
    return is_pretrained and not backbone.parameters.get("trainable", False)


def _parse_suite(path: Path, content: dict[str, Any]) -> SuiteYaml:
    # Checked before the parser, whose message has no suggestion.
    keys = [known.name for known in fields(SuiteYaml)]
    for key in content:
        if key not in keys:
            raise InputError(
                f"{path}: a suite has no key {key!r}.{did_you_mean(str(key), keys)} Its keys are "
                f"{', '.join(keys)}."
            )
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(SuiteYaml, "suite")
    try:
        return parser.instantiate(parser.parse_object({"suite": content})).suite
    except Exception as error:  # the parser raises several kinds
        message = " ".join(str(error).split()).replace("suite.", "")
        raise InputError(f"{path}: {message}") from error


def _parse_datasets(
    datasets: Sequence[str | DatasetConfig], folder: Path
) -> tuple[DatasetConfig, ...]:
    configs: list[DatasetConfig] = []
    for dataset in datasets:
        config = DatasetConfig(dataset) if isinstance(dataset, str) else dataset
        if config.file is not None:
            # Relative to the suite's file first, else to the current folder.
            path = folder / config.file
            config = replace(config, file=str(path if path.exists() else config.file))
        elif config.name not in PROCESSES and config.name not in CATALOG:
            known = [*PROCESSES, *CATALOG]
            raise InputError(
                f"there is no data set {config.name!r} among {', '.join(known)}."
                f"{did_you_mean(config.name, known)} For your own table use "
                "{name: ..., file: ...}."
            )
        configs.append(config)
    names = [config.name for config in configs]
    if len(set(names)) < len(names):
        raise InputError(f"each data set needs a unique name but got {names}.")
    return tuple(configs)


def parse_shifts(modules: str | Sequence[ModuleYaml]) -> tuple[Shift, ...]:
    """Return shifts by name: "all", one shift with all its arms, one arm, or a user's own class.

    Raises:
        InputError: unknown shift.
    """
    if isinstance(modules, str):
        modules = [modules]
    shifts: list[Shift] = []
    for module in modules:
        name, parameters = split_module(module, "shifts")
        arms = [
            shift
            for shift in generators.ALL_SHIFTS
            if name in ("all", shift.name, f"{shift.name}_{shift.arm}")
        ]
        if arms and not parameters:
            shifts += arms
            continue
        kind = _import_object(name) if "." in name else getattr(generators, name, None)
        if not (isinstance(kind, type) and issubclass(kind, Shift)):
            names = sorted({shift.name for shift in generators.ALL_SHIFTS})
            raise InputError(
                f"there is no shift {name!r}.{did_you_mean(name, names)} Name all, one of "
                f"{', '.join(names)}, or your own class as module.Class."
            )
        shifts.append(_construct_shift(kind, parameters))
    return tuple(shifts)


def _import_object(path: str) -> Any:
    home, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(home), name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"can't import {path}: {error}. The module must be next to the suite's file, in the "
            "current folder or on PYTHONPATH."
        ) from error


def _construct_shift(kind: Callable[..., Shift], parameters: dict[str, Any]) -> Shift:
    try:
        inspect.signature(kind).bind(**parameters)
    except TypeError as error:
        raise InputError(f"{kind} can't be built: {error}") from error
    return kind(**parameters)
