"""Backbones and normalizers as data: a class and its constructor parameters."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from revin_forecast.errors import InputError
from revin_forecast.models.class_names import name_class, update_class_path

if TYPE_CHECKING:  # A command line names modules without importing torch.
    from torch import nn


@dataclass(frozen=True)
class ModuleSpec:
    """A module class by import path, with constructor parameters.

    It can be written to JSON and built elsewhere, without a pickle.

    >>> from revin_forecast.backbones import DLinear
    >>> spec = ModuleSpec.from_class(functools.partial(DLinear, kernel=5))
    >>> spec
    ModuleSpec(path='revin_forecast.DLinear', parameters={'kernel': 5})
    >>> spec.build(96, 24, 3).kernel
    5
    """

    path: str
    """Import path: `revin_forecast.Class`, or `package.module.Class`."""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Keyword arguments in addition to the sizes that `build` passes."""

    @classmethod
    def from_class(cls, factory: "ModuleFactory") -> "ModuleSpec":
        """Describe a class, or a functools.partial of one with keyword arguments.

        Raises:
            InputError: anything else, because it can't be built from a name; a class of this
                package without a public name.
        """
        if isinstance(factory, ModuleSpec):
            return factory
        from torch import nn

        parameters: dict[str, Any] = {}
        # Outer keywords override inner ones. Positional arguments have no name to be saved under.
        while isinstance(factory, functools.partial) and not factory.args:
            parameters = {**factory.keywords, **parameters}
            factory = cast(ModuleFactory, factory.func)
        if not (isinstance(factory, type) and issubclass(factory, nn.Module)):
            raise InputError(
                f"a backbone or normalizer is an nn.Module class, or functools.partial(Class, "
                f"name=value), but got {factory!r}. Pass the class itself."
            )
        parameters = {name: _to_spec(value) for name, value in parameters.items()}
        return cls(name_class(factory), parameters)

    @classmethod
    def from_dict(cls, path: str, parameters: Mapping[str, Any]) -> "ModuleSpec":
        """Return the specification from the result of `dataclasses.asdict`, nested ones included.

        Raises:
            InputError: a path in this package that no schema of saved models contains.
        """
        parameters = {name: _from_dict(value) for name, value in parameters.items()}
        return cls(update_class_path(path), parameters)

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.path.rpartition(".")[2]

    @property
    def call_expression(self) -> str:
        """The class with its parameters, written as a call."""
        return f"{self.name}({', '.join(_format_parameters(self.parameters))})"

    def to_yaml(self) -> dict[str, Any]:
        """Return the specification as users write it in YAML.

        >>> ModuleSpec("mine.Net", {"width": 5}).to_yaml()
        {'class_path': 'mine.Net', 'init_args': {'width': 5}}
        """
        if not self.parameters:
            return {"class_path": self.path}
        parameters = {name: _to_yaml(value) for name, value in self.parameters.items()}
        return {"class_path": self.path, "init_args": parameters}

    def import_class(self) -> "type[nn.Module]":
        """Import the class.

        Raises:
            InputError: the path can't be imported, or is not a module class.
        """
        from torch import nn

        module, _, name = self.path.rpartition(".")
        try:
            kind = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise InputError(
                f"can't import {self.path}: {error}. Check the path, and that its folder is on "
                "PYTHONPATH."
            ) from error
        except Exception as error:
            raise InputError(
                f"can't import {self.path}: {module} raises {type(error).__name__}: {error}. "
                "Correct the module."
            ) from error
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise InputError(f"{self.path} is not an nn.Module class. Pass the path of one.")
        return kind

    def build(self, *sizes: int, **optional_sizes: int) -> "nn.Module":
        """Build the module from sizes and the specification's parameters.

        Args:
            sizes: positional arguments.
            optional_sizes: keyword arguments, passed if the class accepts them and the
                specification does not set them; see `select_accepted_sizes`.

        Raises:
            InputError: the class does not accept the arguments.
        """
        kind = self.import_class()
        parameters = {name: _to_partial(value) for name, value in self.parameters.items()}
        extra: dict[str, int] = {}
        # Errors of user classes are reported with the call, because the arguments come from a
        # command line or a saved model.
        try:
            extra = select_accepted_sizes(functools.partial(kind, **parameters), optional_sizes)
            return kind(*sizes, **(parameters | extra))
        except (TypeError, ValueError) as error:
            arguments = [*map(str, sizes), *_format_parameters({**self.parameters, **extra})]
            call = f"{self.name}({', '.join(arguments)})"
            raise InputError(f"{call} can't be built: {error}") from error


ModuleFactory = ModuleSpec | Callable[..., "nn.Module"]
"""A backbone or normalizer whose sizes are not known yet."""


def select_accepted_sizes(
    factory: Callable[..., "nn.Module"], optional_sizes: Mapping[str, int]
) -> dict[str, int]:
    """Return the optional sizes that a factory accepts and has no value for.

    A normalizer that needs the look-back or the horizon has a parameter of that name, with None or
    nothing as its default.

    >>> from revin_forecast.normalizers import SAN, RevIN
    >>> select_accepted_sizes(SAN, {"lookback": 96, "horizon": 24})
    {'lookback': 96, 'horizon': 24}
    >>> with_lookback = functools.partial(SAN, lookback=48)
    >>> select_accepted_sizes(with_lookback, {"lookback": 96, "horizon": 24})
    {'horizon': 24}
    >>> select_accepted_sizes(RevIN, {"lookback": 96, "horizon": 24})
    {}
    """
    parameters = inspect.signature(factory).parameters
    unset = (None, inspect.Parameter.empty)
    return {
        name: size
        for name, size in optional_sizes.items()
        if name in parameters and parameters[name].default in unset
    }


def _map_nested(convert: Callable[[Any], Any], value: Any) -> Any:
    """Return a parameter with the elements of its list, tuple or dictionary converted."""
    if isinstance(value, list | tuple):
        elements = cast(list[Any] | tuple[Any, ...], value)
        return type(elements)(convert(element) for element in elements)
    if isinstance(value, dict):
        items = cast(dict[Any, Any], value).items()
        return {name: convert(item) for name, item in items}
    return value


def _to_spec(value: Any) -> Any:
    """Convert nested classes, such as the backbone of a `Siamese`, to specifications."""
    if isinstance(value, type | functools.partial):
        return ModuleSpec.from_class(cast(ModuleFactory, value))
    return _map_nested(_to_spec, value)


def _from_dict(value: Any) -> Any:
    """Convert nested dictionaries of a specification, such as those of a list of backbones."""
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, Any], value)
        if set(fields) == {"path", "parameters"}:
            return ModuleSpec.from_dict(**fields)
    return _map_nested(_from_dict, value)


def _to_yaml(value: Any) -> Any:
    """Convert nested specifications; one without parameters is its path."""
    if isinstance(value, ModuleSpec):
        return value.to_yaml() if value.parameters else value.path
    if isinstance(value, tuple):
        value = list(cast(tuple[Any, ...], value))
    return _map_nested(_to_yaml, value)


def _to_partial(value: Any) -> Any:
    """Convert nested specifications to functools.partial of their classes."""
    if not isinstance(value, ModuleSpec):
        return _map_nested(_to_partial, value)
    parameters = {name: _to_partial(inner) for name, inner in value.parameters.items()}
    return functools.partial(value.import_class(), **parameters)


def _format_parameters(parameters: Mapping[str, Any]) -> list[str]:
    """Return parameters as written in a call, nested specifications included."""
    return [f"{name}={_format_value(value)}" for name, value in parameters.items()]


def _format_value(value: Any, format_scalar: Callable[[Any], str] = str) -> str:
    if isinstance(value, ModuleSpec):
        return f"{value.name}({', '.join(_format_parameters(value.parameters))})"
    # Strings inside a container are quoted, as Python would print them.
    if isinstance(value, list):
        return f"[{', '.join(_format_value(element, repr) for element in cast(list[Any], value))}]"
    if isinstance(value, tuple):
        elements = [_format_value(element, repr) for element in cast(tuple[Any, ...], value)]
        return f"({elements[0]},)" if len(elements) == 1 else f"({', '.join(elements)})"
    if isinstance(value, dict):
        items = cast(dict[Any, Any], value).items()
        return f"{{{', '.join(f'{name!r}: {_format_value(item, repr)}' for name, item in items)}}}"
    return format_scalar(value)
