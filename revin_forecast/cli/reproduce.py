"""The command line that reproduces a call of a command."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from inspect import signature
from typing import Any

import revin_forecast
from revin_forecast.cli.options import FLAT_GROUPS
from revin_forecast.models.spec import ModuleSpec


def format_command_line(
    command: Callable[..., object], arguments: Mapping[str, Any], *positional: str
) -> str:
    """Return the command line of a call, without options that have their default value.

    Args:
        command: function of the command; its parameters are the options.
        arguments: values of the parameters, by name.
        positional: the parameters that are passed without a flag.

    >>> def greet(name: str, times: int = 1, loud: bool = False): ...
    >>> format_command_line(greet, {"name": "my file", "times": 2, "loud": True}, "name")
    "revin-forecast greet 'my file' --times 2 --loud"
    """
    words = ["revin-forecast", command.__name__.replace("_", "-")]
    words += [str(arguments[name]) for name in positional if arguments[name] is not None]
    for name, parameter in signature(command).parameters.items():
        value = arguments.get(name, parameter.default)
        if name not in positional and value != parameter.default:
            words += _option_words(name, value, parameter.default)
    return shlex.join(words)


def _option_words(name: str, value: Any, default: Any) -> Iterator[str]:
    """Yield an option and its values as words."""
    if is_dataclass(value) and not isinstance(value, ModuleSpec):
        for field in fields(value):
            setting = getattr(value, field.name)
            if setting != getattr(default, field.name):
                option = field.name if type(value) in FLAT_GROUPS else f"{name}.{field.name}"
                yield from _option_words(option, setting, None)
        return
    yield f"--{name.replace('_', '-')}"
    if isinstance(value, ModuleSpec):
        yield _class_name(value)
        signature_parameters = signature(value.import_class()).parameters
        for key, setting in value.parameters.items():
            # Only a class that takes **kwargs has parameters outside its signature.
            default_setting = signature_parameters.get(key)
            if default_setting is None or setting != default_setting.default:
                yield from _option_words(f"{name}.{key}", setting, None)
    elif isinstance(value, bool):
        yield from [] if value else ["false"]
    elif isinstance(value, list | tuple) and "." not in name:
        yield from map(_format_number, value)  # --level 80 95
    else:
        # An option of a class or of settings takes a list in brackets, as one word.
        yield str(list(value)) if isinstance(value, tuple) else _format_number(value)


def _format_number(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _class_name(component: ModuleSpec) -> str:
    """Return the name of a class of this package, or the import path of any other class."""
    public = getattr(revin_forecast, component.name, None)
    return component.name if public is component.import_class() else component.path
