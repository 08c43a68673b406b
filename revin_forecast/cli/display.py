"""Progress display of the running command, from the imports to its end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from revin_forecast.cli.options import find_values
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import is_first_rank, progress, progress_display


@contextmanager
def display_start(name: str, words: Sequence[str], start: float) -> Iterator[None]:
    """Display that a command starts, while its modules are imported and its words are parsed.

    Args:
        name: name of the command.
        words: its command line, not parsed yet.
        start: start of the command, by `time.monotonic`.
    """
    # The parser prints help and options itself, in the middle of a bar.
    lines = [*words]
    with suppress(OSError, UnicodeDecodeError):
        for file in find_values("config", words):
            lines += Path(file).read_text("utf-8").splitlines()
    silent = ("-h", "--help", "--print", "--quiet", "quiet: true")
    if not is_first_rank() or any(line.startswith(silent) for line in lines):
        yield
        return
    with progress_display("--verbose" in words, start), progress(f"starting {name}"):
        yield


@contextmanager
def display_progress(verbose: bool, values: Mapping[str, Any], start: float) -> Iterator[None]:
    """Display the tasks of a command, except with --quiet or outside the first process.

    Args:
        verbose: whether `--verbose` was given.
        values: values of the other options.
        start: start of the command, by `time.monotonic`.

    Raises:
        InputError: both --quiet and --verbose are given.
    """
    quiet, training = values.get("quiet", False), values.get("training")
    if verbose and quiet:
        raise InputError("--quiet and --verbose exclude each other. Leave one of them out.")
    if quiet or (training is not None and not training.is_first_process):
        yield
        return
    with progress_display(verbose, start):
        yield
