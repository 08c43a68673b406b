"""Detection of a table's time columns."""

import re
from collections.abc import Sequence

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from revin_forecast.data.formatting import format_names, pluralize
from revin_forecast.data.reading.columns.column_kinds import is_constant, sort_columns
from revin_forecast.data.reading.raw_table import TIME_NAMES, RawTable
from revin_forecast.data.reading.text.delimited import suggest_separator
from revin_forecast.data.reading.times.detect_time_form import (
    DIGIT_RANGES,
    detect_number_form,
    rank_text_forms,
)
from revin_forecast.data.reading.times.parse_time_cells import (
    NUMBER_RANGES,
    SNIFF_ROWS,
    is_text,
    parse_cells,
)
from revin_forecast.data.reading.times.regularity import measure_regularity
from revin_forecast.data.reading.times.time_parts import find_role, find_time_parts
from revin_forecast.data.reading.times.timestamps import read_unconverted
from revin_forecast.data.table_format import suggest_format
from revin_forecast.data.time_forms import UNIT_FORMS, suggest_time_form
from revin_forecast.errors import InputError

MIN_DATED_NUMBER = min(low for low, _ in [NUMBER_RANGES["%Y%m"], *DIGIT_RANGES.values()])
"""Smallest number that is a month or a day."""
COUNT_NAMES = re.compile(r"(?i)time|date|stamp|epoch|unix|zeit|datum|fecha|^ts$|_ts$")
"""Pattern of names of columns in which large numbers may be counts of seconds."""


MOST_CELLS = 0.9
"""Share of times among the first cells of a column that has mistyped ones."""


def find_time_column(
    table: RawTable,
    named: str | Sequence[str] | None = None,
    others: Sequence[str | None] = (),
    keys: Sequence[str] = (),
) -> str | tuple[str, ...]:
    """Return the time column: the one named, one with a usual name, or one that can be parsed.

    Times may also be in several columns: year and month, or date and hour.

    Args:
        table: the table as it was read.
        named: name of the column, or names of several; None: find them.
        others: columns that have another role.
        keys: those of them that name the series.

    Raises:
        InputError: the column named does not exist, no column can be parsed, or several can.
    """
    if named is not None:
        for name in (named,) if isinstance(named, str) else named:
            table.require_column(name, "--time")
        return named if isinstance(named, str) else tuple(named)
    names = [name for name in table.names if name not in others]
    usual = [name for name in names if name.strip().lower() in TIME_NAMES]
    # A column with a usual name may hold other things (elapsed time), so its cells are tried.
    likely = [name for name in usual if _looks_like_times(table, name)]
    # A time of day or an elapsed time does not exclude that another column has the dates.
    if all(name not in likely and _is_part(table, name) for name in usual):
        rest = [name for name in names if name not in usual]
        texts = [name for name in rest if not is_numeric_dtype(read_unconverted(table, name))]
        likely = [name for name in texts if _looks_like_times(table, name)]
    parts = find_time_parts(table, likely, names, keys)
    if parts is not None:
        return parts
    if not likely and all(_is_part(table, name) for name in usual):
        likely = _find_number_columns(table, names)
        # The parser then reports the line of the mistyped cells.
        texts = [name for name in names if is_text(read_unconverted(table, name))]
        likely = likely or [name for name in texts if _looks_like_times(table, name, MOST_CELLS)]
    if len(likely) > 1:
        # The date of an export is in all rows.
        varied = [name for name in likely if not is_constant(table.column(name))]
        likely = varied if len(varied) == 1 else likely
    if len(likely) > 1:
        remedy = suggest_format(f"time: {likely[0]!r}")
        raise InputError(
            f"{table.name} has several columns that may be the time: {format_names(likely)}. Name "
            f"the one with --time, or pass {remedy}."
        )
    # A usual name wins even if some cells can't be parsed; the parser then reports their line.
    if likely or usual:
        return (likely or usual)[0]
    raise InputError(_describe_absence(table))


def _find_number_columns(table: RawTable, names: Sequence[str]) -> list[str]:
    """Return columns of numbers that are times: years by their name, others by their steps."""
    numbers = [name for name in names if is_numeric_dtype(read_unconverted(table, name))]
    years = [name for name in numbers if find_role(name) == "year" and _are_years(table, name)]
    return years or [name for name in numbers if _are_regular_numbers(table, name)]


def _describe_absence(table: RawTable) -> str:
    """Return the message on a table without a time column."""
    title = table.suggest_header()
    if "" in table.names:
        title = (
            " If the first line is a title, delete the lines above the names, or pass "
            "--skip-rows 1, where 1 is the number of lines above the names."
        )
    separator = suggest_separator(table.names[0]) if len(table.names) == 1 else ""
    return (
        f"{table.name} has no time column among its {pluralize(len(table.names), 'column')} "
        f"{format_names(table.names)}. Write times as 2024-12-31, in a column called date; or name "
        "the column with --time, or several (--time year month), and the form of the cells if it "
        f"is unusual ({suggest_time_form('%d.%m.%y')}).{separator}{title}"
    )


def is_timestamp(text: str) -> bool:
    """Return whether a text, such as the name of a column, is itself a timestamp."""
    return _are_times(pd.Series([text]), "")


def _are_years(table: RawTable, name: str) -> bool:
    """Return whether a column holds years, distinct ones for each series."""
    if not _looks_like_times(table, name):
        return False
    kinds = sort_columns(table, [other for other in table.names if other != name])
    return not table.frame.duplicated([name, *kinds.texts, *kinds.ids]).any()


def is_time_count(table: RawTable, name: str) -> bool:
    """Return whether a column has the name and the numbers of times: unix, 1704067200."""
    if COUNT_NAMES.search(name) is None:
        return False
    return is_numeric_dtype(table.column(name)) and _are_regular_numbers(table, name)


def _are_regular_numbers(table: RawTable, name: str) -> bool:
    """Return whether whole numbers of a column without a usual name are times: 202412, 20241231."""
    column = table.column(name)
    if is_datetime64_any_dtype(column) or not bool(column.iloc[0] >= MIN_DATED_NUMBER):
        return False
    form = detect_number_form(column, name)
    if form is None or form == "%Y" or (form in UNIT_FORMS and not COUNT_NAMES.search(name)):
        return False
    stamps = parse_cells(column, form)
    return not stamps.hasnans and measure_regularity(stamps).is_regular


def _looks_like_times(table: RawTable, name: str, share: float = 1.0) -> bool:
    return _are_times(read_unconverted(table, name), name, share)


def _are_times(column: pd.Series, name: str, share: float = 1.0) -> bool:
    """Return whether this share of the first cells of a column are times."""
    head = column.head(SNIFF_ROWS)
    if not len(head):
        return False
    if is_numeric_dtype(head):
        # All rows, since a count is recognized by its steps.
        form = detect_number_form(column, name)
        return form is not None and not parse_cells(head, form).hasnans
    if is_text(head):
        forms = rank_text_forms(head)
        return bool(forms) and bool(parse_cells(head, forms[0]).notna().mean() >= share)
    return not parse_cells(head, None).hasnans


def _is_part(table: RawTable, name: str) -> bool:
    """Return whether a column has numbers or times of day, without their dates."""
    column = table.column(name)
    if is_numeric_dtype(column):
        return True
    cells = [str(cell) for cell in column.head(SNIFF_ROWS)]
    return all(re.match(r"\d{1,2}:\d{2}", cell) for cell in cells)
