"""`check_fields`: rejection of fields that the format of a table can't have."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from revin_forecast.data.reading.reading_options import Aggregate
from revin_forecast.data.reading.rows.frequency import parse_frequency
from revin_forecast.data.time_forms import PART_SEPARATOR, is_time_form, list_time_forms, split_form
from revin_forecast.errors import InputError, join_words

CHARACTERS = {"tab": "\t", "\\t": "\t", "space": " "}
"""Names by which a file may give a separator that can't be seen."""
TEXT_FIELDS = ("time_form", "zone", "value", "frequency", "encoding", "separator")
"""Fields of a format that are text."""
AGGREGATES = get_args(Aggregate)


class FieldError(InputError):
    """A field of a format that has a value it can't have."""

    def __init__(self, name: str, got: object, wanted: str):
        super().__init__(
            f"the field {name} of a table format is {got!r:.60}, wanted {wanted}. Correct it (in "
            "quotes, if it is text that YAML reads otherwise), or leave it out."
        )
        self.name, self.got, self.wanted = name, got, wanted

    def __reduce__(self) -> tuple[type, tuple[str, object, str]]:
        return type(self), (self.name, self.got, self.wanted)

    def describe_option(self) -> str:
        """Return the message for a field that was given as an option."""
        got = list(self.got) if isinstance(self.got, tuple) else self.got
        option = f"--{self.name.replace('_', '-')}"
        return f"{option} is {got!r:.60}, wanted {self.wanted}. Correct it, or leave it out."


def check_fields(values: Mapping[str, Any]) -> None:
    """Reject values that a field can't have, and fields that contradict each other.

    Args:
        values: the value of each field of a `TableFormat`.

    Raises:
        InputError: a value or a combination of values can't be used.
    """
    for name in TEXT_FIELDS:
        _check(isinstance(values[name], str | None), name, values[name], "text")
    _check(_is_id(values["id"]), "id", values["id"], "text, or a list of different texts")
    separator, header, layout = values["separator"], values["header"], values["layout"]
    is_character = len(CHARACTERS.get(separator or "", separator) or "-") == 1
    _check(is_character, "separator", separator, "one character")
    is_line = isinstance(header, int) and not isinstance(header, bool) and header >= 1
    _check(header is None or is_line, "header", header, "a line number from 1 up")
    _check(layout in (None, "wide", "long"), "layout", layout, "wide or long")
    decimal = values["decimal"]
    marks = decimal.values() if isinstance(decimal, Mapping) else [decimal]
    _check(all(mark in (None, ",", ".") for mark in marks), "decimal", decimal, '"," or "."')
    _check_time(values["time"], values["time_form"])
    if values["encoding"] is not None:
        _check_encoding(values["encoding"])
    if values["frequency"] is not None:
        parse_frequency(values["frequency"])
    _check_steps(values["resample"], values["aggregate"])
    if layout == "wide" and (values["id"] or values["value"]):
        raise InputError(
            f"the format says layout: wide, but also id: {values['id']} and value: "
            f"{values['value']}, which only a long table has. Leave them out, or write "
            "layout: long."
        )


def _check(is_right: bool, name: str, got: object, wanted: str) -> None:
    if not is_right:
        raise FieldError(name, got, wanted)


def _is_id(value: object) -> bool:
    if isinstance(value, str | None):
        return True
    if not isinstance(value, list | tuple) or not value:
        return False
    names = cast(Sequence[object], value)
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _check_steps(resample: object, aggregate: object) -> None:
    _check(resample is None or isinstance(resample, str), "resample", resample, "text")
    known = join_words(AGGREGATES, "or")
    _check(aggregate is None or aggregate in AGGREGATES, "aggregate", aggregate, known)
    if isinstance(resample, str):
        parse_frequency(resample, "--resample")


def _check_time(time: object, form: str | None) -> None:
    """Reject names and forms of time columns that can't be used, or that differ in number."""
    _check(isinstance(time, str | list | tuple | None), "time", time, "text")
    names = list(time) if isinstance(time, list | tuple) else []
    are_names = isinstance(time, str | None) or len(names) > 0
    are_names = are_names and all(isinstance(name, str) for name in names)
    are_names = are_names and len(set(names)) == len(names)
    _check(are_names, "time", time, "the name of a column, or a list of different names")
    _check(
        form is None or is_time_form(form),
        "time_form",
        form,
        f"one of {', '.join(list_time_forms())}, or a format such as %d.%m.%Y",
    )
    if form is not None and len(names) > 1 and split_form(form, len(names)) is None:
        raise InputError(
            f"time_form {form!r} is not one form for each of the {len(names)} time columns. "
            f"Separate the forms by a bar, like '%Y{PART_SEPARATOR}%m'."
        )


def _check_encoding(encoding: str) -> None:
    try:
        b"a".decode(encoding, "ignore")  # an empty text would not be looked up
    except LookupError:
        _check(False, "encoding", encoding, "a name that Python knows, such as utf-8 or cp1252")
