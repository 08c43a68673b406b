"""Read a suite from YAML: names become classes, and a user's own classes are imported by path."""

import functools
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import yaml

from revin_forecast.backbones import Pretrained
from revin_forecast.errors import InputError
from revin_forecast.models.parse_module import ModuleKind, parse_module
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift.measuring.fracast import Fracast
from revin_forecast.shift.suite.datasets_yaml import parse_datasets
from revin_forecast.shift.suite.shifts_yaml import parse_shifts
from revin_forecast.shift.suite.suite import (
    Exclusion,
    ModelGrid,
    ShiftProtocol,
    Suite,
    WindowConfig,
)
from revin_forecast.shift.suite.yaml_fields import check_list, check_mapping, read_fields
from revin_forecast.training.settings import TrainingSettings

SUITE_KEYS = (
    "name", "datasets", "models", "shifts", "windows", "protocol", "training", "exclude"
)  # fmt: skip
GRID_KEYS = tuple(item.name for item in fields(ModelGrid))
GRID_EXAMPLE = "{backbones: [Ridge], normalizers: [RevIN, Identity]}"


def read_suite(source: str | Path | Mapping[str, Any]) -> Suite:
    """Read a suite from a YAML file, or from a mapping with the same keys.

    A user's own classes and tables may be in the file's folder or in the current one. In a mapping
    a class may also stand for its import path: `"backbones": [MyNet]`, with parameters as
    `functools.partial(MyNet, width=8)`.

    Args:
        source: path of the file, or the suite itself.

    Returns:
        The suite, all of whose names, types and numbers are valid.

    Raises:
        InputError: missing file, unknown key, value of the wrong type, or unknown name.

    >>> models = {"backbones": ["Ridge"], "normalizers": ["RevIN", "Identity"]}
    >>> suite = read_suite({"name": "mine", "datasets": ["ar"], "models": models})
    >>> suite.windows
    WindowConfig(lookback=96, horizon=96, stride=6)
    """
    if isinstance(source, Mapping):
        return _parse_suite(source, Path.cwd())
    path = Path(source)
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
    try:
        return _parse_suite(cast(dict[str, Any], content), path.resolve().parent)
    except InputError as error:
        raise InputError(f"{path}: {error.message}") from error


def _parse_suite(content: Mapping[str, Any], folder: Path) -> Suite:
    given = check_mapping(content, SUITE_KEYS, "a suite")
    for key in ("name", "datasets", "models"):
        if key not in given:
            raise InputError(f"a suite needs the key {key}. Its keys are {', '.join(SUITE_KEYS)}.")
    if not isinstance(given["name"], str):
        raise InputError(f"name is a text but got {given['name']!r}. Put it in quotes.")
    training = check_mapping(
        given.get("training", {}), [item.name for item in fields(TrainingSettings)], "training"
    )
    models = given["models"]
    listed = [models] if isinstance(models, Mapping) else check_list(models, "models", GRID_EXAMPLE)
    grids, zero_shot = _separate_zero_shot([_parse_grid(grid, training) for grid in listed])
    if zero_shot and not grids:
        raise InputError(
            f"the suite has no backbone but {zero_shot[0].name}, which is a reference that is not "
            "trained. Add one to compare with it, such as Ridge."
        )
    datasets = check_list(given["datasets"], "datasets", "[ar, sine]")
    exclude = check_list(
        given.get("exclude", []), "exclude", "[{backbone: PatchTST, normalizer: DishTS}]"
    )
    shifts = given.get("shifts", "all")
    return Suite(
        name=given["name"],
        datasets=parse_datasets(datasets, folder),
        models=grids,
        shifts=parse_shifts(shifts if shifts is not None else []),
        windows=WindowConfig(**read_fields(WindowConfig, given.get("windows", {}), "windows")),
        protocol=ShiftProtocol(**read_fields(ShiftProtocol, given.get("protocol", {}), "protocol")),
        training=_read_training(training, "training"),
        zero_shot=zero_shot,
        exclusions=tuple(
            Exclusion(**read_fields(Exclusion, one, "a member of exclude")) for one in exclude
        ),
    )


def _parse_grid(content: object, training: Mapping[str, Any]) -> ModelGrid:
    given = check_mapping(content, GRID_KEYS, "models")
    for key in ("backbones", "normalizers"):
        if key not in given:
            raise InputError(f"models has no {key}. Write, for instance, {GRID_EXAMPLE}.")
    seeds = check_list(given.get("seeds", [0]), "models.seeds", "[0, 1, 2]")
    own = None
    if "training" in given:
        names = [item.name for item in fields(TrainingSettings)]
        changed = check_mapping(given["training"], names, "models.training")
        merged = {**training, **changed}
        if changed.get("loss", "quantile") != "quantile" and "levels" not in changed:
            merged.pop("levels", None)  # of the suite's own loss
        own = _read_training(merged, "models.training")
    return ModelGrid(
        _parse_modules("backbone", given["backbones"]),
        _parse_modules("normalizer", given["normalizers"]),
        tuple(seeds),
        own,
        tuple(check_list(given.get("online", []), "models.online", "[level]")),
    )


def _read_training(content: Mapping[str, Any], place: str) -> TrainingSettings:
    return TrainingSettings(**read_fields(TrainingSettings, content, place))


def _parse_modules(kind: ModuleKind, content: object) -> tuple[ModuleSpec, ...]:
    option = f"{kind}s"
    # Without defaults: the keys of recorded results have only the parameters of the suite.
    return tuple(
        parse_module(kind, _name_class(module), option=option, with_defaults=False)
        for module in check_list(content, f"models.{option}", "[Ridge, MLP]")
    )


def _name_class(module: Any) -> Any:
    """Return a class of Python, or a partial of one, as YAML names it."""
    if isinstance(module, type | functools.partial | ModuleSpec):
        return ModuleSpec.from_class(module).to_yaml()
    # Public, but not among the backbones, as its weights are in another package.
    return f"revin_forecast.{module}" if module == Fracast.__name__ else module


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
    """Return whether a backbone was trained before, and is not trained on the data."""
    kind = backbone.import_class()
    if issubclass(kind, Pretrained):
        return not backbone.parameters.get("trainable", False)
    return getattr(kind, "is_zero_shot", False)
