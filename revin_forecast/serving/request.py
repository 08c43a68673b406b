"""A request in CSV or JSON, read as tables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from revin_forecast.data.delimited import read_delimited
from revin_forecast.errors import InputError
from revin_forecast.serving.messages import WorkerRequest
from revin_forecast.serving.schema import ForecastRequest, Rows
from revin_forecast.serving.wording import TABLE_FILE_NAME

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
        asked: as it came.
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
    return ParsedRequest(_to_frame(body.data), _to_frame(body.future), (*request.level, *body.level))


def _to_frame(rows: Rows | None) -> pd.DataFrame | None:
    if rows is None:
        return None
    _check_column_count(set(rows) if isinstance(rows, dict) else {name for row in rows for name in row})
    if isinstance(rows, dict) and len({len(column) for column in rows.values()}) > 1:
        raise InputError("the columns differ in length; send one value a row in each.")
    return pd.DataFrame(rows)
