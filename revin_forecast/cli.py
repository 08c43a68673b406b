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

from revin_forecast import __version__
from revin_forecast.errors import InputError

PROGRAM = "revin-forecast"
NAMES = list[str] | None


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
    "evaluate": Command("evaluate:evaluate", "score every test window beside the naive forecasts"),
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
    except (InputError, OSError) as error:
        print(f"{PROGRAM}: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 130
    except Exception:
        traceback.print_exc()
        print(f"{PROGRAM}: this is a bug; please report it with the lines above", file=sys.stderr)
        return 1
    return 0


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
    saved = function(**values | components)
    if isinstance(saved, Path):
        text = parser.dump(chosen)
        (saved / "config.yaml").write_text(f"# {PROGRAM} {name} --config config.yaml\n{text}")


def _add_parameters(parser: Any, function: Callable[..., Any], positional: tuple[str, ...]) -> None:
    from docstring_parser import parse

    documented = {item.arg_name: item.description for item in parse(function.__doc__ or "").params}
    parser.add_argument("--config", action="config", help="take options from this YAML file")
    for name in positional:
        parameter = inspect.signature(function).parameters[name]
        required = parameter.default is inspect.Parameter.empty
        extra = {} if required else {"nargs": "?", "default": parameter.default}
        parser.add_argument(name, type=parameter.annotation, help=documented.get(name), **extra)
    several = [name for name, kind in inspect.get_annotations(function).items() if kind == NAMES]
    for name in several:  # --columns a b, without brackets
        parser.add_argument(f"--{name}", nargs="+", type=str, help=documented.get(name))
    parser.add_function_arguments(function, skip={*positional, *several}, fail_untyped=True)
    parser.description = (inspect.getdoc(function) or "").partition("\n")[0]


def _normalized(words: list[str], function: Callable[..., Any]) -> list[str]:
    """Let `--data-dir` stand for `--data_dir`, and `--json` for `--json true`."""
    switches = _switches(function)
    completed: list[str] = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("--"):
            option, equals, value = word[2:].partition("=")
            word = f"--{option.replace('-', '_')}{equals}{value}"
        completed.append(word)
        if word in switches and following not in ("true", "false"):
            completed.append("true")
    return completed


def _switches(function: Callable[..., Any]) -> set[str]:
    """Return the options that are true or false, those within groups of settings too."""
    switches: set[str] = set()
    for name, kind in inspect.get_annotations(function).items():
        if kind is bool:
            switches.add(f"--{name}")
        elif is_dataclass(kind):
            switches |= {f"--{name}.{field.name}" for field in fields(kind) if field.type is bool}
    return switches


def _component(chosen: Any) -> Callable[..., Any]:
    """Turn what the parser read into a class, or a partial of one that can be described again."""
    from revin_forecast.components import Component

    if isinstance(chosen, type):
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
    message = re.sub(r"\.* Got value: Namespace\(.*$", "", message)
    return message.rstrip(". ")


def _one_line(message: str) -> str:
    return " ".join(message.split())
