"""The `revin-forecast` program: dispatches to commands, each a typed function imported on use."""

import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from revin_forecast import __version__
from revin_forecast.cli.commands import COMMANDS, Command
from revin_forecast.cli.display import display_progress, display_start
from revin_forecast.cli.help import find_help_request, format_requested_help
from revin_forecast.cli.options import Option, group_values, list_options, replace_old_names
from revin_forecast.cli.parser import format_options_file, parse_words, resolve_modules
from revin_forecast.cli.usage_errors import CommandOptions
from revin_forecast.cli.validation import check_numbers
from revin_forecast.errors import InputError, did_you_mean, naming_flags
from revin_forecast.utils import signals
from revin_forecast.utils.files import atomic_write, require_file

PROGRAM = "revin-forecast"
EXIT_BROKEN_PIPE = 128 + 13
"""Exit code after a closed stdout pipe, as shells report SIGPIPE."""


def main(arguments: Sequence[str] | None = None, start: float | None = None) -> int:
    """Run a command.

    Args:
        arguments: words of the command line; by default those of this process.
        start: start of the command, by `time.monotonic`; now by default.

    Returns:
        0; 2 for unusable arguments or input, reported in one line; 1 for a bug, with a traceback;
        another number that the command returns, such as 3 for a benchmark with failed cells;
        128 plus the number of a signal that ended the command.
    """
    # OpenMP reads this when torch is imported. Waiting threads that spin take half of the time on a
    # quiet machine with two cores, and twenty times as much if another process needs the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = list(sys.argv[1:] if arguments is None else arguments)
    with naming_flags():
        try:
            try:
                code = _dispatch(words, time.monotonic() if start is None else start)
            finally:  # Report failed writes here, not at Python's exit.
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            return _report_error(error)
    return code


def _dispatch(words: list[str], start: float) -> int:
    """Print the help or the version, or run the command that the first words name.

    Returns:
        The exit code.
    """
    if not words or words[0] in ("-h", "--help"):
        print(_format_help())
        return 0
    if words[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        return 0
    # Some names have two words, such as `datasets get`.
    name_length = 2 if " ".join(words[:2]) in COMMANDS else 1
    name = " ".join(words[:name_length])
    if name not in COMMANDS:
        raise InputError(_format_unknown_command(name))
    return _run_command(name, COMMANDS[name], words[name_length:], start)


def _run_command(name: str, command: Command, words: list[str], start: float) -> int:
    """Parse a command's arguments, call its function, and save the options with its results.

    A function that returns a folder gets its options written there, as `config.yaml`. A number that
    it returns is the exit code.
    """
    # The user's own classes are found in the current folder; last, so that they shadow no library.
    sys.path.append(str(Path.cwd()))
    # The modules of commands import heavy libraries only when their functions are called.
    module, _, function_name = command.function.partition(":")
    function = getattr(import_module(f"revin_forecast.cli.{module}"), function_name)
    options = list_options(function, command.positional)
    subcommands = [other for other in COMMANDS if other.startswith(f"{name} ")]
    words, notes = replace_old_names(words, command.old_names, options)
    call = CommandOptions(name, options, subcommands, command.old_names)
    with display_start(name, words, start):
        with _pointing_to_help(name):
            request = find_help_request(words, options)
            if request is not None:
                usage = f"{PROGRAM} {_format_usage(name, options)}"
                examples = [f"{PROGRAM} {name} {example}" for example in command.examples]
                print(format_requested_help(request, usage, function, options, examples))
                raise SystemExit(0)
            parsed = parse_words(call, words)
            check_numbers(parsed.values)
        for note in dict.fromkeys([*notes, *parsed.notes]):
            print(f"{PROGRAM}: {note}", file=sys.stderr)
        file = parsed.values.get("file")
        if file is not None and not parsed.values["print_config"]:
            require_file(file)  # before slow imports
        group_values(function, parsed.values)  # raises for wrong settings, before slow imports
        with _pointing_to_help(name):
            values = resolve_modules(call, parsed)
    if values["print_config"]:
        print(format_options_file(values), end="")
        raise SystemExit(0)
    signals.start_raising()
    arguments = group_values(function, values)
    with display_progress(values["verbose"], arguments, start):
        result = function(**arguments)
    if isinstance(result, Path):
        with atomic_write(result / "config.yaml") as partial:
            text = format_options_file(values)
            partial.write_text(f"# {PROGRAM} {name} --config config.yaml\n{text}")
    return result if isinstance(result, int) else 0


@contextmanager
def _pointing_to_help(name: str) -> Iterator[None]:
    """Add the command's help to the message of an error."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error.message} See {PROGRAM} {name} --help.") from error


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
            f"{PROGRAM} COMMAND --help prints the options of a command, --help-all explains all of",
            "them in full, --version prints the version.",
        ]
    )


def _format_usage(name: str, options: Sequence[Option]) -> str:
    """Return the command with its required options; the help lists the others."""
    arguments = [
        option.name if option.is_required else f"[{option.name}]"
        for option in options
        if option.is_positional
    ]
    flags = [
        f"{option.flag} {option.key.upper()}"
        for option in options
        if option.is_required and not option.is_positional
    ]
    return " ".join([name, *arguments, *flags, "[options]"])


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
