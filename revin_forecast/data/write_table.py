from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.utils.files import atomic_write

FLOAT_FORMAT = "%.12g"
"""Forecasts are made in single precision of standardized values: further digits are noise."""


def check_table_path(path: str | Path, source: str | Path | None = None) -> None:
    """Refuse a path that a table can't be written to, before any work is done for it.

    Args:
        path: of the table to be written. Streams (/dev/stdout, a pipe) take CSV.
        source: the file that is read, which must not be written over.

    Raises:
        InputError: neither .csv nor .parquet, a folder, in a folder that is not there, or the
            source.
    """
    path = Path(path)
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise InputError(f"{path} is the table that is read; write the forecast elsewhere.")
    if _is_stream(path):
        return
    check_file_path(path, (".csv", ".parquet"), "a forecast is written")


def check_file_path(path: str | Path, suffixes: Sequence[str], subject: str) -> None:
    """Refuse a path that a file can't be written to, before any work is done for it.

    Args:
        path: of the file to be written.
        suffixes: that it may have.
        subject: begins the message, such as "a forecast is written".

    Raises:
        InputError: another ending, a folder, or in a folder that is not there.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file to write.")
    if path.suffix not in suffixes:
        shown = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise InputError(f"{subject} as {shown} but got {path}.")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} in; make it.")


def to_csv(table: pd.DataFrame) -> str:
    """Return a forecast as CSV text, with the digits that mean something."""
    return table.to_csv(index=False, float_format=FLOAT_FORMAT)


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as .csv or .parquet by the path's ending; whole or not at all.

    Raises:
        InputError: what `check_output` refuses, no permission, a full disk; what stood there
            before is left as it was.
    """
    path = Path(path)
    check_table_path(path)
    with atomic_output(path) as partial:
        if path.suffix == ".parquet":
            table.to_parquet(partial, index=False)
        else:
            partial.write_text(to_csv(table), encoding="utf-8", newline="")


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Yield a path to write to; what is there then replaces the file, whole or not at all.

    Raises:
        InputError: no permission, a full disk; what stood there before is left as it was.
    """
    try:
        with atomic_write(path) as partial:
            yield partial
    except OSError as error:
        kept = "The file there is as it was" if path.exists() else "Nothing is left of it"
        raise InputError(
            f"{path} could not be written: {error.strerror or error}. {kept}; make room or get "
            "permission, or name another place."
        ) from error


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()
