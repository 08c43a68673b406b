"""A request in CSV or JSON, read as tables."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from revin_forecast.data.reading.delimited import read_delimited
from revin_forecast.errors import InputError
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.schemas import ForecastRequest, Rows

TABLE_FILE_NAME = "table.csv"
"""What the reader calls what was sent."""
CLI_ONLY_OPTIONS = re.compile(
    r"(?<![^\s(])--(frequency|id|inputs|memory-map|missing|target|time|value)(?![\w-])"
)
"""Options that a request does not have: they are those that the model was fitted with."""


def to_client_message(message: str) -> str:
    """Leave out files and options that who asked does not have; name the others as in an address.

    >>> worded("table.csv, line 3: there is no value. Fill it in, or pass --missing observed.")
    'line 3: there is no value. Fill it in.'
    >>> worded("'1,234' may be 1.234 or 1234. Say which with --decimal , or --decimal .")
    "'1,234' may be 1.234 or 1234. Say which with decimal=, or decimal=."
    """
    message = (
        " ".join(message.split())
        .replace(f"{TABLE_FILE_NAME}, ", "")
        .replace(TABLE_FILE_NAME, "the table")
    )
    message = re.sub(r"(?<!\S)--decimal ([,.])", r"decimal=\1", message)
    message = re.sub(r"(?<!\S)--(decimal|level)(?![\w-])", r"\1", message)
    first, *others = re.split(r"(?<=[.?!]) (?=[A-Z])", message)
    return " ".join(
        filter(None, [_drop_cli_only_advice(first) or first, *map(_drop_cli_only_advice, others)])
    )


def _drop_cli_only_advice(sentence: str) -> str:
    """Return the ways out of a sentence that take no absent option; empty: there is none."""
    ways = re.split(r"(?=, or |; )", sentence)
    kept = [way for way in ways if not CLI_ONLY_OPTIONS.search(way)]
    if kept == ways or not kept:
        return "".join(kept)
    text = "".join(kept).removeprefix(", or ").removeprefix("; ")
    text = text if kept[0] == ways[0] else text[0].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


MAX_COLUMNS = 10_000
"""Of a table; a megabyte may hold a hundred times as many, and each takes its time."""


@dataclass(frozen=True, eq=False)
class ParsedRequest:
    """A request, read."""

    table: pd.DataFrame | Path | None
    future: pd.DataFrame | None
    level: tuple[float, ...]


def parse_request(request: WorkerRequest, folder: Path) -> ParsedRequest:
    """Read a request.

    Args:
        request: as it came.
        folder: CSV is written there, for the reader of tables.

    Raises:
        InputError: it is neither, or holds something else; the message can be shown.
    """
    if not request.content.strip():
        return ParsedRequest(None, None, request.level)
    if request.is_json:
        return _parse_json(request)
    if request.content.startswith((b"\x1f\x8b", b"PAR1")):
        raise InputError("the table is packed; send CSV as it is.")
    _check_column_count(_column_names(request.content))
    (folder / TABLE_FILE_NAME).write_bytes(request.content)
    return ParsedRequest(folder / TABLE_FILE_NAME, None, request.level)


def _column_names(content: bytes) -> Sequence[str]:
    """Return the names of the columns; none where the reader of tables will say what it lacks.

    They are parted as the reader does, for they may stand on many lines, or below blank ones.
    """
    try:
        return next(read_delimited(content, TABLE_FILE_NAME).iter_records(), (1, []))[1]
    except InputError:
        return ()


def _check_column_count(columns: Collection[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise InputError(f"the table has more than {MAX_COLUMNS:,} columns; send fewer.")


def _parse_json(request: WorkerRequest) -> ParsedRequest:
    try:
        body = ForecastRequest.model_validate_json(request.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2]) or "the body"
        raise InputError(
            f"{where[:60]}: {first['msg']}. Send an object with data, level and future; see /docs."
        ) from None
    return ParsedRequest(
        _to_frame(body.data), _to_frame(body.future), (*request.level, *body.level)
    )


def _to_frame(rows: Rows | None) -> pd.DataFrame | None:
    if rows is None:
        return None
    _check_column_count(
        set(rows) if isinstance(rows, dict) else {name for row in rows for name in row}
    )
    if isinstance(rows, dict) and len({len(column) for column in rows.values()}) > 1:
        raise InputError("the columns differ in length; send one value a row in each.")
    return pd.DataFrame(rows)
