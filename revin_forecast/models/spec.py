"""Backbones and normalizers as data: which class, with which parameters."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.models.class_names import name_class, update_class_path


@dataclass(frozen=True)
class ModuleSpec:
    """A module class by import path, and the constructor parameters chosen for it.

    It can be written to JSON and built again elsewhere, without a pickle.

    >>> from revin_forecast.backbones import DLinear
    >>> component = Component.of(functools.partial(DLinear, kernel=5))
    >>> component
    Component(path='revin_forecast.DLinear', parameters={'kernel': 5})
    >>> component.build(96, 24, 3).kernel
    5
    """

    path: str
    """The name it is imported by: `revin_forecast.Class`, or `package.module.Class`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments beside those given when it is built."""

    @classmethod
    def from_class(cls, factory: "ModuleFactory") -> "ModuleSpec":
        """Describe a class, or a functools.partial of one with keyword arguments.

        Raises:
            InputError: anything else, which could not be built again from its name; a class of
                this package without a public name.
        """
        if isinstance(factory, ModuleSpec):
            return factory
        parameters: dict[str, Any] = {}
        while isinstance(factory, functools.partial) and not factory.args:
            parameters = {**factory.keywords, **parameters}
            factory = factory.func
        if not (isinstance(factory, type) and issubclass(factory, nn.Module)):
            raise InputError(
                f"a backbone or normalizer is an nn.Module class, or functools.partial(Class, "
                f"name=value), but got {factory!r}. Pass the class itself."
            )
        parameters = {name: _to_spec(value) for name, value in parameters.items()}
        return cls(name_class(factory), parameters)

    @classmethod
    def from_dict(cls, path: str, parameters: Mapping[str, Any]) -> "ModuleSpec":
        """Return a component from what `dataclasses.asdict` makes of one, nested ones too.

        Raises:
            InputError: a path within this package that no schema of saved models knows.
        """
        parameters = {name: _from_dict(value) for name, value in parameters.items()}
        return cls(update_class_path(path), parameters)

    @property
    def name(self) -> str:
        """The class's own name."""
        return self.path.rpartition(".")[2]

    @property
    def call_expression(self) -> str:
        """The class as it is written in a call, with the parameters chosen for it."""
        return f"{self.name}({', '.join(_format_parameters(self.parameters))})"

    def import_class(self) -> type[nn.Module]:
        """Import the class.

        Raises:
            InputError: nothing of that name, or no module class.
        """
        home, _, name = self.path.rpartition(".")
        try:
            found = getattr(import_module(home), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise InputError(
                f"can't import {self.path}: {error}. Check the path, and that the folder it lies "
                "in is on PYTHONPATH."
            ) from error
        if not (isinstance(found, type) and issubclass(found, nn.Module)):
            raise InputError(f"{self.path} is no nn.Module class; name one.")
        return found

    def build(self, *sizes: int, **optional_sizes: int) -> nn.Module:
        """Build the module from sizes and the component's parameters.

        Args:
            sizes: the first arguments.
            offered: passed on where the class takes them and the component does not say; see
                `taken`.

        Raises:
            InputError: the class does not take them.
        """
        kind = self.import_class()
        parameters = {name: _to_partial(value) for name, value in self.parameters.items()}
        extra: dict[str, int] = {}
        try:
            extra = select_accepted_sizes(functools.partial(kind, **parameters), optional_sizes)
            return kind(*sizes, **(parameters | extra))
        except (TypeError, ValueError) as error:
            shown = ", ".join([*map(str, sizes), *_format_parameters({**self.parameters, **extra})])
            raise InputError(f"{self.name}({shown}) can't be built: {error}") from error


def _map_nested(change: Callable[[Any], Any], value: Any) -> Any:
    """Return a parameter with each part of its lists, tuples and dictionaries changed."""
    if isinstance(value, list | tuple):
        return type(value)(change(part) for part in value)
    if isinstance(value, dict):
        return {name: change(part) for name, part in value.items()}
    return value


def _to_spec(value: Any) -> Any:
    """Return a nested class, such as a `Siamese`'s backbone, as a component."""
    nested = isinstance(value, type | functools.partial)
    return ModuleSpec.from_class(value) if nested else _map_nested(_to_spec, value)


def _from_dict(value: Any) -> Any:
    """Return what is described, such as the backbones of a list, as components."""
    described = isinstance(value, Mapping) and set(value) == {"path", "parameters"}
    return ModuleSpec.from_dict(**value) if described else _map_nested(_from_dict, value)


def _to_partial(value: Any) -> Any:
    """Return what nested components describe."""
    if not isinstance(value, ModuleSpec):
        return _map_nested(_to_partial, value)
    parameters = {name: _to_partial(inner) for name, inner in value.parameters.items()}
    return functools.partial(value.import_class(), **parameters)


def _format_parameters(parameters: Mapping[str, Any]) -> list[str]:
    """Return parameters as they are written in a call, nested components too."""
    return [f"{name}={_format_value(value)}" for name, value in parameters.items()]


def _format_value(value: Any, plain: Callable[[Any], str] = str) -> str:
    if isinstance(value, ModuleSpec):
        return f"{value.name}({', '.join(_format_parameters(value.parameters))})"
    if isinstance(value, list | tuple):
        inner = ", ".join(_format_value(part, repr) for part in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {_format_value(part, repr)}' for name, part in value.items())}}}"
    return plain(value)


def select_accepted_sizes(
    make: Callable[..., nn.Module], optional_sizes: Mapping[str, int]
) -> dict[str, int]:
    """Return those of the offered sizes that a class takes and has no value for yet.

    A normalizer that must know the look-back or the horizon says so with a parameter of that name,
    None or nothing as its default.

    >>> from revin_forecast.normalizers import SAN, RevIN
    >>> taken(SAN, {"lookback": 96, "horizon": 24})
    {'lookback': 96, 'horizon': 24}
    >>> taken(functools.partial(SAN, lookback=48), {"lookback": 96, "horizon": 24})
    {'horizon': 24}
    >>> taken(RevIN, {"lookback": 96, "horizon": 24})
    {}
    """
    parameters = inspect.signature(make).parameters
    free = (None, inspect.Parameter.empty)
    return {
        name: size
        for name, size in optional_sizes.items()
        if name in parameters and parameters[name].default in free
    }


ModuleFactory = ModuleSpec | Callable[..., nn.Module]
"""What stands for a backbone or normalizer before its sizes are known."""
