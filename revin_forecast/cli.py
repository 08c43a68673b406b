"""The command line: each command is a typed function, imported when it is called."""

import argparse
import difflib
import functools
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any

from revin_forecast import __version__, interrupts
from revin_forecast.errors import InputError
from revin_forecast.files import replacing

PROGRAM = "revin-forecast"
SEVERAL: dict[Any, type] = {list[str] | None: str, list[int] | None: int, list[float] | None: float}
"""Options that take several values after one flag, and the type of each."""


@dataclass(frozen=True)
class Command:
    """A command: where its function is, which parameters stand without a flag, what it does."""

    home: str
    summary: str
    positional: tuple[str, ...] = ()


COMMANDS = {
    "demo": Command("demo:demo", "forecast a shipped data set, with and without RevIN"),
    "forecast": Command("forecast:forecast", "fit on a table and forecast after it", ("file",)),
    "fit": Command("fit:fit", "fit on a table and save the forecaster in a folder", ("file",)),
    "predict": Command(
        "predict:predict", "forecast with a saved forecaster, without fitting", ("model", "file")
    ),
    "export": Command(
        "export:export", "write a saved forecaster as an ONNX file of raw values", ("model",)
    ),
    "backtest": Command(
        "backtest:backtest", "tell how good forecasts of a table would have been", ("file",)
    ),
    "evaluate": Command("evaluate:evaluate", "score every test window beside the naive forecasts"),
    "sweep": Command(
        "sweep:sweep",
        "solve and choose linear maps of all sizes in closed form, and score them",
        ("file_or_dataset",),
    ),
    "shift-card": Command(
        "shift_card:shift_card",
        "tell how far a data set moves and whether RevIN will help",
        ("file_or_dataset",),
    ),
    "check": Command("check:check", "hold your own class to the contract", ("name",)),
    "benchmark": Command(
        "benchmark:benchmark", "measure models in every shift, from a suite in YAML", ("suite",)
    ),
    "benchmark merge": Command(
        "benchmark:merge", "put the parts of a benchmark together", ("suite",)
    ),
    "datasets": Command("datasets:show", "list the benchmark data sets and which are at hand"),
    "datasets get": Command("datasets:get", "download a data set and verify it", ("name",)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0; 2 for a problem with usage or input, told in one line; 1 for a bug, with a traceback.
    """
    # Read by OpenMP when torch is imported. Threads that spin while they wait cost half the time on
    # a quiet machine with two cores, and twenty times as much where another process wants them.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    size = 2 if " ".join(words[:2]) in COMMANDS else 1
    name = " ".join(words[:size])
    try:
        if name not in COMMANDS:
            raise InputError(f"there is no command {name!r}.{_guess(name)} See {PROGRAM} --help.")
        _run(name, COMMANDS[name], words[size:])
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        return _told(error)
    return 0


def _told(error: BaseException) -> int:
    """Say what ended a command; return the exit code."""
    # A library may have made something else of an interrupt: an ImportError, a SystemExit.
    if isinstance(error, KeyboardInterrupt) or interrupts.received():
        return interrupts.told(PROGRAM)
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, InputError | OSError):
        print(f"{PROGRAM}: {_one_line(str(error))}", file=sys.stderr)
        return 2
    traceback.print_exception(error)
    print(f"{PROGRAM}: this is a bug; please report it with the lines above", file=sys.stderr)
    return 1


def _run(name: str, command: Command, words: list[str]) -> None:
    from jsonargparse import ArgumentParser

    # People's own classes lie where they stand; last, so that they hide nothing.
    sys.path.append(str(Path.cwd()))
    home, _, function_name = command.home.partition(":")
    function = getattr(import_module(f"revin_forecast.commands.{home}"), function_name)
    parser = ArgumentParser(
        prog=f"{PROGRAM} {name}", description=inspect.getdoc(function), exit_on_error=False
    )
    _add_parameters(parser, function, command.positional)
    try:
        chosen = parser.parse_args(_normalized(words, function))
    except (argparse.ArgumentError, argparse.ArgumentTypeError) as error:
        raise InputError(f"{_readable(str(error))}. See {PROGRAM} {name} --help.") from error
    values = vars(parser.instantiate(chosen))
    values.pop("config", None)
    components = {
        key: _component(chosen[key]) for key in ("backbone", "normalizer") if key in values
    }
    interrupts.check()  # something that was imported may have swallowed one
    saved = function(**values | components)
    if isinstance(saved, Path):
        text = parser.dump(chosen)
        with replacing(saved / "config.yaml") as partial:
            partial.write_text(f"# {PROGRAM} {name} --config config.yaml\n{text}")


def _add_parameters(parser: Any, function: Callable[..., Any], positional: tuple[str, ...]) -> None:
    from docstring_parser import parse

    documented = {item.arg_name: item.description for item in parse(function.__doc__ or "").params}
    parser.add_argument("--config", action="config", help="take options from this YAML file")
    for name in positional:
        parameter = inspect.signature(function).parameters[name]
        required = parameter.default is inspect.Parameter.empty
        extra = {} if required else {"nargs": "?", "default": parameter.default}
        parser.add_argument(name, type=parameter.annotation, help=documented.get(name), **extra)
    several = {
        name: SEVERAL[kind]
        for name, kind in inspect.get_annotations(function).items()
        if kind in SEVERAL
    }
    for name, kind in several.items():  # --target a b, without brackets
        parser.add_argument(f"--{name}", nargs="+", type=kind, help=documented.get(name))
    parser.add_function_arguments(function, skip={*positional, *several}, fail_untyped=True)
    parser.description = (inspect.getdoc(function) or "").partition("\n")[0]
    short = _short_names(function)
    if short:
        name, whole = next(iter(short.items()))
        groups = sorted({name.partition(".")[0] for name in short.values()})
        parser.epilog = (
            f"The options of {' and '.join(groups)} need not name the group: --{name} is "
            f"--{whole}; - and _ are the same."
        )


def _normalized(words: list[str], function: Callable[..., Any]) -> list[str]:
    """Let `--data-dir` stand for `--data_dir`, `--json` for `--json true`.

    And `--seed` for `--training.seed` where the command has no option of that name itself.
    """
    switches, short = _switches(function), _short_names(function)
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


def _short_names(function: Callable[..., Any]) -> dict[str, str]:
    """Return the options of groups of settings, by their own names where those are free."""
    parameters = inspect.get_annotations(function)
    taken = {*parameters, "config", "help", "print_config"}
    short: dict[str, str] = {}
    for group, kind in parameters.items():
        if is_dataclass(kind):
            for field in fields(kind):
                if field.name not in taken:
                    short[field.name] = f"{group}.{field.name}"
                    taken.add(field.name)
    return short


def _switches(function: Callable[..., Any]) -> set[str]:
    """Return the options that are true or false, those within groups of settings too."""
    switches: set[str] = set()
    for name, kind in inspect.get_annotations(function).items():
        if kind is bool:
            switches.add(f"--{name}")
        elif is_dataclass(kind):
            switches |= {f"--{name}.{field.name}" for field in fields(kind) if field.type is bool}
    return switches


def _component(chosen: Any) -> Callable[..., Any] | str | None:
    """Turn what the parser read into a class, or a partial of one that can be described again."""
    from revin_forecast.components import Component

    if chosen is None or isinstance(chosen, type | str):
        return chosen
    given = dict(vars(chosen.get("init_args") or argparse.Namespace()))
    for name, value in given.items():  # such as the backbone that a Siamese wraps
        if hasattr(value, "get") and value.get("class_path"):
            given[name] = _component(value)
    return functools.partial(Component(chosen["class_path"]).resolve(), **given)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND [options]",
            "",
            "Forecasts that move with the data: reversible instance normalization and around it.",
            "",
            *lines,
            "",
            f"{PROGRAM} COMMAND --help tells a command's options; --version the version.",
        ]
    )


def _guess(name: str) -> str:
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _readable(message: str) -> str:
    """Take the parser's machinery out of its message."""
    message = _one_line(message)
    message = re.sub(r'^Parser key "(\S+)": ', r"--\1: ", message)
    message = re.sub(
        r"Type typing\.Callable\S* .*? expects a function or a callable class: ", "", message
    )
    union = re.match(r"(--\S+): Does not validate against any .* Given value: (.*)$", message)
    nested = union and re.match(r"NestedArg\(key='(\w+)'", union[2])
    if union and nested:
        message = (
            f"{union[1]}.{nested[1]} belongs to a class but none was named; name it first, as in "
            f"{union[1]} Class"
        )
    elif union:
        message = (
            f"{union[1]}: {union[2]} is no class of that kind that can be imported; name one of "
            "revin_forecast, or your own as module.Class"
        )
    message = re.sub(r"\.* Got value: Namespace\(.*$", "", message)
    return message.rstrip(". ")


def _one_line(message: str) -> str:
    return " ".join(message.split())
