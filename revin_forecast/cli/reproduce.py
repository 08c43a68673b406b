"""A command line that does the same again, from what a command was called with."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from inspect import signature
from typing import Any

import revin_forecast
from revin_forecast.models.spec import ModuleSpec


def format_command_line(
    command: Callable[..., object], arguments: Mapping[str, Any], positional: str
) -> str:
    """Return a command as it is typed, without options that have their usual value.

    Args:
        command: the function behind it; options are its parameters.
        arguments: name -> value.
        positional: the parameter that stands without a flag.

    >>> def greet(name: str, times: int = 1, loud: bool = False): ...
    >>> command_line(greet, {"name": "my file", "times": 2, "loud": True}, "name")
    "revin-forecast greet 'my file' --times 2 --loud"
    """
    words = ["revin-forecast", command.__name__.replace("_", "-"), str(arguments[positional])]
    for name, parameter in signature(command).parameters.items():
        value = arguments.get(name, parameter.default)
        if name != positional and value != parameter.default:
            words += _option_words(name, value, parameter.default)
    return shlex.join(words)


def _option_words(name: str, value: Any, default: Any) -> Iterator[str]:
    """Yield an option and its values."""
    if is_dataclass(value) and not isinstance(value, ModuleSpec):
        for field in fields(value):
            part = getattr(value, field.name)
            if part != getattr(default, field.name):
                yield from _option_words(f"{name}.{field.name}", part, None)
        return
    if isinstance(value, type | partial):
        value = ModuleSpec.from_class(value)
    yield f"--{name.replace('_', '-')}"
    if isinstance(value, ModuleSpec):
        yield _class_name(value)
        usual = signature(value.import_class()).parameters
        for parameter, part in value.parameters.items():
            if parameter not in usual or part != usual[parameter].default:
                yield from _option_words(f"{name}.{parameter}", part, None)
    elif isinstance(value, bool):
        yield from [] if value else ["false"]
    elif isinstance(value, list | tuple) and "." not in name:
        yield from map(_format_number, value)
    else:
        yield str(list(value)) if isinstance(value, tuple) else _format_number(value)


def _format_number(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _class_name(component: ModuleSpec) -> str:
    """Return how a class is named: of this package by its own name, else by its path."""
    public = getattr(revin_forecast, component.name, None)
    return component.name if public is component.import_class() else component.path
