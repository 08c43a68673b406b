"""A function's parameters as options of a command line, and what was chosen as its arguments."""

import argparse
import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from itertools import zip_longest
from typing import Any

LIST_TYPES: dict[Any, type] = {
    list[str] | None: str,
    list[int] | None: int,
    list[float] | None: float,
}
"""Options that take several values after one flag, and the type of each."""


def add_parameters(parser: Any, function: Callable[..., Any], positional: tuple[str, ...]) -> None:
    """Give a parser the options of a command, with their help from its docstring.

    Args:
        parser: jsonargparse's.
        function: the command.
        positional: its parameters that stand without a flag.
    """
    from docstring_parser import parse

    documented = {item.arg_name: item.description for item in parse(function.__doc__ or "").params}
    for name in positional:
        parameter = inspect.signature(function).parameters[name]
        required = parameter.default is inspect.Parameter.empty
        extra = {} if required else {"nargs": "?", "default": parameter.default}
        parser.add_argument(name, type=parameter.annotation, help=documented.get(name), **extra)
    several = {
        name: LIST_TYPES[kind]
        for name, kind in inspect.get_annotations(function).items()
        if kind in LIST_TYPES
    }
    parser.add_function_arguments(
        function, as_group=False, skip={*positional, *several}, fail_untyped=True
    )
    for name, kind in several.items():  # --target a b, without brackets
        parser.add_argument(f"--{name}", nargs="+", type=kind, help=documented.get(name))
    parser.add_argument("--config", action="config", help="take options from this YAML file")
    parser.add_argument(
        "--verbose",
        type=bool,
        default=False,
        help="tell on the error stream how far the command is, and what libraries have to say; on "
        "a terminal it tells how far it is anyway, once it has taken two seconds",
    )
    parser.description = (inspect.getdoc(function) or "").partition("\n")[0]
    short = find_short_options(function)
    parser.epilog = "In names of options - and _ are the same; --json is --json true."
    if short:
        name, whole = next(iter(short.items()))
        groups = sorted({name.partition(".")[0] for name in short.values()})
        parser.epilog = (
            f"The options of {' and '.join(groups)} need not name the group: "
            f"--{name.replace('_', '-')} is --{whole.replace('_', '-')}. {parser.epilog}"
        )


def normalize_arguments(words: list[str], function: Callable[..., Any]) -> list[str]:
    """Let `--data-dir` stand for `--data_dir`, `--json` for `--json true`.

    And `--seed` for `--training.seed` where the command has no option of that name itself.
    """
    switches, short = find_boolean_flags(function), find_short_options(function)
    completed: list[str] = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("--"):
            option, equals, value = word[2:].partition("=")
            option = option.replace("-", "_")
            word = f"--{short.get(option, option)}{equals}{value}"
        completed.append(word)
        if word in switches and following not in ("true", "false"):
            completed.append("true")
    return completed


def find_short_options(function: Callable[..., Any]) -> dict[str, str]:
    """Return the options of groups of settings, by their own names where those are free."""
    parameters = inspect.get_annotations(function)
    taken = {*parameters, "config", "help", "print_config", "verbose"}
    short: dict[str, str] = {}
    for group, kind in parameters.items():
        if is_dataclass(kind):
            for field in fields(kind):
                if field.name not in taken:
                    short[field.name] = f"{group}.{field.name}"
                    taken.add(field.name)
    return short


def find_boolean_flags(function: Callable[..., Any]) -> set[str]:
    """Return the options that are true or false, those within groups of settings too."""
    switches = {"--verbose"}
    for name, kind in inspect.get_annotations(function).items():
        if kind is bool:
            switches.add(f"--{name}")
        elif is_dataclass(kind):
            switches |= {f"--{name}.{field.name}" for field in fields(kind) if field.type is bool}
    return switches


def to_module_factory(chosen: Any) -> Callable[..., Any] | str | None:
    """Turn what the parser read into a class, or a partial of one that can be described again."""
    from revin_forecast.models.spec import ModuleSpec

    if chosen is None or isinstance(chosen, type | str):
        return chosen
    given = dict(vars(chosen.get("init_args") or argparse.Namespace()))
    for name, value in given.items():  # such as the backbone that a Siamese wraps
        if hasattr(value, "get") and value.get("class_path"):
            given[name] = to_module_factory(value)
    return functools.partial(ModuleSpec(chosen["class_path"]).import_class(), **given)
