"""Reading of JSON lines, and of a JSON array of records."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd

from revin_forecast.data.reading.files.file_table import FileTable
from revin_forecast.data.reading.files.source import FileContent
from revin_forecast.errors import InputError

REMEDY = (
    'Write one object a line, such as {"date": "2024-12-31", "sales": 5}; in pandas: '
    "frame.to_json(path, orient='records', lines=True, date_format='iso')."
)


def read_json(content: FileContent) -> FileTable:
    """Read objects of one level, one a line or in an array; absent keys are empty cells.

    Raises:
        InputError: the content is not JSON of that form.
    """
    data = content.data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{content.name}, line {line} is not UTF-8 text, as JSON must be. Save it as UTF-8."
        ) from error
    is_array = text.lstrip().startswith("[")
    word = "record" if is_array else "line"
    pairs = _iter_array(text, content.name) if is_array else _iter_lines(text, content.name)
    numbers: list[int] = []
    columns: dict[str, list[Any]] = {}
    for number, record in pairs:
        _check_record(record, f"{content.name}, {word} {number}")
        for name, cell in record.items():
            if name not in columns:
                columns[name] = [None] * len(numbers)
            columns[name].append(cell)
        numbers.append(number)
        if len(record) < len(columns):
            for cells in columns.values():
                if len(cells) < len(numbers):
                    cells.append(None)
    return FileTable(pd.DataFrame(columns), content.name, numbers, word)


def _iter_lines(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line that is not blank, and its value."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line, object_pairs_hook=_to_record)
        except (ValueError, RecursionError) as error:
            if isinstance(error, InputError):
                raise InputError(f"{name}, line {number}: {error}") from None
            reason = getattr(error, "msg", "too deep")
            raise InputError(
                f"{name}, line {number} is not a JSON object on one line ({reason}). {REMEDY}"
            ) from error


def _iter_array(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Yield the number of each record of an array, from 1, and its value."""
    try:
        records = json.loads(text, object_pairs_hook=_to_record)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        reason = getattr(error, "msg", "too deep")
        raise InputError(f"{name}, line {line} is not JSON ({reason}). Save it again.") from error
    yield from enumerate(records, start=1)


def _to_record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the key {repeated!r} occurs twice in an object. Rename or remove one.")
    return record


def _check_record(record: Any, position: str) -> None:
    """Reject a value that is not an object, or has another object or an array as a value."""
    if not isinstance(record, dict):
        raise InputError(f"{position} is {_describe(record)}, not an object. {REMEDY}")
    for key, cell in record.items():
        if isinstance(cell, dict | list):
            remedy = "Give each of its values a key of its own."
            if isinstance(cell, list):
                remedy = REMEDY
            raise InputError(
                f"{position}: {key!r} is {_describe(cell)}, but a table needs one value in each "
                f"cell. {remedy}"
            )


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else repr(value)[:40]
