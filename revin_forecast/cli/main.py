"""The command line: each command is a typed function, imported when it is called."""

import argparse
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from revin_forecast import __version__
from revin_forecast.cli.parser import (
    add_parameters,
    find_short_options,
    normalize_arguments,
    to_module_factory,
)
from revin_forecast.cli.usage_errors import CommandCall, check_config_file, find_option_value
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.utils import signals as interrupts
from revin_forecast.utils.files import atomic_write
from revin_forecast.utils.progress import progress_display

PROGRAM = "revin-forecast"


@dataclass(frozen=True)
class Command:
    """A command: where its function is, which parameters stand without a flag, what it does."""

    function: str
    summary: str
    positional: tuple[str, ...] = ()


EXIT_BROKEN_PIPE = 128 + 13
"""The exit code of a program whose output was closed: that of SIGPIPE, as shells have it."""
COMMANDS = {
    "demo": Command("demo:demo", "forecast a shipped data set, with and without RevIN"),
    "forecast": Command("forecast:forecast", "fit on a table and forecast after it", ("file",)),
    "fit": Command("fit:fit", "fit on a table and save the forecaster in a folder", ("file",)),
    "predict": Command(
        "predict:predict", "forecast with a saved forecaster, without fitting", ("model", "file")
    ),
    "serve": Command(
        "serve:serve", "forecast over HTTP with a saved forecaster, and by a page", ("model",)
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
    "datasets": Command(
        "datasets:list_datasets", "list the benchmark data sets and which are at hand"
    ),
    "datasets get": Command(
        "datasets:download_dataset", "download a data set and verify it", ("name",)
    ),
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
    try:
        try:
            _dispatch(words)
        finally:  # what can't be written is told here, not when Python ends
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        return _report_error(error)
    return 0


def _dispatch(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help"):
        print(_help_text())
        return
    if words[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return
    size = 2 if " ".join(words[:2]) in COMMANDS else 1
    name = " ".join(words[:size])
    if name not in COMMANDS:
        raise InputError(_unknown_command_message(name))
    _run_command(name, COMMANDS[name], words[size:])


def _report_error(error: BaseException) -> int:
    """Say what ended a command; return the exit code."""
    # A library may have made something else of an interrupt: an ImportError, a SystemExit.
    if isinstance(error, KeyboardInterrupt) or interrupts.was_interrupted():
        return interrupts.print_interruption(PROGRAM)
    if _handle_broken_pipe(error):
        return EXIT_BROKEN_PIPE
    if isinstance(error, SystemExit):
        raise error
    message = _user_message(error)
    if message is not None:
        print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
        return 2
    traceback.print_exception(error)
    print(f"{PROGRAM}: this is a bug; please report it with the lines above", file=sys.stderr)
    return 1


def _user_message(error: BaseException) -> str | None:
    """Return what a user can do something about; None: nothing, it is a bug."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return (
            f"{error.filename}: {error.strerror}. Check the name, and whether it may be read or "
            "written."
        )
    if isinstance(error, OSError):
        return f"{error.strerror or error}."
    torchs = ("allocate memory", "out of memory")  # RuntimeErrors, of a processor and of a GPU
    if isinstance(error, MemoryError) or any(words in str(error) for words in torchs):
        return (
            f"the memory does not suffice: {error}. Ask for less (a shorter horizon or look-back, "
            "fewer series), or make room."
        )
    return None


def _handle_broken_pipe(error: BaseException) -> bool:
    """Return whether who read standard output has left, as `head` does; then drop what follows."""
    cause = error.__context__ if isinstance(error, SystemExit) else error  # rich makes it an exit
    if not isinstance(cause, BrokenPipeError):
        return False
    with suppress(OSError):  # Python would write it, and tell that it can't, when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _run_command(name: str, command: Command, words: list[str]) -> None:
    from jsonargparse import ArgumentParser, set_parsing_settings

    if {"-h", "--help"} & set(words):  # what stands below the fields of settings is their help
        set_parsing_settings(docstring_parse_attribute_docstrings=True)
    # People's own classes lie where they stand; last, so that they hide nothing.
    sys.path.append(str(Path.cwd()))
    home, _, function_name = command.function.partition(":")
    function = getattr(import_module(f"revin_forecast.cli.{home}"), function_name)
    parser = ArgumentParser(
        prog=f"{PROGRAM} {name}",
        usage=_usage_line(name, function, command),
        formatter_class=_help_formatter(),
        exit_on_error=False,
    )
    add_parameters(parser, function, command.positional)
    words = normalize_arguments(words, function)
    check_config_file(words)
    try:
        chosen = parser.parse_args(words)
    except (argparse.ArgumentError, argparse.ArgumentTypeError) as error:
        called = _usage_context(name, command, function, words)
        raise InputError(f"{called.explain(str(error))} See {PROGRAM} {name} --help.") from error
    verbose = chosen.pop("verbose")
    values = vars(parser.instantiate(chosen))
    values.pop("config", None)
    components = {
        key: to_module_factory(chosen[key]) for key in ("backbone", "normalizer") if key in values
    }
    interrupts.start_raising()
    with _progress_display(verbose, values):
        saved = function(**values | components)
    if isinstance(saved, Path):
        text = parser.dump(chosen)
        with atomic_write(saved / "config.yaml") as partial:
            partial.write_text(f"# {PROGRAM} {name} --config config.yaml\n{text}")


def _progress_display(verbose: bool, values: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Show how far the command is, unless it is to be quiet or another process shows it."""
    quiet, training = values.get("quiet", False), values.get("training")
    if verbose and quiet:
        raise InputError("--quiet and --verbose exclude each other. Leave one of them out.")
    first = training is None or training.is_first_process
    return progress_display(verbose) if first and not quiet else nullcontext()


def _help_text() -> str:
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


def _help_formatter() -> type:
    """Return what writes the help: without the parser's names of types, and with ours."""
    from jsonargparse import DefaultHelpFormatter

    class Help(DefaultHelpFormatter):
        def _get_help_string(self, action: argparse.Action) -> str:
            text = (action.help or "").rstrip(". ")
            whole = super()._get_help_string(action)
            classes = re.findall(r"revin_forecast\.(\w+)(?=[,)])", whole)
            if classes:
                text += f". One of {', '.join(sorted(classes))}; or your own as module.Class"
            if "default: %(default)s" in whole and not (
                action.default is None or action.default is False
            ):
                path = action.default.get("class_path") if hasattr(action.default, "get") else None
                text += f" ({path.rpartition('.')[2] if path else '%(default)s'} if not given)"
            return text

        def _format_action_invocation(self, action: argparse.Action) -> str:
            """Write options as they are called everywhere else: with - between words."""
            text = super()._format_action_invocation(action)
            return re.sub(r"--[\w.]+", lambda flag: flag[0].replace("_", "-"), text)

    return Help


def _usage_line(name: str, function: Callable[..., Any], command: Command) -> str:
    """Return what can't be left out; the options follow in the help, one below the other."""
    parameters = inspect.signature(function).parameters
    needed = {one for one in parameters if parameters[one].default is inspect.Parameter.empty}
    files = [one.upper() if one in needed else f"[{one.upper()}]" for one in command.positional]
    flags = [
        f"--{one} {one.upper()}"
        for one in parameters
        if one in needed and one not in command.positional
    ]
    return " ".join([PROGRAM, name, *files, *flags, "[options]"])


def _unknown_command_message(name: str) -> str:
    if name.startswith("-"):
        return f"{name} stands before a command; options come after it. See {PROGRAM} --help."
    return f"there is no command {name!r}.{did_you_mean(name, COMMANDS)} See {PROGRAM} --help."


def _usage_context(
    name: str, command: Command, function: Callable[..., Any], words: Sequence[str]
) -> CommandCall:
    """Return what a message about wrong words is made from."""
    parameters = set(inspect.get_annotations(function)) - {"return", *command.positional}
    known = {*parameters, *find_short_options(function), *find_short_options(function).values()}
    options = [one.replace("_", "-") for one in sorted({*known, "config", "verbose"})]
    classes = {one: find_option_value(one, words) for one in ("backbone", "normalizer")}
    named = {one: path for one, path in classes.items() if path is not None}
    further = [other for other in COMMANDS if other.startswith(f"{name} ")]
    return CommandCall(name, words, command.positional, options, named, further)
