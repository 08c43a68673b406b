"""Parse a request body, CSV or JSON, into tables."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import BaseModel, ValidationError

from revin_forecast.data.reading.files.file_kinds import has_signature
from revin_forecast.data.reading.text.delimited import read_delimited
from revin_forecast.data.reading.text.table_top import SEPARATORS
from revin_forecast.data.table_format import UNKNOWN_FORMAT, TableFormat
from revin_forecast.errors import InputError
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.schemas import ForecastRequest, Rows, ZeroShotRequest

Body = TypeVar("Body", bound=BaseModel)
TABLE_FILE_NAME = "table.csv"
"""Name of the request's table in the messages of the table reader."""
CLI_ONLY_OPTIONS = re.compile(
    r"(?<![^\s(])--(aggregate|encoding|format|frequency|id|inputs|long-gaps|memory-map|missing|"
    r"outliers|resample|skip-rows|target|time|time-form|value)(?![\w-])"
)
"""Options of the command line that a request lacks: the model was fitted with them."""
MAX_COLUMNS = 10_000
"""Most columns of a table: 1 MiB could hold a hundred times as many, each of which costs time."""


@dataclass(frozen=True, eq=False)
class ParsedRequest:
    """A parsed request."""

    table: pd.DataFrame | Path | None
    """The rows; None: the request has none."""
    future: pd.DataFrame | None
    """Known inputs of the steps ahead."""
    level: tuple[float, ...]
    """Interval levels in percent."""
    horizon: int | None = None
    """Steps to forecast, for the pretrained model."""
    season: int | None = None
    """Steps of a season, for the pretrained model; None: found."""


def parse_request(request: WorkerRequest, folder: Path, like: TableFormat | None) -> ParsedRequest:
    """Parse a request.

    Args:
        request: the request as it arrived.
        folder: folder to write a CSV body into, for the table reader.
        like: format of the table that the model was fitted on; None: the pretrained model, which
            forecasts any table.

    Raises:
        InputError: the body is neither CSV nor JSON, or has other fields; the message is fit for
            the client.
    """
    if not request.content.strip():
        return ParsedRequest(None, None, request.level, request.horizon, request.season)
    if request.is_json:
        return _parse_zero_shot_json(request) if like is None else _parse_json(request)
    # The table reader unpacks compressed files. A small compressed body can expand to any size, so
    # the limit on the body would not limit the memory.
    if has_signature(request.content):
        found = "a spreadsheet" if request.content.startswith(b"PK") else "compressed or binary"
        raise InputError(f"the table is {found}; send plain CSV.")
    known = like or UNKNOWN_FORMAT
    if _may_have_many_columns(request.content, known):
        _check_column_count(_read_column_names(request.content, known))
    path = folder / TABLE_FILE_NAME
    path.write_bytes(request.content)
    return ParsedRequest(path, None, request.level, request.horizon, request.season)


def to_client_message(message: str) -> str:
    """Return an error message without file names and command-line options, for a client.

    Options that exist as query parameters are written as such; advice that needs other options is
    dropped.

    >>> to_client_message("table.csv, line 3: no value. Fill it in, or pass --missing observed.")
    'line 3: no value. Fill it in.'
    >>> to_client_message("'1,234' may be 1.234 or 1234. Say which: --decimal ',' or --decimal '.'")
    "'1,234' may be 1.234 or 1234. Say which: decimal=, or decimal=."
    """
    message = (
        " ".join(message.split())
        .replace(f"{TABLE_FILE_NAME}, ", "")
        .replace(TABLE_FILE_NAME, "the table")
    )
    message = re.sub(r"(?<!\S)--decimal '([,.])'", r"decimal=\1", message)
    message = re.sub(r"(?<!\S)--(decimal|horizon|level)(?![\w-])", r"\1", message)
    first, *others = re.split(r"(?<=[.?!]) (?=[A-Z])", message)
    # The first sentence states the problem and stays, even if it names an option.
    return " ".join(
        filter(None, [_drop_cli_only_advice(first) or first, *map(_drop_cli_only_advice, others)])
    )


def _drop_cli_only_advice(sentence: str) -> str:
    """Drop the alternatives of a sentence that need a missing option; the result may be empty."""
    alternatives = re.split(r"(?=, or |; )", sentence)
    usable = [text for text in alternatives if not CLI_ONLY_OPTIONS.search(text)]
    if usable == alternatives or not usable:
        return "".join(usable)
    text = "".join(usable).removeprefix(", or ").removeprefix("; ")
    text = text if usable[0] == alternatives[0] else text[0].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _may_have_many_columns(content: bytes, like: TableFormat) -> bool:
    """Return whether the header may have too many columns, by the separators of the whole table."""
    # Most tables are so small that the header needs no parsing, a tenth of a request's time.
    marks = {*SEPARATORS, like.separator or ","}
    return sum(content.count(mark.encode()) for mark in marks) >= MAX_COLUMNS


def _read_column_names(content: bytes, like: TableFormat) -> Sequence[str]:
    """Return the names of the columns; none if the table reader will report an error.

    The header is split as the table reader splits it, since it may span several lines or follow
    blank ones.
    """
    try:
        text = read_delimited(content, TABLE_FILE_NAME, UNKNOWN_FORMAT, like)
        return next(text.iter_records(), (1, []))[1]
    except InputError:
        return ()


def _check_column_count(columns: Collection[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise InputError(f"the table has more than {MAX_COLUMNS:,} columns; send fewer.")


def _parse_json(request: WorkerRequest) -> ParsedRequest:
    body = _validate_json(ForecastRequest, request.content, "data, level and future")
    return ParsedRequest(
        _to_frame(body.data), _to_frame(body.future), (*request.level, *body.level)
    )


def _parse_zero_shot_json(request: WorkerRequest) -> ParsedRequest:
    body = _validate_json(ZeroShotRequest, request.content, "data, horizon, season and level")
    return ParsedRequest(
        _to_frame(body.data),
        None,
        (*request.level, *body.level),
        _choose("horizon", request.horizon, body.horizon),
        _choose("season", request.season, body.season),
    )


def _validate_json(kind: type[Body], content: bytes, fields: str) -> Body:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        # The message repeats neither the input, which may be long, nor pydantic's links.
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"][:2]) or "the body"
        raise InputError(
            f"{field[:60]}: {first['msg']}. Send an object with {fields}; see /docs."
        ) from None


def _choose(name: str, in_query: int | None, in_body: int | None) -> int | None:
    """Return the value of a parameter that the query string or the body may hold.

    Raises:
        InputError: both hold one, and they differ.
    """
    if in_query is not None and in_body not in (None, in_query):
        raise InputError(
            f"{name} is {in_query} in the address but {in_body} in the body. Leave one of them out."
        )
    return in_body if in_query is None else in_query


def _to_frame(rows: Rows | None) -> pd.DataFrame | None:
    if rows is None:
        return None
    _check_column_count(
        set(rows) if isinstance(rows, dict) else {name for row in rows for name in row}
    )
    if isinstance(rows, dict) and len({len(column) for column in rows.values()}) > 1:
        raise InputError("the columns differ in length; send one value per row in each.")
    return pd.DataFrame(rows)
