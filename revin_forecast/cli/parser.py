"""Options of a command from its function's parameters, and arguments from the parsed options."""

import argparse
import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import Field, dataclass, fields, is_dataclass
from itertools import zip_longest
from typing import Annotated, Any, get_args, get_origin

from revin_forecast import __all__ as public_names
from revin_forecast import backbones, normalizers
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.selection.settings import SelectionSettings

FLAT_GROUPS: tuple[type, ...] = (ReadingOptions, SelectionSettings)
"""Dataclasses whose fields are options of their own (--time), not options of a group."""
ITEM_TYPES: dict[Any, type] = {
    kind | None: item for item in (str, int, float) for kind in (list[item], tuple[item, ...])
} | {tuple[item, ...]: item for item in (str, int, float)}
"""Types of options that take several values after one flag, and the type of a value."""


@dataclass(frozen=True)
class Without:
    """Fields of an options dataclass that a command does not have, as an annotation."""

    names: tuple[str, ...]
    """Names of the fields."""


def find_flat_options(function: Callable[..., Any]) -> dict[str, dict[str, Field[Any]]]:
    """Return the options that a function takes together in a dataclass.

    Returns:
        For each parameter with such a dataclass its fields by name, without those that an
        annotation leaves out.
    """
    groups: dict[str, dict[str, Field[Any]]] = {}
    for name, annotation in inspect.get_annotations(function).items():
        kind, *notes = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
        if kind in FLAT_GROUPS:
            left_out = {field for note in notes for field in note.names}
            groups[name] = {f.name: f for f in fields(kind) if f.name not in left_out}
    return groups


def group_flat_options(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """Replace the values of options that a function takes together by their dataclass."""
    grouped = dict(values)
    for parameter, options in find_flat_options(function).items():
        kind = type(inspect.signature(function).parameters[parameter].default)
        given = {name: value for name in options if (value := grouped.pop(name)) is not None}
        grouped[parameter] = kind(
            **{key: tuple(item) if isinstance(item, list) else item for key, item in given.items()}
        )
    return grouped


def add_parameters(parser: Any, function: Callable[..., Any], positional: tuple[str, ...]) -> None:
    """Add the options of a command to a parser, with help from docstrings.

    The help of an option is its entry in the function's docstring, or the docstring of its field.

    Args:
        parser: parser of jsonargparse.
        function: function of the command.
        positional: parameters that are passed without a flag.
    """
    from docstring_parser import parse, parse_from_object

    groups = find_flat_options(function)
    kinds = [type(inspect.signature(function).parameters[name].default) for name in groups]
    documented = [parse_from_object(kind) for kind in kinds] + [parse(function.__doc__ or "")]
    help_texts = {item.arg_name: item.description for doc in documented for item in doc.params}
    for name in positional:
        parameter = inspect.signature(function).parameters[name]
        required = parameter.default is inspect.Parameter.empty
        extra = {} if required else {"nargs": "?", "default": parameter.default}
        parser.add_argument(name, type=parameter.annotation, help=help_texts.get(name), **extra)
    options = {
        name: (annotation, None)
        for name, annotation in inspect.get_annotations(function).items()
        if annotation in ITEM_TYPES
    }
    for group in groups.values():
        options |= {name: (field.type, field.default) for name, field in group.items()}
    if {"backbone", "normalizer"} & set(inspect.get_annotations(function)):
        _import_public_classes()
    parser.add_function_arguments(
        function, as_group=False, skip={*positional, *groups, *options}, fail_untyped=True
    )
    for name, (annotation, default) in options.items():
        # jsonargparse would expect a list as --target '[a, b]'; these options take --target a b.
        item = ITEM_TYPES.get(annotation)
        extra = {"nargs": "+", "type": item} if item else {"type": annotation, "default": default}
        parser.add_argument(f"--{name}", help=help_texts.get(name), **extra)
    parser.add_argument("--config", action="config", help="read options from this YAML file")
    parser.add_argument(
        "--verbose",
        type=bool,
        default=False,
        help="print progress and the messages of libraries on stderr; a terminal shows progress "
        "after two seconds in any case",
    )
    parser.description = (inspect.getdoc(function) or "").partition("\n")[0]
    short = find_short_options(function)
    parser.epilog = "In option names, - and _ are equivalent. --json is short for --json true."
    if short:
        name, full_name = next(iter(short.items()))
        groups = sorted({name.partition(".")[0] for name in short.values()})
        parser.epilog = (
            f"Options of {' and '.join(groups)} can omit the group: --{name.replace('_', '-')} is "
            f"short for --{full_name.replace('_', '-')}. {parser.epilog}"
        )


def _import_public_classes() -> None:
    """Import every backbone and normalizer: jsonargparse finds names among imported classes."""
    for package in (backbones, normalizers):
        for name in package.__all__:
            getattr(package, name)


def make_help_formatter() -> type:
    """Return a help formatter with class names and defaults instead of the parser's types."""
    from jsonargparse import DefaultHelpFormatter

    class Help(DefaultHelpFormatter):
        def _get_help_string(self, action: argparse.Action) -> str:
            """Return the help text with the classes to choose from and the default, if any."""
            text = (action.help or "").rstrip(". ")
            if text[1:2].islower():  # the docstring of a field begins with a capital letter
                text = text[0].lower() + text[1:]
            parser_text = super()._get_help_string(action)
            names = re.findall(r"revin_forecast\.(\w+)(?=[,)])", parser_text)
            classes = sorted(set(names) & set(public_names))
            if classes:
                text += f". One of {', '.join(classes)}; or your own class as module.Class"
            # None means "chosen by the command" and False "off", which the help text says itself.
            if "default: %(default)s" in parser_text and not (
                action.default is None or action.default is False
            ):
                path = action.default.get("class_path") if hasattr(action.default, "get") else None
                text += f" (default {path.rpartition('.')[2] if path else '%(default)s'})"
            return text

        def _format_action_invocation(self, action: argparse.Action) -> str:
            """Write options with - between words, as in the documentation."""
            text = super()._format_action_invocation(action)
            return re.sub(r"--[\w.]+", lambda flag: flag[0].replace("_", "-"), text)

    return Help


def normalize_arguments(words: list[str], function: Callable[..., Any]) -> list[str]:
    """Expand abbreviations: `--data-dir` to `--data_dir` and `--json` to `--json true`.

    `--seed` becomes `--training.seed` if the command has no option `--seed` itself.
    """
    flags, short = find_boolean_flags(function), find_short_options(function)
    expanded: list[str] = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("--"):
            option, equals, value = word[2:].partition("=")
            option = option.replace("-", "_")
            word = f"--{short.get(option, option)}{equals}{value}"
        expanded.append(word)
        if word in flags and following not in ("true", "false"):
            expanded.append("true")
    return expanded


def find_short_options(function: Callable[..., Any]) -> dict[str, str]:
    """Return the full names of settings fields by their short names, where those are not in use."""
    parameters = inspect.get_annotations(function)
    flat = [name for options in find_flat_options(function).values() for name in options]
    used_names = {*parameters, *flat, "config", "help", "print_config", "verbose"}
    short: dict[str, str] = {}
    for group, annotation in parameters.items():
        if is_dataclass(annotation) and annotation not in FLAT_GROUPS:
            for field in fields(annotation):
                if field.name not in used_names:
                    short[field.name] = f"{group}.{field.name}"
                    used_names.add(field.name)
    return short


def find_boolean_flags(function: Callable[..., Any]) -> set[str]:
    """Return the boolean options, including those of settings."""
    flags = {"--verbose"}
    for name, annotation in inspect.get_annotations(function).items():
        if annotation is bool:
            flags.add(f"--{name}")
        elif is_dataclass(annotation) and annotation not in FLAT_GROUPS:
            flags |= {
                f"--{name}.{field.name}" for field in fields(annotation) if field.type is bool
            }
    return flags


def to_module_factory(option: Any) -> Callable[..., Any] | str | None:
    """Turn a parsed class option into a class or partial that `ModuleSpec` accepts."""
    from revin_forecast.models.spec import ModuleSpec

    if option is None or isinstance(option, type | str):
        return option
    parameters = dict(vars(option.get("init_args") or argparse.Namespace()))
    for name, value in parameters.items():  # A parameter can be a class itself, as in Siamese.
        if hasattr(value, "get") and value.get("class_path"):
            parameters[name] = to_module_factory(value)
    return functools.partial(ModuleSpec(option["class_path"]).import_class(), **parameters)
