"""The `revin-forecast` program: dispatches to commands, each a typed function imported on use."""

import argparse
import inspect
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from revin_forecast import __version__
from revin_forecast.cli.display import display_progress, display_start
from revin_forecast.cli.parser import (
    add_parameters,
    find_flat_options,
    find_short_options,
    group_flat_options,
    make_help_formatter,
    normalize_arguments,
    to_module_factory,
)
from revin_forecast.cli.usage_errors import CommandCall, check_config_file, find_option_value
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.utils import signals
from revin_forecast.utils.files import atomic_write

PROGRAM = "revin-forecast"
EXIT_BROKEN_PIPE = 128 + 13
"""Exit code after a closed stdout pipe, as shells report SIGPIPE."""


@dataclass(frozen=True)
class Command:
    """A command of the program."""

    function: str
    """Its function as "module:name", where the module is one of revin_forecast.cli."""
    summary: str
    """Its line in the list of commands."""
    positional: tuple[str, ...] = ()
    """Parameters that are passed without a flag."""


COMMANDS = {
    "demo": Command("demo:demo", "forecast a shipped data set, with and without RevIN"),
    "inspect": Command(
        "inspect_file:inspect_file", "show how a table is read, and write its format", ("file",)
    ),
    "forecast": Command(
        "forecast:forecast", "fit on a table and forecast the next steps", ("file",)
    ),
    "fit": Command("fit:fit", "fit on a table and save the forecaster in a folder", ("file",)),
    "predict": Command(
        "predict:predict", "forecast with a saved forecaster, without fitting", ("model", "file")
    ),
    "serve": Command(
        "serve:serve", "serve a saved forecaster over HTTP: an API and a web page", ("model",)
    ),
    "export": Command(
        "export:export",
        "export a saved forecaster to ONNX, from raw values to raw values",
        ("model",),
    ),
    "backtest": Command(
        "backtest:backtest", "score forecasts of the last part of a table", ("file",)
    ),
    "evaluate": Command(
        "evaluate:evaluate", "score a model and naive baselines on every test window"
    ),
    "sweep": Command(
        "sweep:sweep",
        "choose, solve and score closed-form linear maps of all sizes",
        ("file_or_dataset",),
    ),
    "shift-card": Command(
        "shift_card:shift_card",
        "measure the shift of a data set and predict whether RevIN helps",
        ("file_or_dataset",),
    ),
    "check": Command("check:check", "check your own normalizer or backbone class", ("name",)),
    "benchmark": Command(
        "benchmark:benchmark", "measure models under every shift, from a YAML suite", ("suite",)
    ),
    "benchmark merge": Command("benchmark:merge", "merge the shards of a benchmark", ("suite",)),
    "datasets": Command(
        "datasets:list_datasets", "list the benchmark data sets and which are available"
    ),
    "datasets get": Command(
        "datasets:download_dataset", "download a data set and verify its checksum", ("name",)
    ),
}


def main(arguments: Sequence[str] | None = None, start: float | None = None) -> int:
    """Run a command.

    Args:
        arguments: words of the command line; by default those of this process.
        start: start of the command, by `time.monotonic`; now by default.

    Returns:
        0; 2 for unusable arguments or input, reported in one line; 1 for a bug, with a traceback.
        128 plus the number of a signal that ended the command.
    """
    # OpenMP reads this when torch is imported. Waiting threads that spin take half of the time on a
    # quiet machine with two cores, and twenty times as much if another process needs the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            _dispatch(words, time.monotonic() if start is None else start)
        finally:  # Report failed writes here, not at Python's exit.
            sys.stdout.flush()
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        return _report_error(error)
    return 0


def _dispatch(words: list[str], start: float) -> None:
    """Print the help or the version, or run the command that the first words name."""
    if not words or words[0] in ("-h", "--help"):
        print(_format_help())
        return
    if words[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return
    # Some names have two words, such as `datasets get`.
    name_length = 2 if " ".join(words[:2]) in COMMANDS else 1
    name = " ".join(words[:name_length])
    if name not in COMMANDS:
        raise InputError(_format_unknown_command(name))
    _run_command(name, COMMANDS[name], words[name_length:], start)


def _run_command(name: str, command: Command, words: list[str], start: float) -> None:
    """Parse a command's arguments, call its function, and save the options with its results.

    A function that returns a folder gets its options written there, as `config.yaml`.
    """
    with display_start(name, words, start):
        function, parser, options = _parse_arguments(name, command, words)
        verbose = options.pop("verbose")
        values = vars(parser.instantiate(options))
        values.pop("config", None)
        # The parser's own factories can't be turned back into a ModuleSpec, as saving requires.
        components = {
            key: to_module_factory(options[key])
            for key in ("backbone", "normalizer")
            if key in values
        }
    signals.start_raising()
    with display_progress(verbose, values, start):
        result = function(**group_flat_options(function, values | components))
    if isinstance(result, Path):
        text = parser.dump(options)
        with atomic_write(result / "config.yaml") as partial:
            partial.write_text(f"# {PROGRAM} {name} --config config.yaml\n{text}")


def _parse_arguments(
    name: str, command: Command, words: list[str]
) -> tuple[Callable[..., object], Any, Any]:
    """Return the function of a command, its parser and the parsed options."""
    from jsonargparse import ArgumentParser, set_parsing_settings

    if {"-h", "--help"} & set(words):  # The help of a settings field is its attribute docstring.
        set_parsing_settings(docstring_parse_attribute_docstrings=True)
    # The user's own classes are found in the current folder; last, so that they shadow no library.
    sys.path.append(str(Path.cwd()))
    module, _, function_name = command.function.partition(":")
    function = getattr(import_module(f"revin_forecast.cli.{module}"), function_name)
    parser = ArgumentParser(
        prog=f"{PROGRAM} {name}",
        usage=_format_usage_line(name, function, command),
        formatter_class=make_help_formatter(),
        exit_on_error=False,
    )
    add_parameters(parser, function, command.positional)
    words = normalize_arguments(words, function)
    check_config_file(words)
    try:
        return function, parser, parser.parse_args(words)
    except (argparse.ArgumentError, argparse.ArgumentTypeError) as error:
        call = _describe_call(name, command, function, words)
        raise InputError(f"{call.explain(str(error))} See {PROGRAM} {name} --help.") from error


def _describe_call(
    name: str, command: Command, function: Callable[..., Any], words: Sequence[str]
) -> CommandCall:
    """Return the facts about a call that explain why its arguments can't be used."""
    groups = find_flat_options(function)
    flat = {option for options in groups.values() for option in options}
    parameters = (
        set(inspect.get_annotations(function)) - {"return", *command.positional, *groups} | flat
    )
    short = find_short_options(function)
    keys = {*parameters, *short, *short.values(), "config", "verbose"}
    options = [key.replace("_", "-") for key in sorted(keys)]
    classes = {key: find_option_value(key, words) for key in ("backbone", "normalizer")}
    class_names = {key: path for key, path in classes.items() if path is not None}
    subcommands = [other for other in COMMANDS if other.startswith(f"{name} ")]
    return CommandCall(name, words, command.positional, options, class_names, subcommands)


def _format_help() -> str:
    """Return the help of the program: the list of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} COMMAND [options]",
            "",
            "Forecasting with reversible instance normalization (RevIN).",
            "",
            *lines,
            "",
            f"{PROGRAM} COMMAND --help prints the options of a command, --version the version.",
        ]
    )


def _format_usage_line(name: str, function: Callable[..., Any], command: Command) -> str:
    """Return the usage line with the required parameters; the help lists the options below it."""
    parameters = inspect.signature(function).parameters
    required = [key for key in parameters if parameters[key].default is inspect.Parameter.empty]
    arguments = [
        key.upper() if key in required else f"[{key.upper()}]" for key in command.positional
    ]
    flags = [f"--{key} {key.upper()}" for key in required if key not in command.positional]
    return " ".join([PROGRAM, name, *arguments, *flags, "[options]"])


def _format_unknown_command(name: str) -> str:
    if name.startswith("-"):
        return f"{name} precedes the command; options come after it. See {PROGRAM} --help."
    return f"there is no command {name!r}.{did_you_mean(name, COMMANDS)} See {PROGRAM} --help."


def _report_error(error: BaseException) -> int:
    """Print the reason that ended a command; return the exit code."""
    # A library may have turned an interrupt into another exception, such as ImportError.
    if isinstance(error, KeyboardInterrupt) or signals.was_interrupted():
        return signals.print_interruption(PROGRAM)
    if _handle_broken_pipe(error):
        return EXIT_BROKEN_PIPE
    if isinstance(error, SystemExit):
        raise error
    message = _format_user_message(error)
    if message is not None:
        print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)
        return 2
    traceback.print_exception(error)
    print(f"{PROGRAM}: this is a bug; please report it with the lines above", file=sys.stderr)
    return 1


def _handle_broken_pipe(error: BaseException) -> bool:
    """Detect a closed stdout pipe (as `head` leaves it) and discard further output."""
    if not isinstance(error, BrokenPipeError):
        return False
    # Otherwise Python would flush the remaining output at its exit and print another error.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _format_user_message(error: BaseException) -> str | None:
    """Return the message for an error that the user can fix; None for a bug."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return (
            f"{error.filename}: {error.strerror}. Check the name and the permissions to read and "
            "write."
        )
    if isinstance(error, OSError):
        return f"{error.strerror or error}."
    # torch raises plain RuntimeErrors, with the first text on a CPU and the second on a GPU.
    memory_texts = ("allocate memory", "out of memory")
    if isinstance(error, MemoryError) or any(text in str(error) for text in memory_texts):
        return (
            f"not enough memory: {error}. Use a shorter horizon or look-back or fewer series, or "
            "free some memory."
        )
    return None
