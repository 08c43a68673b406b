"""Names of the forms in which a table writes its times; see `TableFormat.time_form`."""

import re
from collections.abc import Sequence
from typing import Literal

from revin_forecast.data.month_names import ENGLISH, LANGUAGES

ISO_FORM = "ISO 8601"
QUARTER_FORM = "quarters"
ORDER_FORMS = ("day first", "month first")
UNIT_FORMS: dict[str, Literal["s", "ms", "us", "ns", "D"]] = {
    "seconds since 1970": "s",
    "milliseconds since 1970": "ms",
    "microseconds since 1970": "us",
    "nanoseconds since 1970": "ns",
    "days since 1899-12-30": "D",
}
"""Forms of times that are counts, to the name of the unit."""
ISO_EXAMPLE = (
    r"ISO 8601 like \d{4}-\d{2}(-\d{2}([T ]\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?"
    r"(Z| ?[+-]\d{2}(:?\d{2})?)?)?)?"
)
"""Pattern of ISO 8601 with an example, whose parts are those that are written."""
PART_SEPARATOR = " | "
"""Text between the forms of several time columns."""
HOUR_OF_24 = "{1-24}"
"""Directive of a form: the hour of the day from 1 to 24, named by its end."""
END_OF_STEP = "{end}"
"""Directive of a form: the end of the step, as hours and minutes (00:00-01:00)."""
DIRECTIVE = re.compile(r"%-?[A-Za-z%]|\{1-24\}|\{end\}")
"""Pattern of a directive; `%-d` is a day without a leading zero, `%q` a quarter."""
KNOWN_DIRECTIVES = "YymdHMSfIpjbBaAqGVuzZ%"


def is_iso_form(form: str | None) -> bool:
    """Return whether a form is ISO 8601, with or without an example."""
    return form is not None and (form == ISO_FORM or re.fullmatch(ISO_EXAMPLE, form) is not None)


def split_language(form: str) -> tuple[str, str]:
    """Return a form without its language, and the name of the language.

    >>> split_language("%d. %B %Y (German)")
    ('%d. %B %Y', 'German')
    """
    for name in LANGUAGES:
        if form.endswith(f" ({name})"):
            return form.removesuffix(f" ({name})"), name
    return form, ENGLISH


def join_language(form: str, language: str) -> str:
    """Return a form with a language, which English does not need."""
    return form if language == ENGLISH else f"{form} ({language})"


def split_form(form: str, count: int) -> list[str] | None:
    """Return the forms of several time columns; None if there is not one for each.

    >>> split_form("%Y | %m", 2)
    ['%Y', '%m']
    """
    for separator in (PART_SEPARATOR, " "):
        parts = form.split(separator)
        if len(parts) == count:
            return parts
    return None


def is_time_form(form: str) -> bool:
    """Return whether a text is a form that can be read."""
    if form in (QUARTER_FORM, *ORDER_FORMS, *UNIT_FORMS) or is_iso_form(form):
        return True
    directives = DIRECTIVE.findall(form)
    return bool(directives) and all(
        directive[-1] in KNOWN_DIRECTIVES or directive[0] == "{" for directive in directives
    )


def list_time_forms() -> Sequence[str]:
    """Return the forms that have a name."""
    return (ISO_FORM, QUARTER_FORM, *ORDER_FORMS, *UNIT_FORMS)


def suggest_time_form(*forms: str) -> str:
    """Return the remedy by the option --time-form with one of these values.

    >>> suggest_time_form("%d.%m.%y", "%m.%d.%y")
    "--time-form '%d.%m.%y' or --time-form '%m.%d.%y'"
    """
    return " or ".join(f"--time-form '{form}'" for form in forms)
