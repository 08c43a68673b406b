"""Writing of forecasts as CSV or Parquet, and checks of the paths to write to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from revin_forecast.errors import InputError
from revin_forecast.utils.files import atomic_write

FLOAT_FORMAT = "%.12g"
"""Forecasts are computed in float32 on standardized values, so further digits are noise."""


def check_table_path(path: str | Path, source: str | Path | None = None) -> None:
    """Check that a table can be written to a path, before it is computed.

    Args:
        path: path of the table to write. Streams (/dev/stdout, a pipe) accept CSV.
        source: input file, which must not be overwritten.

    Raises:
        InputError: the path is neither .csv nor .parquet, is a folder, is in a folder that does
            not exist, or is the source.
    """
    path = Path(path)
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise InputError(f"{path} is the input table; write the forecast to another file.")
    # A stream has no suffix and no folder to check.
    if _is_stream(path):
        return
    check_file_path(path, (".csv", ".parquet"), "a forecast is written")


def check_file_path(path: str | Path, suffixes: Sequence[str], subject: str) -> None:
    """Check that a file can be written to a path, before its content is computed.

    Args:
        path: path of the file to write.
        suffixes: allowed suffixes.
        subject: beginning of the message, such as "a forecast is written".

    Raises:
        InputError: the path has another suffix, is a folder, or is in a folder that does not
            exist.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file to write.")
    if path.suffix not in suffixes:
        allowed = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise InputError(f"{subject} as {allowed} but got {path}.")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} in; create it.")


def to_csv(table: pd.DataFrame) -> str:
    """Return a forecast as CSV text with its significant digits."""
    return table.to_csv(index=False, float_format=FLOAT_FORMAT)


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as .csv or .parquet, by the path's suffix, in an atomic write.

    Raises:
        InputError: `check_table_path` rejects the path, there is no permission, or the disk is
            full. An existing file is then unchanged.
    """
    path = Path(path)
    check_table_path(path)
    with atomic_output(path) as partial:
        # The suffix of `path`, since that of the temporary file is another one.
        if path.suffix == ".parquet":
            table.to_parquet(partial, index=False)
        else:
            partial.write_text(to_csv(table), encoding="utf-8", newline="")


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Yield a temporary path; its file replaces `path` when the block ends (atomic write).

    Raises:
        InputError: there is no permission, or the disk is full. An existing file is unchanged.
    """
    try:
        with atomic_write(path) as partial:
            yield partial
    except OSError as error:
        outcome = "The existing file is unchanged" if path.exists() else "No file was created"
        raise InputError(
            f"{path} could not be written: {error.strerror or error}. {outcome}; make room or get "
            "permission, or name another path."
        ) from error


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()
