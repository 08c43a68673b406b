"""Detection of a table's time column and of the form of its times."""

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from pandas.tseries.api import guess_datetime_format

from revin_forecast.data.formatting import format_names, pluralize
from revin_forecast.data.reading.column_kinds import sort_columns
from revin_forecast.data.reading.delimited import suggest_separator
from revin_forecast.data.reading.raw_table import TIME_NAMES, RawTable
from revin_forecast.data.reading.timestamps import (
    NUMBER_RANGES,
    SNIFF_ROWS,
    is_text,
    parse_cells,
    parse_form,
    read_unconverted,
    use_text,
)
from revin_forecast.data.table_format import suggest_format
from revin_forecast.data.time_forms import ISO_FORM, ORDER_FORMS, QUARTER_FORM, UNIT_FORMS
from revin_forecast.errors import InputError

YEAR_NAME = "year"
"""Name of a numeric column that is the time column if there is no other."""
MONTH_FORMS = {
    "%m/%Y": r"\d{1,2}/\d{4}",
    "%m.%Y": r"\d{1,2}\.\d{4}",
    "%b %Y": r"[A-Za-z]{3} \d{4}",
    "%B %Y": r"[A-Za-z]{4,} \d{4}",
}


def find_time_column(
    table: RawTable, named: str | None = None, others: Sequence[str | None] = ()
) -> str:
    """Return the time column: the one named, one with a usual name, or one that can be parsed.

    Args:
        table: the table as it was read.
        named: name of the column; None: find it.
        others: columns that have another role.

    Raises:
        InputError: the column named does not exist, no column can be parsed, or several can.
    """
    if named is not None:
        table.require_column(named, "--time")
        return named
    names = [name for name in table.names if name not in others]
    usual = [name for name in names if name.strip().lower() in TIME_NAMES]
    # A column with a usual name may hold other things (elapsed time), so its cells are tried.
    likely = [name for name in usual if _looks_like_times(read_unconverted(table, name))]
    if not usual:
        columns = {name: read_unconverted(table, name) for name in names}
        texts = {name: column for name, column in columns.items() if not is_numeric_dtype(column)}
        likely = [name for name, column in texts.items() if _looks_like_times(column)]
    # Years are numbers like others, so only the name and distinct values make them times.
    if not usual and not likely:
        likely = [
            name for name in names if name.strip().lower() == YEAR_NAME and _are_years(table, name)
        ]
    if len(likely) > 1:
        remedy = suggest_format(f"time: {likely[0]!r}")
        raise InputError(
            f"{table.name} has several columns that may be the time: {format_names(likely)}. Name "
            f"the one with --time, or pass {remedy}."
        )
    # Date and time of day in two columns: the dates alone would repeat.
    clocks = [name for name in usual if name not in likely and _is_clock(table.column(name))]
    if likely and clocks:
        raise InputError(
            f"{table.name} has the day in column {likely[0]!r} and the hour in {clocks[0]!r}. Join "
            "them into one column, like 2024-12-31 23:00, or name the one that counts with --time."
        )
    # A usual name wins even if some cells can't be parsed; the parser then reports their line.
    if likely or usual:
        return (likely or usual)[0]
    title = ""
    if "" in table.names:
        title = (
            " If the first line is a title, delete the lines above the names, or pass "
            f"{suggest_format('header: 2')}, where 2 is the line of the names."
        )
    raise InputError(
        f"{table.name} has no time column among its {pluralize(len(table.names), 'column')} "
        f"{format_names(table.names)}. Write times as 2024-12-31, in a column called date; or name "
        "the column with --time if it is one of numbers (202412), or with its form "
        f"({suggest_format('time_form: %d.%m.%y')})."
        f"{suggest_separator(table.names[0]) if len(table.names) == 1 else ''}{title}"
    )


def detect_time_form(
    table: RawTable, name: str, given: str | None = None, like: str | None = None
) -> str | None:
    """Return the form of the times in a column; None: it holds timestamps, or no form fits.

    Text is ISO 8601 or has any one format with a four-digit year. Numbers may be years (2024),
    months (202412) or days (20241231). The order of day and month is the one that fits all rows.

    Args:
        table: the table as it was read.
        name: name of the column.
        given: form, or the order of day and month; None: detect it.
        like: form to use if both orders of day and month fit all rows, or if no usual form fits.

    Raises:
        InputError: both orders of day and month fit all rows.
    """
    if given is not None and given not in ORDER_FORMS:
        # The CSV reader converts ISO 8601 only; other digits it takes for numbers.
        if given != ISO_FORM or is_numeric_dtype(read_unconverted(table, name)):
            use_text(table, name)
        return given
    column = read_unconverted(table, name)
    if is_numeric_dtype(column):
        return _detect_number_form(column) or (like if like in UNIT_FORMS else None)
    if not is_text(column):
        # The CSV reader converts ISO 8601 only.
        is_iso = table.source is not None and is_datetime64_any_dtype(column)
        return ISO_FORM if is_iso else None
    head = column.head(SNIFF_ROWS)
    month_first, day_first = _rank_forms(head, False, like), _rank_forms(head, True, like)
    if given is not None:
        return (day_first if given == ORDER_FORMS[0] else month_first)[0]
    # The first rows rule out most forms; of the others, all rows decide.
    form = _choose_form(table, name, month_first)
    other = _choose_form(table, name, day_first)
    if form == other:
        return form
    stamps, day_stamps = parse_form(table, name, form), parse_form(table, name, other)
    # The month comes first unless some row, such as 13/01/2024, needs the day first.
    if stamps.hasnans or day_stamps.hasnans:
        return form if day_stamps.isna().sum() > stamps.isna().sum() else other
    differ = np.flatnonzero(stamps != day_stamps)
    if not len(differ) or like in (form, other):
        return like if len(differ) else form
    # If both orders fit all rows, a guess could change every date, so the table is rejected.
    row = int(differ[0])
    remedy = suggest_format(*(f'time_form: "{order}"' for order in ORDER_FORMS))
    raise InputError(
        f"{table.describe_position(row)}, column {name!r}: {column.iloc[row]!r} may be "
        f"{stamps[row]} or {day_stamps[row]}, and so may every other row. Write dates as "
        f"2024-12-31, or pass {remedy}."
    )


def is_timestamp(text: str) -> bool:
    """Return whether a text, such as the name of a column, is itself a timestamp."""
    return _looks_like_times(pd.Series([text]))


def _choose_form(table: RawTable, name: str, forms: Sequence[str]) -> str:
    """Return the first form that fits all rows, or else that which fits most."""
    if len(forms) == 1:
        return forms[0]
    failures = {}
    for form in forms:
        failures[form] = int(parse_form(table, name, form).isna().sum())
        if not failures[form]:
            return form
    return min(forms, key=lambda form: failures[form])


def _rank_forms(head: pd.Series, day_first: bool, like: str | None = None) -> list[str]:
    """Return the forms that fit the most cells of text, the most usual first."""
    cells = [cell.strip() for cell in head if not pd.isna(cell) and cell.strip()]
    # One format for all rows, guessed from the first cell: mixed formats hide swapped days.
    guessed = _list_possible_formats(cells[0] if cells else "", day_first)
    failures = {}
    # ISO 8601 first: it is unambiguous, and pandas parses it fastest.
    for form in dict.fromkeys(filter(None, [ISO_FORM, *guessed, QUARTER_FORM, like])):
        failures[form] = int(parse_cells(head, form).isna().sum())
    fewest = min(failures.values())
    return [form for form, count in failures.items() if count == fewest]


def _list_possible_formats(first: str, day_first: bool) -> list[str]:
    """Return the formats that fit the first cell and have a four-digit year."""
    forms = [form for form, pattern in MONTH_FORMS.items() if re.fullmatch(pattern, first)]
    # Pandas does not guess a 12-hour clock, so 11:30 PM is guessed without its last word.
    half_day = re.fullmatch(r"(.*\d) ?([AaPp][Mm])", first)
    with warnings.catch_warnings():
        # Pandas warns if only the other order of day and month fits; both orders are tried.
        warnings.filterwarnings("ignore", message="Parsing dates in .* format when dayfirst=")
        guess = guess_datetime_format(half_day[1] if half_day else first, dayfirst=day_first)
    # Two-digit years are rejected, and so is a guess of year, day, month.
    if guess and "%Y" in guess and not re.search("%Y.*%d.*%m", guess):
        space = " " if " " in first[-3:-2] else ""
        forms.append(guess.replace("%H", "%I") + f"{space}%p" if half_day else guess)
    return forms


def _detect_number_form(column: pd.Series) -> str | None:
    """Return the form of whole numbers: four digits are years, six are months, eight are days."""
    if is_bool_dtype(column):  # numeric for pandas
        return None
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    for form, (low, high) in NUMBER_RANGES.items():
        if ((numbers >= low) & (numbers <= high) & (numbers % 1 == 0)).any():
            return form
    return None


def _are_years(table: RawTable, name: str) -> bool:
    """Return whether a column holds years, distinct ones for each series."""
    if not _looks_like_times(table.column(name)):
        return False
    kinds = sort_columns(table, [other for other in table.names if other != name])
    return not table.frame.duplicated([name, *kinds.texts, *kinds.ids]).any()


def _looks_like_times(column: pd.Series) -> bool:
    head = column.head(SNIFF_ROWS)
    if not len(head):
        return False
    if is_numeric_dtype(head):
        return not parse_cells(head, _detect_number_form(head)).hasnans
    if not is_datetime64_any_dtype(head):
        cells = (str(cell) for cell in head if not pd.isna(cell))
        first = next((cell for cell in cells if cell.strip()), "")
        if not re.match(r"\s*(\d{1,4}[-/. ]|\d{4}[qQ]|\d{4,8}\s*$|[A-Za-z]{3})", first):
            return False  # trying all formats is slow for thousands of columns
        if is_text(head):
            return any(
                not parse_cells(head, _rank_forms(head, day_first)[0]).hasnans
                for day_first in (False, True)
            )
    return not parse_cells(head, None).hasnans


def _is_clock(column: pd.Series) -> bool:
    cells = [str(cell) for cell in column.head(SNIFF_ROWS)]
    return all(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", cell) for cell in cells)
