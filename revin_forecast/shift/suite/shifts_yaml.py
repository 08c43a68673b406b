"""Read the shifts of a suite: by name, with knobs of their own, or a user's own classes."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.models.parse_module import split_module
from revin_forecast.shift import generators
from revin_forecast.shift.shift import Shift
from revin_forecast.shift.suite.names import name_shift
from revin_forecast.shift.suite.yaml_fields import check_list

ShiftYaml = str | dict[str, Any] | type[Shift] | Shift
"""A shift by name, as {class_path: ..., init_args: {...}}, or from Python a class or an object."""


def parse_shifts(modules: ShiftYaml | Sequence[ShiftYaml]) -> tuple[Shift, ...]:
    """Return shifts by name: "all", one shift with all its arms, one arm, or a user's own class.

    "none" stands for no shift: then only the clean data and their natural shifts are measured.
    The parameter `knobs` of a shift is its strength by severity.

    Raises:
        InputError: unknown shift, or parameters that it does not accept.
    """
    if isinstance(modules, str | Mapping | type | Shift):
        modules = [modules]
    listed = check_list(modules, "shifts", "[level, scale_up]")
    if listed == ["none"]:
        return ()
    if "none" in listed:
        raise InputError(
            f"shifts: none excludes all others but is one of {len(listed)}. Remove it, or them."
        )
    if not listed:
        raise InputError(
            "shifts is empty; give at least one, or write none, which measures the clean data and "
            "their natural shifts only."
        )
    return tuple(shift for module in listed for shift in _parse_shift(module))


def _parse_shift(module: ShiftYaml) -> list[Shift]:
    if isinstance(module, Shift):
        return [module]
    if isinstance(module, type):
        return [_construct_shift(module, {})]
    name, parameters = split_module(module, "shifts")
    arms = [
        shift for shift in generators.ALL_SHIFTS if name in ("all", shift.name, name_shift(shift))
    ]
    if arms and name != "all" and set(parameters) == {"knobs"}:
        return [shift.with_knobs(parameters["knobs"]) for shift in arms]
    if arms:
        if parameters:
            raise InputError(
                f"shifts: {name} takes {'no parameters' if name == 'all' else 'knobs only'} but "
                f"got {', '.join(parameters)}."
                f"{'' if name == 'all' else did_you_mean(next(iter(parameters)), ['knobs'])} "
                "Name the class of a shift to set its other parameters."
            )
        return arms
    kind = _import_object(name) if "." in name else getattr(generators, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Shift)):
        names = sorted({shift.name for shift in generators.ALL_SHIFTS})
        raise InputError(
            f"there is no shift {name!r}.{did_you_mean(name, names)} Name all, one of "
            f"{', '.join(names)}, or your own class as module.Class."
        )
    return [_construct_shift(kind, parameters)]


def _import_object(path: str) -> Any:
    home, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(home), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"can't import {path}: {error}. The module must be next to the suite's file, in the "
            "current folder or on PYTHONPATH."
        ) from error


def _construct_shift(kind: type[Shift], parameters: dict[str, Any]) -> Shift:
    known = inspect.signature(kind).parameters
    own = {key: value for key, value in parameters.items() if key != "knobs" or key in known}
    accepts_any = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in known.values())
    for key in own:
        if key not in known and not accepts_any:
            names = [*known, "knobs"]
            raise InputError(
                f"shifts: {kind.__name__} has no parameter {key!r}.{did_you_mean(key, names)} It "
                f"has {', '.join(names)}."
            )
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise InputError(f"shifts: {kind.__name__} can't be built: define {missing}.")
    try:
        shift = kind(**own)
    except Exception as error:
        raise InputError(f"shifts: {kind.__name__} can't be built: {error}") from error
    return shift.with_knobs(parameters["knobs"]) if set(parameters) - set(own) else shift
