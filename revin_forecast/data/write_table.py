"""Writing of forecasts in the style of their table, and checks of the paths to write to."""

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.series import Series
from revin_forecast.data.style_table import FLOAT_FORMAT, style_numbers, style_times
from revin_forecast.data.table_format import UNKNOWN_FORMAT, TableFormat
from revin_forecast.errors import InputError
from revin_forecast.utils.files import atomic_write, split_part

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".jsonl", ".parquet", ".feather", ".arrow")
"""Suffixes of the files that a forecast can be written to."""
TAB_SUFFIXES = (".tsv", ".txt")
"""Suffixes of files whose columns are separated by tabs."""
MAX_EXCEL_ROWS = 2**20
"""Most rows of a sheet, with that of the names."""
MAX_EXCEL_COLUMNS = 2**14
"""Most columns of a sheet."""


def check_table_path(path: str | Path, source: str | Path | None = None) -> None:
    """Check that a table can be written to a path, before it is computed.

    Args:
        path: path of the table to write. Streams (/dev/stdout, a pipe) accept CSV.
        source: input file, which must not be overwritten.

    Raises:
        InputError: the path has a suffix of no table, is a folder, is in a folder that does not
            exist, or is the source; or a library is not installed.
    """
    path = Path(path)
    source = None if source is None else Path(split_part(source)[0])
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise InputError(f"{path} is the input table; write the forecast to another file.")
    # A stream has no suffix and no folder to check.
    if _is_stream(path):
        return
    check_file_path(path, TABLE_SUFFIXES, "a forecast is written")
    if path.suffix == ".xlsx" and importlib.util.find_spec("openpyxl") is None:
        raise InputError(
            f"{path} needs openpyxl, which is not installed. Install it (pip install "
            '"revin-forecast[excel]"), or write a .csv.'
        )


def check_table_size(path: str | Path, rows: int, columns: int = 1) -> None:
    """Check that a file can hold a table, before the table is computed.

    Args:
        path: path of the table to write.
        rows: rows of the table, or fewer if their number is not known yet.
        columns: columns of the table, or fewer.

    Raises:
        InputError: it is a file of Excel, and the table has too many rows or columns.
    """
    path = Path(path)
    if path.suffix != ".xlsx":
        return
    for count, limit, noun in (
        (rows, MAX_EXCEL_ROWS - 1, "rows"),
        (columns, MAX_EXCEL_COLUMNS, "columns"),
    ):
        if count > limit:
            raise InputError(
                f"{path}: a sheet of Excel holds {limit:,} {noun}, but the forecast has {count:,}. "
                f"Write {path.stem}.csv or {path.stem}.parquet instead."
            )


def check_forecast_size(
    path: str | Path | None, series: Series, horizon: int, level_count: int
) -> None:
    """Check that a file can hold the forecast of a series, before it is computed.

    Args:
        path: path of the table to write; None: it is not written to a file.
        series: the table to forecast.
        horizon: steps to forecast.
        level_count: number of interval levels, each with two columns.

    Raises:
        InputError: it is a file of Excel, and the forecast has too many rows or columns.
    """
    if path is None:
        return
    count, columns = len(series.targets), 1 + 2 * level_count
    if series.format.is_long:
        check_table_size(path, horizon * count, 2 + columns)
    else:
        check_table_size(path, horizon, 1 + columns * count)


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


def to_csv(table: pd.DataFrame, format: TableFormat = UNKNOWN_FORMAT, separator: str = "") -> str:
    """Return a forecast as text with separated columns and its significant digits.

    Args:
        table: the forecast, with timestamps and numbers.
        format: format of the table it continues, whose separator, decimal marks and form of times
            it takes.
        separator: character between the cells; empty: that of the format, or a comma.
    """
    styled = style_numbers(style_times(table, format), format)
    return styled.to_csv(
        index=False, float_format=FLOAT_FORMAT, sep=separator or format.separator or ","
    )


def write_table(
    table: pd.DataFrame, path: str | Path, format: TableFormat = UNKNOWN_FORMAT
) -> list[str]:
    """Write a table in the file format of the path's suffix, in an atomic write.

    Text files and Excel have times as the table has them that the forecast continues; Parquet and
    Arrow have typed columns.

    Args:
        table: the table, with timestamps and numbers.
        path: path of the file.
        format: format of the table that it continues.

    Returns:
        Sentences on everything that the file can't hold.

    Raises:
        InputError: `check_table_path` rejects the path, there is no permission, the disk is full,
            or the table is too large for Excel. An existing file is then unchanged.
    """
    path = Path(path)
    check_table_path(path)
    check_table_size(path, *table.shape)
    with atomic_output(path) as partial:
        # The suffix of `path`, since that of the temporary file is another one.
        match path.suffix:
            case ".parquet":
                table.to_parquet(partial, index=False)
            case ".feather" | ".arrow":
                table.to_feather(partial)
            case ".xlsx":
                from revin_forecast.data.write_excel import write_excel

                return write_excel(table, partial, format)
            case ".jsonl":
                partial.write_text(to_json_lines(table, format), encoding="utf-8", newline="")
            case suffix:
                separator = "\t" if suffix in TAB_SUFFIXES else ""
                encoding = "utf-8-sig" if format.encoding == "utf-8-sig" else "utf-8"
                text = to_csv(table, format, separator)
                partial.write_text(text, encoding=encoding, newline="")
    return []


def to_json_lines(table: pd.DataFrame, format: TableFormat = UNKNOWN_FORMAT) -> str:
    """Return a forecast as one JSON object for each row; missing numbers are null."""
    styled = style_times(table, format)
    columns = {}
    for name, column in styled.items():
        if column.dtype.kind == "f":
            numbers = column.to_numpy(np.float64)
            columns[name] = [
                float(FLOAT_FORMAT % number) if np.isfinite(number) else None for number in numbers
            ]
        elif column.dtype.kind == "M":
            columns[name] = [None if pd.isna(stamp) else stamp.isoformat() for stamp in column]
        else:
            columns[name] = column.tolist()
    rows = zip(*columns.values(), strict=True)
    lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines)


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
