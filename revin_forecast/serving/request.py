"""A request in CSV or JSON, read as tables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from revin_forecast.data.delimited import delimited
from revin_forecast.errors import InputError
from revin_forecast.serving.messages import Asked
from revin_forecast.serving.schema import Body, Rows
from revin_forecast.serving.wording import TABLE

MOST_COLUMNS = 10_000
"""Of a table; a megabyte may hold a hundred times as many, and each takes its time."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """A request, read."""

    table: pd.DataFrame | Path | None
    future: pd.DataFrame | None
    level: tuple[float, ...]


def wanted(asked: Asked, folder: Path) -> Wanted:
    """Read a request.

    Args:
        asked: as it came.
        folder: CSV is written there, for the reader of tables.

    Raises:
        InputError: it is neither, or holds something else; the message can be shown.
    """
    if not asked.content.strip():
        return Wanted(None, None, asked.level)
    if asked.is_json:
        return _from_json(asked)
    if asked.content.startswith((b"\x1f\x8b", b"PAR1")):
        raise InputError("the table is packed; send CSV as it is.")
    _check_width(_header(asked.content))
    (folder / TABLE).write_bytes(asked.content)
    return Wanted(folder / TABLE, None, asked.level)


def _header(content: bytes) -> Sequence[str]:
    """Return the names of the columns; none where the reader of tables will say what it lacks.

    They are parted as the reader does, for they may stand on many lines, or below blank ones.
    """
    try:
        return next(delimited(content, TABLE).records(), (1, []))[1]
    except InputError:
        return ()


def _check_width(columns: Collection[str]) -> None:
    if len(columns) > MOST_COLUMNS:
        raise InputError(f"the table has more than {MOST_COLUMNS:,} columns; send fewer.")


def _from_json(asked: Asked) -> Wanted:
    try:
        body = Body.model_validate_json(asked.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2]) or "the body"
        raise InputError(
            f"{where[:60]}: {first['msg']}. Send an object with data, level and future; see /docs."
        ) from None
    return Wanted(_frame(body.data), _frame(body.future), (*asked.level, *body.level))


def _frame(rows: Rows | None) -> pd.DataFrame | None:
    if rows is None:
        return None
    _check_width(set(rows) if isinstance(rows, dict) else {name for row in rows for name in row})
    if isinstance(rows, dict) and len({len(column) for column in rows.values()}) > 1:
        raise InputError("the columns differ in length; send one value a row in each.")
    return pd.DataFrame(rows)
