"""Read a suite from YAML: names become classes, own code is imported by path."""

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from revin_forecast import backbones, normalizers
from revin_forecast.data.catalog.catalog import CATALOG
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.models.class_names import name_class
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
    """Models as a file names them."""

    backbones: list[ModuleYaml]
    normalizers: list[ModuleYaml]
    seeds: list[int] = field(default_factory=lambda: [0])


@dataclass(frozen=True)
class SuiteYaml:
    """A suite as its file holds it."""

    name: str
    datasets: list[str | DatasetConfig]
    models: ModelGridYaml | list[ModelGridYaml]
    shifts: str | list[ModuleYaml] = "all"
    windows: WindowConfig = field(default_factory=WindowConfig)
    protocol: ShiftProtocol = field(default_factory=ShiftProtocol)
    training: TrainingSettings = field(default_factory=TrainingSettings)


def read_suite(path: str | Path) -> Suite:
    """Read a suite from a YAML file; classes and tables of your own lie beside it or where you are.

    Raises:
        InputError: no such file, unknown keys, values of another kind, names that are not there.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no suite at {path}. configs/shift-smoke.yaml is one.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no suite: a mapping with name, datasets and models.")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that it hides nothing
    text = _parse_suite(path, content)
    groups = text.models if isinstance(text.models, list) else [text.models]
    return Suite(
        name=text.name,
        datasets=_parse_datasets(text.datasets, path.resolve().parent),
        models=tuple(map(_parse_models, groups)),
        shifts=parse_shifts(text.shifts),
        windows=text.windows,
        protocol=text.protocol,
        training=text.training,
    )


def _parse_models(names: ModelGridYaml) -> ModelGrid:
    return ModelGrid(
        tuple(parse_module(backbones, one) for one in names.backbones),
        tuple(parse_module(normalizers, one) for one in names.normalizers),
        tuple(names.seeds),
    )


def _parse_suite(path: Path, content: dict[str, Any]) -> SuiteYaml:
    known = [one.name for one in fields(SuiteYaml)]
    for key in content:
        if key not in known:
            raise InputError(
                f"{path}: a suite has no {key!r}.{did_you_mean(str(key), known)} It takes "
                f"{', '.join(known)}."
            )
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(SuiteYaml, "suite")
    try:
        return parser.instantiate(parser.parse_object({"suite": content})).suite
    except Exception as error:  # the parser raises several kinds
        told = " ".join(str(error).split()).replace("suite.", "")
        raise InputError(f"{path}: {told}") from error


def _parse_datasets(
    named: Sequence[str | DatasetConfig], folder: Path
) -> tuple[DatasetConfig, ...]:
    found: list[DatasetConfig] = []
    for one in named:
        source = DatasetConfig(one) if isinstance(one, str) else one
        if source.file is not None:
            place = folder / source.file
            source = replace(source, file=str(place if place.exists() else source.file))
        elif source.name not in PROCESSES and source.name not in CATALOG:
            known = [*PROCESSES, *CATALOG]
            raise InputError(
                f"there is no data set {source.name!r} among {', '.join(known)}."
                f"{did_you_mean(source.name, known)} A table of your own is {{name: ..., file: ...}}."
            )
        found.append(source)
    names = [source.name for source in found]
    if len(set(names)) < len(names):
        raise InputError(f"each data set needs a name of its own but got {names}.")
    return tuple(found)


def parse_module(home: Any, named: ModuleYaml) -> ModuleSpec:
    """Describe a class by its name in `home`, or by its import path."""
    name, parameters = _split_module(named)
    kind = getattr(home, name, None) if "." not in name else _import_object(name)
    if not isinstance(kind, type):
        raise InputError(
            f"there is no {name} in {home.__name__}. Name one of {sorted(home.__all__)}, or a "
            "class of your own as module.Class."
        )
    return ModuleSpec(name_class(kind), parameters)


def parse_shifts(chosen: str | Sequence[ModuleYaml]) -> tuple[Shift, ...]:
    """Return shifts by name: "all", some of them, every arm of a name, or classes of your own.

    Raises:
        InputError: a name that is not there.
    """
    if isinstance(chosen, str):
        chosen = [chosen]
    found: list[Shift] = []
    for named in chosen:
        name, parameters = _split_module(named)
        arms = [
            one
            for one in generators.ALL_SHIFTS
            if name in ("all", one.name, f"{one.name}_{one.arm}")
        ]
        if arms and not parameters:
            found += arms
            continue
        kind = _import_object(name) if "." in name else getattr(generators, name, None)
        if not (isinstance(kind, type) and issubclass(kind, Shift)):
            names = sorted({one.name for one in generators.ALL_SHIFTS})
            raise InputError(
                f"there is no shift {name!r}.{did_you_mean(name, names)} Name all, one of "
                f"{', '.join(names)}, or a class of your own as module.Class."
            )
        found.append(_construct_shift(kind, parameters))
    return tuple(found)


def _split_module(named: ModuleYaml) -> tuple[str, dict[str, Any]]:
    if isinstance(named, str):
        return named, {}
    unknown = set(named) - {"class_path", "init_args"}
    if unknown or "class_path" not in named:
        raise InputError(
            f"a class is a name or {{class_path: ..., init_args: {{...}}}} but got {named}."
        )
    return named["class_path"], dict(named.get("init_args") or {})


def _import_object(path: str) -> Any:
    home, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(home), name)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"can't import {path}: {error}. The module must lie beside the suite's file, where you "
            "are, or on PYTHONPATH."
        ) from error


def _construct_shift(kind: Callable[..., Shift], parameters: dict[str, Any]) -> Shift:
    try:
        inspect.signature(kind).bind(**parameters)
    except TypeError as error:
        raise InputError(f"{kind} can't be built: {error}") from error
    return kind(**parameters)
