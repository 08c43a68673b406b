"""`detect_time_form`: detection of the form of the times in a column."""

import re

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from revin_forecast.data.reading.raw_table import RawTable
from revin_forecast.data.reading.times.choose_form import choose_form, has_order
from revin_forecast.data.reading.times.guess_time_forms import guess_time_forms, refine_form
from revin_forecast.data.reading.times.iso_style import (
    find_iso_style,
    find_written_iso,
    list_cells,
    read_first_cells,
)
from revin_forecast.data.reading.times.parse_time_cells import (
    NUMBER_RANGES,
    SNIFF_ROWS,
    is_text,
    parse_cells,
)
from revin_forecast.data.reading.times.regularity import measure_regularity
from revin_forecast.data.reading.times.timestamps import (
    read_unconverted,
    use_text,
)
from revin_forecast.data.time_forms import (
    END_OF_STEP,
    ISO_FORM,
    ORDER_FORMS,
    QUARTER_FORM,
    UNIT_FORMS,
    is_iso_form,
)

COUNT_RANGES = {
    "seconds since 1970": (315_532_800, 4_102_444_800),
    "milliseconds since 1970": (315_532_800_000, 4_102_444_800_000),
    "microseconds since 1970": (315_532_800_000_000, 4_102_444_800_000_000),
    "nanoseconds since 1970": (315_532_800_000_000_000, 4_102_444_800_000_000_000),
    "days since 1899-12-30": (20_000, 80_000),
}
"""Forms of counts that are detected, with the counts of 1980 and 2100 (of days: 1954 and 2119)."""
DIGIT_RANGES = {"%Y%m%d%H": (1800010100, 2199123123), "%Y%m%d%H%M": (180001010000, 219912312359)}
"""Further forms of whole numbers that are detected if all rows are regular."""
ISO_START = r"\d{4}([-/ ]|\d{0,4}(T|$))"
"""Pattern of the beginning of a time in ISO 8601."""
DAY_NAMES = re.compile(r"(?i)date|day|datum|tag|fecha|data|jour|dia|giorno|dag|ds")
"""Names of columns in which a number may be a spreadsheet's count of days."""


def detect_time_form(
    table: RawTable,
    name: str,
    given: str | None = None,
    like: str | None = None,
) -> str | None:
    """Return the form of the times in a column; None: it holds timestamps, or no form fits.

    Text is ISO 8601 or has a form that fits all rows. If several do, the one is chosen that makes
    the rows regular while the others do not. Years of two digits and counts need regular rows.

    Args:
        table: the table as it was read.
        name: name of the column.
        given: form, or the order of day and month; None: detect it.
        like: form to use if several fit all rows, or if no usual form fits.

    Raises:
        InputError: several forms fit all rows equally, or the form is not certain.
    """
    if given is not None and given not in ORDER_FORMS:
        # The CSV reader converts ISO 8601 only; other digits it takes for numbers.
        if not is_iso_form(given) or is_numeric_dtype(read_unconverted(table, name)):
            use_text(table, name)
        return given
    column = read_unconverted(table, name)
    if is_numeric_dtype(column):
        return detect_number_form(column, name) or (like if like in UNIT_FORMS else None)
    if not is_text(column):
        # The CSV reader converts ISO 8601 only.
        is_iso = table.source is not None and is_datetime64_any_dtype(column)
        return find_iso_style(read_first_cells(table, name)) if is_iso else None
    return _detect_text_form(table, name, column, given, like)


def detect_number_form(column: pd.Series, name: str) -> str | None:
    """Return the form of whole numbers; None if they are not certainly times.

    Four digits are years, six are months, eight are days. Counts, and hours as ten digits, must be
    regular in all rows.
    """
    if is_bool_dtype(column):  # numeric for pandas
        return None
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    whole = numbers[numbers % 1 == 0]
    counts = {
        form: int(((whole >= low) & (whole <= high)).sum())
        for form, (low, high) in NUMBER_RANGES.items()
    }
    # The form of most rows, so that a mistyped one is reported.
    if max(counts.values()):
        return max(counts, key=lambda form: counts[form])
    for form, (low, high) in (DIGIT_RANGES | COUNT_RANGES).items():
        known = numbers[~np.isnan(numbers)]
        if not len(known) or not ((known >= low) & (known <= high)).all():
            continue
        if UNIT_FORMS.get(form) == "D" and not DAY_NAMES.search(name):
            continue
        stamps = parse_cells(column.dropna(), form)
        if not stamps.hasnans and measure_regularity(stamps).is_regular:
            return form
    return None


def rank_text_forms(
    head: pd.Series, order: str | None = None, like: str | None = None
) -> list[str]:
    """Return the forms that fit the most cells of text, the most usual first; none for other text.

    Args:
        head: first cells of a column.
        order: one of `ORDER_FORMS` that the forms must have; None: any.
        like: a form to try as well.
    """
    cells = list_cells(head)
    # The first cell may be mistyped, so others are asked too.
    samples = dict.fromkeys([*cells[:1], *cells[len(cells) // 2 :][:1], *cells[-1:]])
    guesses = [form for cell in samples for form in guess_time_forms(cell, order != "day first")]
    guesses = [form for form in guesses if order is None or has_order(form, order)]
    # Trying all forms is slow for thousands of columns of other text.
    if not guesses and like is None and not any(re.match(ISO_START, cell) for cell in samples):
        return []
    failures = {}
    # ISO 8601 first: it is unambiguous, and pandas parses it fastest.
    for form in dict.fromkeys(filter(None, [ISO_FORM, *guesses, QUARTER_FORM, like])):
        failures[form] = int(parse_cells(head, form).isna().sum())
    fewest = min(failures.values())
    return [form for form, count in failures.items() if count == fewest]


def _detect_text_form(
    table: RawTable, name: str, column: pd.Series, given: str | None, like: str | None
) -> str:
    """Return the form of a column of text."""
    head = column.head(SNIFF_ROWS)
    forms = rank_text_forms(head, given, like)
    cells = list_cells(head)
    if not forms:
        return ISO_FORM
    if forms[0] == ISO_FORM and not any(END_OF_STEP in form for form in forms):
        return find_written_iso(table, name, cells, forms)
    chosen = choose_form(table, name, forms, given, like)
    return chosen if chosen == like else refine_form(chosen, cells)
