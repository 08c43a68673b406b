"""`inspect_table`: detection of everything that is needed to parse a table."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from revin_forecast.data.formatting import format_columns, format_names
from revin_forecast.data.reading.columns.column_kinds import UNNAMED, sort_columns
from revin_forecast.data.reading.columns.long_columns import (
    LongColumns,
    find_long_columns,
    has_repeats,
    require_certain,
)
from revin_forecast.data.reading.columns.part_columns import check_part_columns, check_transposed
from revin_forecast.data.reading.columns.unread_columns import (
    UNREAD,
    check_texts,
    find_unread_columns,
)
from revin_forecast.data.reading.raw_table import LONG_NAMES, ArrowTable, RawTable, read_table
from revin_forecast.data.reading.rows.total_rows import drop_total_rows
from revin_forecast.data.reading.times.time_column import find_time_column, is_timestamp
from revin_forecast.data.reading.times.time_parts import detect_form
from revin_forecast.data.reading.times.timestamps import parse_form
from revin_forecast.data.reading.values.numbers import detect_decimals
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
    return inspect_columns(drop_total_rows(read_table(source, given)), given)


def inspect_columns(
    table: RawTable,
    given: TableFormat,
    like: TableFormat = UNKNOWN_FORMAT,
    names: Sequence[str] | None = None,
    group: str | None = None,
    is_part: bool = False,
) -> TableFormat:
    """Return the format of a table that was read, with all fields that apply.

    Args:
        table: the table as it was read.
        given: the known part of the format.
        like: format of an earlier table, which decides where this one is ambiguous.
        names: series to read; None: all.
        group: column of groups, each of which is a table of its own.
        is_part: whether the table is the beginning of a larger one, which can't show all that would
            have to be known to find columns of series.

    Raises:
        InputError: a column does not exist, or the table leaves its format open.
    """
    # Columns that are named may have several rows of one time where those are combined.
    is_wide = given.resample is not None and names is not None and {*names} <= {*table.names}
    format = _find_columns(table, given, like, group, is_part, is_wide)
    if format.is_long:
        _note_unread_columns(table, format, group)
    elif names is None:
        if not _is_wide(like):
            check_part_columns(table, [n for n in table.names if n not in format.time_columns])
        _find_unread_columns(table, format.time_columns, like, is_part)
    # Only these columns are parsed, so others may hold anything.
    columns = (
        [str(format.value)] if format.is_long else select_channel_columns(table, format, names)
    )
    decimal = detect_decimals(table, columns, given.decimal, like.decimal)
    form = detect_form(table, format.time_columns, given.time_form, like.time_form)
    return replace(
        format,
        time_form=form,
        zone=given.zone or _find_zone(parse_form(table, format.time_columns, form)),
        decimal=decimal,
    )


def _find_columns(
    table: RawTable,
    given: TableFormat,
    like: TableFormat,
    group: str | None,
    is_part: bool,
    is_wide: bool,
) -> TableFormat:
    """Detect whether a table is wide or long, and find its columns.

    Raises:
        InputError: a column that was named, or is required, does not exist.
    """
    has_long_names = {*LONG_NAMES.id_columns, LONG_NAMES.value} <= set(table.names)
    if given.time is None:
        check_transposed(table)
    is_named_long = given.id is not None or given.value is not None or given.layout == "long"
    if is_named_long or (has_long_names and given.layout is None):
        format = _find_long_columns(table, given, group, is_part)
    else:
        format = replace(given, layout="wide", time=find_time_column(table, given.time))
        if given.layout is None and not _is_wide(like) and not is_wide:
            format = _detect_long(table, format, is_part)
    source = table.source
    if source is None:
        return format
    # Without a header, the CSV reader takes the first row of data for the names of the columns. The
    # message calls it row -1, the one above the first row.
    data = [name for name in format.time_columns if is_timestamp(name)]
    if data:
        raise InputError(
            f"{table.describe_position(-1)} should name the columns but begins with data "
            f"({data[0]!r}). Write a header above the first row."
        )
    return replace(
        format, encoding=source.encoding, separator=source.separator, header=source.first_line
    )


def _is_wide(format: TableFormat) -> bool:
    """Return whether a format is known to be wide."""
    return format.time is not None and not format.is_long


def _detect_long(table: RawTable, wide: TableFormat, is_part: bool) -> TableFormat:
    """Return the format of a table that has no usual names: long if its times repeat for series.

    Raises:
        InputError: the table is long, but its columns leave open what to read.
    """
    times = wide.time_columns
    kinds = sort_columns(table, [name for name in table.names if name not in times])
    # Only then are repeated times looked for, so that most wide tables cost no time here.
    if not (kinds.texts or kinds.ids) or not has_repeats(table, times):
        return wide
    found = find_long_columns(table, times)
    return wide if found is None else _use_long_columns(table, wide, found, is_part)


def _use_long_columns(
    table: RawTable,
    format: TableFormat,
    found: LongColumns,
    is_part: bool,
    is_grouped: bool = False,
) -> TableFormat:
    found = replace(found, is_certain=found.is_certain and not is_part)
    require_certain(table, found, format.resample is not None, is_grouped)
    format = replace(format, layout="long", id=found.id, value=found.value)
    table.add_note(
        f"read as a long table: series in {format_columns(found.id)}, values in {format.value!r}"
    )
    return format


def _note_unread_columns(table: RawTable, format: TableFormat, group: str | None) -> None:
    read = {*format.time_columns, format.value, group, *format.id_columns}
    unread = [name for name in table.names if name not in read]
    if unread:
        verb = "was" if len(unread) == 1 else "were"
        table.add_note(
            f"{format_columns(unread)} {verb} not read: a long table has one column of values"
        )


def _find_unread_columns(
    table: RawTable, times: Sequence[str], like: TableFormat, is_part: bool
) -> None:
    """Leave the columns that are not series to the parser.

    Raises:
        InputError: a column can't be a series, or may name the series of a long table.
    """
    kinds = sort_columns(table, [name for name in table.names if name not in times])
    unread = find_unread_columns(table, times, kinds, _is_wide(like), is_part)
    table.results[UNREAD] = unread
    check_texts(table, times, kinds, unread)


def _find_zone(stamps: pd.DatetimeIndex) -> str | None:
    """Return the name of the time zone of timestamps; None if they have none, or it has no name."""
    if stamps.tz is None:
        return None
    try:
        return str(pd.Timestamp(0, tz=str(stamps.tz)).tz)
    except (ValueError, KeyError, OSError):  # some time zone objects print another name
        return None


def _find_long_columns(
    table: RawTable, given: TableFormat, group: str | None, is_part: bool
) -> TableFormat:
    """Find the time, series and value columns of a long table.

    Raises:
        InputError: there is no such column, or one has two roles.
    """
    names = table.names
    _check_long_names(table, [("--id", name) for name in given.id_columns])
    _check_long_names(table, [("--value", name) for name in filter(None, [given.value])])
    id = given.id_columns or tuple(name for name in LONG_NAMES.id_columns if name in names)
    value = given.value or (LONG_NAMES.value if LONG_NAMES.value in names else None)
    # With --id and --value given, a column `ds` is the time even next to another time column.
    usual = LONG_NAMES.time if LONG_NAMES.time in names else None
    time = find_time_column(table, given.time or usual, (*id, value, group), id)
    format = replace(given, layout="long", time=time, id=id or None, value=value)
    if not id or value is None:
        found = find_long_columns(table, format.time_columns, id, value, group)
        if found is not None:
            # Which columns name series may differ between groups.
            is_grouped = group is not None
            is_open = is_part or (is_grouped and not id)
            return _use_long_columns(table, format, found, is_open, is_grouped)
        if not id and value in names and len(names) > 2:
            _reject_missing_id(table, str(value), format.time_columns)
        _check_long_names(table, [("--id", name) for name in id or LONG_NAMES.id_columns])
        _check_long_names(table, [("--value", value or str(LONG_NAMES.value))])
    if len({*format.time_columns, *id, value}) < len(format.time_columns) + 1 + len(id):
        raise InputError(
            f"{table.name}: the time ({time!r}), the series ({', '.join(map(repr, id))}) and the "
            f"value ({value!r}) need columns of their own; see --time, --id and --value."
        )
    return format


def _reject_missing_id(table: RawTable, value: str, times: Sequence[str]) -> None:
    others = [name for name in table.names if name not in (value, *times)]
    raise InputError(
        f"{table.name}: --value {shlex.quote(value)} is for a long table, and no column certainly "
        f"names its series among {format_names(others)}. Name it with --id; or if all rows are of "
        f"one series, pass --target {shlex.quote(value)} instead of --value."
    )


def _check_long_names(table: RawTable, options: Sequence[tuple[str, str]]) -> None:
    for option, name in options:
        if name not in table.names:
            raise InputError(
                f"{table.name} has no column {name!r} but {format_names(table.names)}. A long "
                f"table needs a series, a time and a value column; name it with {option}."
            )


def select_channel_columns(
    table: RawTable, format: TableFormat, names: Sequence[str] | None
) -> list[str]:
    """Return the columns that are channels of a wide table.

    Raises:
        InputError: a column that was named does not exist, or a column has no name.
    """
    other_columns = [name for name in table.names if name not in format.time_columns]
    for name in names or ():
        if name in format.time_columns:
            raise InputError(f"{table.name}: {name!r} is the time column, not a series.")
        table.require_column(name, "--target and --inputs")
    if names is None:
        unread = table.results.get(UNREAD, ())
        channels = [name for name in other_columns if name not in unread]
    else:
        channels = list(names)
    if not channels:
        raise InputError(
            f"{table.name} has no column other than the time column {format.time!r}; a series "
            "needs one. If the columns are separated by something else, save the file with commas."
        )
    # Pandas writes a nameless index, which would be forecast like a series ("Unnamed: 0" when a
    # frame is read and written again).
    unnamed = [name for name in channels if re.fullmatch(UNNAMED, name)]
    if names is None and unnamed:
        raise InputError(
            f"{table.name}: column {table.names.index(unnamed[0]) + 1} has no name (a row number, "
            "perhaps). Name it or remove it, or choose the columns with --target."
        )
    return channels
