"""Times in several columns: year and month, date and hour."""

import re
from collections.abc import Sequence
from itertools import product

import pandas as pd

from revin_forecast.data.month_names import ENGLISH, MONTH_NUMBERS, simplify_name
from revin_forecast.data.reading.columns.column_kinds import sort_columns
from revin_forecast.data.reading.raw_table import TIME_NAMES, RawTable
from revin_forecast.data.reading.times.choose_form import choose_form
from revin_forecast.data.reading.times.detect_time_form import detect_time_form, rank_text_forms
from revin_forecast.data.reading.times.guess_time_forms import refine_form
from revin_forecast.data.reading.times.parse_time_cells import SNIFF_ROWS, parse_cells
from revin_forecast.data.reading.times.timestamps import parse_form, read_part, read_unconverted
from revin_forecast.data.time_forms import (
    DIRECTIVE,
    HOUR_OF_24,
    ORDER_FORMS,
    PART_SEPARATOR,
    join_language,
    split_form,
    split_language,
    suggest_time_form,
)
from revin_forecast.errors import InputError

MAX_WRONG_SHARE = 0.1
"""Largest share of mistyped rows in columns that are taken for times."""
MAX_CELLS = 10_000
"""Most distinct cells by which the form of a part is detected."""

ROLE_NAMES = {
    "year": "year yr yyyy jahr annee an ano anno jaar calendaryear",
    "quarter": "quarter qtr q quartal trimestre kwartaal",
    "month": "month mon mm monat mois mes mese maand monthname",
    "week": "week wk kw woche semaine semana settimana isoweek weekofyear",
    "day": "day dd tag jour dia giorno dag dayofmonth",
    "hour": "hour hours hr hh he stunde stunden uhrzeit zeit heure hora ora uur time timeofday "
    "hourending interval clock",
    "minute": "minute minutes minuten minuto minuti minuut",
}
"""Usual names of columns with a part of a time, simplified, by the part."""
ROLES = {name: role for role, names in ROLE_NAMES.items() for name in names.split()}
NUMBER_ROLES = {"month": "%m", "quarter": "%q", "week": "%V", "day": "%d"}
CLOCK_FORMS = {
    r"\d{1,2}:\d{2}": "%H:%M",
    r"\d{1,2}:\d{2}:\d{2}": "%H:%M:%S",
    r"\d{1,2}:\d{2} [AaPp][Mm]": "%I:%M %p",
    r"\d{1,2}:\d{2}[AaPp][Mm]": "%I:%M%p",
    r"\d{1,2} [AaPp][Mm]": "%I %p",
    r"\d{1,2}[AaPp][Mm]": "%I%p",
    r"\d{1,2}:\d{2}-\d{1,2}:\d{2}": "%H:%M-{end}",
    r"\d{1,2}:\d{2} - \d{1,2}:\d{2}": "%H:%M - {end}",
}
"""Forms of a time of day, by the pattern of its cells."""


def find_role(name: str) -> str | None:
    """Return the part of a time that a column holds by its name.

    >>> find_role("Année"), find_role("Month"), find_role("sales")
    ('year', 'month', None)
    """
    return ROLES.get(simplify_name(name))


def find_time_parts(
    table: RawTable, dates: Sequence[str], names: Sequence[str], keys: Sequence[str]
) -> tuple[str, ...] | None:
    """Return the columns of a time in several columns; None if no such times are certain.

    Args:
        table: the table as it was read.
        dates: columns that can be parsed by themselves.
        names: columns that may hold times.
        keys: columns that name the series.
    """
    by_role: dict[str, str] = {}
    for name in names:
        if (role := find_role(name)) is not None:
            by_role.setdefault(role, name)
    days = [name for name in dates if find_role(name) not in ("year", "month", "hour")]
    if days:
        hour = by_role.get("hour")
        if len(days) > 1 or hour is None or hour in days:
            return None
        parts = tuple(name for name in table.names if name in (days[0], hour))
        return parts if _has_hours(table, parts, days[0], hour, keys) else None
    step = next((role for role in ("month", "quarter", "week") if role in by_role), None)
    if "year" not in by_role or step is None:
        return None
    finer = (
        [role for role in ("day", "hour", "minute") if role in by_role] if step == "month" else []
    )
    for count in range(len(finer), -1, -1):
        chosen = {by_role[role] for role in ("year", step, *finer[:count])}
        parts = tuple(name for name in table.names if name in chosen)
        if _can_parse(table, parts):
            return parts
    return None


def _can_parse(table: RawTable, names: tuple[str, ...]) -> bool:
    """Return whether columns joined are times, but for a few mistyped rows."""
    form = detect_parts_form(table, names)
    if form is None:
        return False
    return bool(parse_form(table, names, form).isna().mean() < MAX_WRONG_SHARE)


def _has_hours(
    table: RawTable, names: tuple[str, ...], day: str, hour: str, keys: Sequence[str]
) -> bool:
    """Return whether a column has the hours of the days in another one.

    Days then repeat, each with other hours. A time of day is one in any case.
    """
    if not _can_parse(table, names):
        return False
    if hour.strip().lower() in TIME_NAMES and ":" in read_part(table, hour).iloc[0]:
        return True
    # In a long table whose columns are not known yet, texts may name the series.
    kinds = sort_columns(table, [name for name in table.names if name not in names])
    labels = [table.text_column(key) for key in keys or (*kinds.texts, *kinds.ids)]
    joined = pd.concat([read_part(table, day), read_part(table, hour), *labels], axis=1)
    joined.columns = list(range(joined.shape[1]))
    without_hour = joined.drop(columns=1)
    return bool(without_hour.duplicated().any() and not joined.duplicated().any())


def detect_form(
    table: RawTable, names: Sequence[str], given: str | None = None, like: str | None = None
) -> str | None:
    """Return the form of the times in one or several columns, see `detect_time_form`.

    Raises:
        InputError: no form, or more than one, is certain.
    """
    if len(names) == 1:
        return detect_time_form(table, names[0], given, like)
    if given is not None and given not in ORDER_FORMS:
        text, language = split_language(given)
        parts = PART_SEPARATOR.join(split_form(text, len(names)) or [text])
        return join_language(parts, language)
    if like is not None and split_form(like, len(names)) is not None:
        head = read_unconverted(table, names).head(SNIFF_ROWS)
        if not parse_cells(head, like).hasnans:
            return like
    form = detect_parts_form(table, names, given)
    if form is None:
        shown = " and ".join(repr(name) for name in names)
        cells = read_unconverted(table, names)
        raise InputError(
            f"{table.describe_position(0)}: the columns {shown} have {cells.iloc[0]!r}, which has "
            "no usual form. Give one form for each column, as in "
            f"{suggest_time_form(PART_SEPARATOR.join(['%Y', '%m', '%d'][: len(names)]))}."
        )
    return form


def detect_parts_form(
    table: RawTable, names: Sequence[str], order: str | None = None
) -> str | None:
    """Return the form of times in several columns; None if a column has no usual form.

    Args:
        table: the table as it was read.
        names: names of the columns.
        order: order of day and month in a column of dates; None: all rows decide.

    Raises:
        InputError: several forms fit all rows equally, or the form is not certain.
    """
    has_week = "week" in [find_role(name) for name in names]
    options = [_list_part_forms(table, name, order, has_week) for name in names]
    known = [form for forms in options for form in forms[:1]]
    options = [
        forms or _guess_number_part(read_part(table, name), known)
        for name, forms in zip(names, options, strict=True)
    ]
    joined = [_join_forms(parts) for parts in product(*options)]
    # Two columns of years are not the parts of one time.
    forms = [form for form in joined if has_distinct_directives(form)]
    return choose_form(table, names, forms, order, None) if forms else None


def has_distinct_directives(form: str) -> bool:
    """Return whether a form has each part of a time once.

    >>> has_distinct_directives("%Y | %m"), has_distinct_directives("%Y | %Y")
    (True, False)
    """
    directives = DIRECTIVE.findall(form)
    return len(directives) == len(set(directives))


def _join_forms(parts: Sequence[str]) -> str:
    """Return the forms of several columns as one, with the language at its end."""
    split = [split_language(part) for part in parts]
    language = max((language for _, language in split), key=lambda name: name != ENGLISH)
    return join_language(PART_SEPARATOR.join(part for part, _ in split), language)


def _list_part_forms(table: RawTable, name: str, order: str | None, has_week: bool) -> list[str]:
    """Return the forms that a column may have; none if its numbers may be of several kinds."""
    column, role = read_part(table, name), find_role(name)
    cells = [str(cell) for cell in pd.unique(column)[:MAX_CELLS] if cell]
    if not cells:
        return []
    if all(re.fullmatch(r"[12]\d{3}", cell) for cell in cells):
        return ["%G" if has_week else "%Y"]
    if role == "year":
        return ["%y"] if all(re.fullmatch(r"\d{2}", cell) for cell in cells) else []
    if all(simplify_name(cell) in MONTH_NUMBERS and not cell.isdigit() for cell in cells):
        return [refine_form("%B", cells)]
    for pattern, form in CLOCK_FORMS.items():
        if all(re.fullmatch(pattern, cell) for cell in cells):
            return [refine_form(form, cells)]
    if role in NUMBER_ROLES:
        return _list_number_forms(cells, NUMBER_ROLES[role])
    if role == "minute":
        has_zeros = all(len(cell) == 2 for cell in cells)
        return ["%M" if has_zeros else "%-M"] if all(map(str.isdigit, cells)) else []
    return _list_hour_forms(cells) if role == "hour" else _list_day_forms(cells, order)


def _list_number_forms(cells: Sequence[str], directive: str) -> list[str]:
    """Return the form of numbers that may have the same letters around them: Q1, M01, KW 5."""
    matches = [re.fullmatch(r"([^\W\d_]*[ .-]?)(\d{1,2})(\D?)", cell) for cell in cells]
    around = {(match[1], match[3]) for match in matches if match}
    if None in matches or len(around) != 1:
        return []
    before, after = around.pop()
    return [_choose_zeros(f"{before}{directive}{after}", cells)]


def _choose_zeros(form: str, cells: Sequence[str]) -> str:
    """Return the form of numbers with a leading zero if a cell has one."""
    has_zeros = any(re.search(r"(?<!\d)0\d", cell) for cell in cells)
    return form if has_zeros else re.sub("%([mdHV])", r"%-\1", form)


def _list_hour_forms(cells: Sequence[str]) -> list[str]:
    """Return the form of hours from 0 to 23, or from 1 to 24."""
    if not all(cell.isdigit() for cell in cells):
        return []
    hours = [int(cell) for cell in cells]
    if max(hours) == 24 and min(hours) >= 1:
        return [HOUR_OF_24]
    return [_choose_zeros("%H", cells)] if max(hours) <= 23 else []


def _list_day_forms(cells: Sequence[str], order: str | None) -> list[str]:
    """Return the forms of days with their month and year."""
    if all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell) for cell in cells):
        return ["%Y-%m-%d"]
    head = pd.Series(cells[:SNIFF_ROWS], dtype=object)
    forms = [form for form in rank_text_forms(head, order) if "%d" in form and "%H" not in form]
    return [refine_form(form, cells) for form in forms]


def _guess_number_part(column: pd.Series, forms: Sequence[str]) -> list[str]:
    """Return the form of numbers without a usual name, by the parts that the others leave."""
    cells = [str(cell) for cell in pd.unique(column)[:MAX_CELLS]]
    letters = {directive[-1] for form in forms for directive in DIRECTIVE.findall(form)}
    if not letters or not all(cell.isdigit() for cell in cells):
        return []
    if "d" in letters:
        return _list_hour_forms(cells)
    is_month = not letters & {"m", "b", "B", "q", "V"}
    limit, form = (12, "%m") if is_month else (31, "%d")
    return [_choose_zeros(form, cells)] if max(map(int, cells)) <= limit else []
