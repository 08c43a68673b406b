"""`inspect_table`: detection of everything that is needed to parse a table."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from revin_forecast.data.formatting import format_names
from revin_forecast.data.reading.numbers import detect_decimals
from revin_forecast.data.reading.raw_table import LONG_NAMES, ArrowTable, RawTable, read_table
from revin_forecast.data.reading.time_column import detect_time_form, find_time_column, is_timestamp
from revin_forecast.data.reading.timestamps import parse_form
from revin_forecast.data.table_format import UNKNOWN_FORMAT, TableFormat, load_format
from revin_forecast.errors import InputError


def inspect_table(
    source: pd.DataFrame | str | Path | ArrowTable,
    format: TableFormat | str | Path | None = None,
) -> TableFormat:
    """Return the format of a table, with all fields that apply.

    Args:
        source: a path, "-" for standard input, or a data frame, see `read_series`.
        format: the known part of the format, as such or as the path of a YAML file; the rest is
            detected.

    Raises:
        InputError: the table can't be read, or leaves its format open.

    >>> table = pd.DataFrame({"day": ["31.12.2023", "01.01.2024"], "sold": ["1,5", "2"]})
    >>> print(inspect_table(table))
    times in column 'day', in the form %d.%m.%Y
    wide: one column for each series
    decimal mark ','
    """
    given = load_format(format)
    return inspect_columns(read_table(source, given), given)


def inspect_columns(
    table: RawTable,
    given: TableFormat,
    like: TableFormat = UNKNOWN_FORMAT,
    names: Sequence[str] | None = None,
) -> TableFormat:
    """Return the format of a table that was read, with all fields that apply.

    Args:
        table: the table as it was read.
        given: the known part of the format.
        like: format of an earlier table, which decides where this one is ambiguous.
        names: series to read; None: all.

    Raises:
        InputError: a column does not exist, or the table leaves its format open.
    """
    format = _find_columns(table, given)
    # Only these columns are parsed, so others may hold anything.
    columns = (
        [str(format.value)] if format.is_long else select_channel_columns(table, format, names)
    )
    decimal = detect_decimals(table, columns, given.decimal, like.decimal)
    form = detect_time_form(table, str(format.time), given.time_form, like.time_form)
    return replace(
        format,
        time_form=form,
        zone=given.zone or _find_zone(parse_form(table, str(format.time), form)),
        decimal=decimal,
    )


def _find_columns(table: RawTable, given: TableFormat) -> TableFormat:
    """Detect whether a table is wide or long, and find its columns.

    Raises:
        InputError: a column that was named, or is required, does not exist.
    """
    has_long_names = {LONG_NAMES.id, LONG_NAMES.value} <= set(table.names)
    is_named_long = given.id is not None or given.value is not None or given.layout == "long"
    if is_named_long or (has_long_names and given.layout is None):
        time, id, value = _find_long_columns(table, given.time, given.id, given.value)
        format = replace(given, layout="long", time=time, id=id, value=value)
    else:
        format = replace(given, layout="wide", time=find_time_column(table, given.time))
    source = table.source
    if source is None:
        return format
    # Without a header, the CSV reader takes the first row of data for the names of the columns. The
    # message calls it row -1, the one above the first row.
    if is_timestamp(str(format.time)):
        raise InputError(
            f"{table.describe_position(-1)} should name the columns but begins with data "
            f"({format.time!r}). Write a header above the first row."
        )
    return replace(
        format, encoding=source.encoding, separator=source.separator, header=source.first_line
    )


def _find_zone(stamps: pd.DatetimeIndex) -> str | None:
    """Return the name of the time zone of timestamps; None if they have none, or it has no name."""
    if stamps.tz is None:
        return None
    try:
        return str(pd.Timestamp(0, tz=str(stamps.tz)).tz)
    except (ValueError, KeyError, OSError):  # some time zone objects print another name
        return None


def _find_long_columns(
    table: RawTable, time: str | None, id: str | None, value: str | None
) -> tuple[str, str, str]:
    """Return the time, series and value columns of a long table."""
    names = table.names
    id_name, value_name = id or str(LONG_NAMES.id), value or str(LONG_NAMES.value)
    for option, name in (("--id", id_name), ("--value", value_name)):
        if name not in names:
            raise InputError(
                f"{table.name} has no column {name!r} but {format_names(names)}. A long table "
                f"needs a series, a time and a value column; name it with {option}."
            )
    # With --id and --value given, a column `ds` is the time even next to another time column.
    usual = LONG_NAMES.time if LONG_NAMES.time in names else None
    time_name = find_time_column(table, time or usual, (id_name, value_name))
    if len({time_name, id_name, value_name}) < 3:
        raise InputError(
            f"{table.name}: the time ({time_name!r}), the series ({id_name!r}) and the value "
            f"({value_name!r}) need columns of their own; see --time, --id and --value."
        )
    return time_name, id_name, value_name


def select_channel_columns(
    table: RawTable, format: TableFormat, names: Sequence[str] | None
) -> list[str]:
    """Return the columns that are channels of a wide table.

    Raises:
        InputError: a column that was named does not exist, or a column has no name.
    """
    other_columns = [name for name in table.names if name != format.time]
    for name in names or ():
        if name == format.time:
            raise InputError(f"{table.name}: {name!r} is the time column, not a series.")
        table.require_column(name, "--target and --inputs")
    channels = other_columns if names is None else list(names)
    if not channels:
        raise InputError(
            f"{table.name} has no column other than the time column {format.time!r}; a series "
            "needs one. If the columns are separated by something else, save the file with commas."
        )
    # Pandas writes a nameless index, which would be forecast like a series ("Unnamed: 0" when a
    # frame is read and written again).
    unnamed = [name for name in channels if re.fullmatch(r"\s*|Unnamed: \d+", name)]
    if names is None and unnamed:
        raise InputError(
            f"{table.name}: column {table.names.index(unnamed[0]) + 1} has no name (a row number, "
            "perhaps). Name it or remove it, or choose the columns with --target."
        )
    return channels
