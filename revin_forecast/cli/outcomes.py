"""Outcomes of a command that fails in part, and options that changed nothing."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from revin_forecast.errors import InputError

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    import pandas as pd

    from revin_forecast.data.table_format import TableFormat
    from revin_forecast.forecasting.fitted import FittedModel


EXIT_FAILED_CELLS = 3
"""Exit code of a command that could not measure some cells of a shift benchmark."""
MAX_REASONS = 20
"""Lines with reasons of failed cells that are printed."""


def print_failed_cells(reasons: Sequence[object], remedy: str = "") -> None:
    """Print the reasons of failed cells on stderr, also with --quiet.

    Args:
        reasons: lines, the most frequent reason first.
        remedy: added to the first line.
    """
    hidden = len(reasons) - MAX_REASONS
    rest = [f"and {hidden} more: see cells.parquet, or failures of --json"] if hidden > 0 else []
    if reasons:
        print_sentences([f"cells failed{remedy}:"])
        lines = [f"  {reason}" for reason in [*reasons[:MAX_REASONS], *rest]]
        print("\n".join(lines), file=sys.stderr)


def print_without_effect(fitted: "FittedModel") -> None:
    """Print on stderr, also with --quiet, which options were given and changed nothing."""
    print_sentences(fitted.summary.get("without_effect", ()))


def print_sentences(sentences: Iterable[str]) -> None:
    """Print notes on stderr that the user must see, each on its line."""
    for sentence in sentences:
        print(f"revin-forecast: {sentence}", file=sys.stderr)


@contextmanager
def keeping_forecast(
    table: "pd.DataFrame", format: "TableFormat", out: str | None, json: bool
) -> Iterator[None]:
    """Keep a forecast if its report or image fails, and say where it is.

    Args:
        table: the forecast.
        format: format of the table before it.
        out: the file that has it; None: it is printed.
        json: whether it is printed as a part of a JSON object, which needs all outputs.

    Raises:
        InputError: the report or image failed.
    """
    try:
        yield
    except (InputError, OSError) as error:
        if out is None and json:
            raise
        reason = error.message if isinstance(error, InputError) else str(error)
        if out is None:
            from revin_forecast.data.write_table import to_csv

            sys.stdout.write(to_csv(table, format))
        kept = "the forecast was printed" if out is None else f"{out}: written"
        raise InputError(f"{kept}; the report or image failed: {reason}") from error


@contextmanager
def removing_empty_folders(folder: Path) -> Iterator[None]:
    """Remove the empty folders that a failed call created; checkpoints and other files stay.

    Args:
        folder: a folder that the call may create, with its parents.
    """
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        if new:
            below = sorted(folder.rglob("*"), reverse=True) if folder.exists() else []
            for path in [*(path for path in below if path.is_dir()), *new]:
                with suppress(OSError):  # it does not exist, or has a file
                    path.rmdir()
        raise
