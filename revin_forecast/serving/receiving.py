"""Requests, read as they come and within their limits."""

import asyncio

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from revin_forecast.serving.failures import (
    BusyError,
    ChangedModelError,
    EndingError,
    FailedError,
    LostError,
    TooLongError,
)
from revin_forecast.serving.messages import Answer, Asked
from revin_forecast.serving.pool import Pool

CSV_TYPES = ("", "application/x-www-form-urlencoded", "application/octet-stream", "application/csv")
"""Taken for CSV beside text/*: what programs say that were told nothing."""
LATER = {"Retry-After": "5"}
EMPTY = (
    "what was sent is empty. Send rows with their names above, or the JSON {} for a forecast after "
    "the rows that the model was fitted on."
)
"""An export that failed must not look as if it had been used."""
DIGITS = 20
"""Of a length; a longer one is none."""
BUG = "this is a bug; the server's log holds more."
LOST = (
    "the process that worked on it ended (was it out of memory?); send less. The server's log "
    "holds more."
)


async def answered(
    pool: Pool, request: Request, level: list[float], decimal: str | None, drawn: bool
) -> Answer:
    """Read a request within its limits, and have it done.

    Raises:
        HTTPException: why there is no answer.
    """
    unknown = sorted(set(request.query_params) - {"level", "decimal"})
    if unknown:
        told = " and ".join(unknown)[:60]
        raise HTTPException(422, f"there is no {told} in an address; it takes level and decimal.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json"
    if not is_json and kind not in CSV_TYPES and not kind.startswith("text/"):
        raise HTTPException(
            415,
            f"{kind} is neither text/csv nor application/json; send the file itself "
            "(curl --data-binary @file.csv).",
        )
    try:
        with pool.admitting(_size(request, pool)):
            content = await _content(request, pool)
            if kind and not is_json and not content.strip():
                raise HTTPException(422, EMPTY)
            answer = await pool.ask(Asked(content, is_json, tuple(level), decimal), drawn)
    except FailedError as error:
        raise _refusal(error, pool.limits.seconds) from None
    if answer.problem:
        raise HTTPException(422, answer.problem)
    return answer


def _refusal(error: FailedError, seconds: float) -> HTTPException:
    """Return what is said to who asked."""
    match error:
        case BusyError():
            return HTTPException(503, "all workers are busy; come again in a moment.", LATER)
        case EndingError():
            return HTTPException(503, "the service is ending.", LATER)
        case TooLongError():
            detail = f"it took longer than {seconds:g} seconds and was stopped; send less."
            return HTTPException(504, detail)
        case ChangedModelError():
            detail = "the model is not the one that the service started with; start it again."
            return HTTPException(503, detail)
        case LostError():
            return HTTPException(500, LOST)
        case _:
            return HTTPException(500, BUG)


def _size(request: Request, pool: Pool) -> int:
    """Return how many bytes a request says it has; one that does not say may have the most."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and len(told) < DIGITS:
        return int(told)
    return pool.limits.size if told or "transfer-encoding" in request.headers else 0


async def _content(request: Request, pool: Pool) -> bytes:
    """Read what is sent, as far as it may go."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(pool.limits.seconds):
            async for part in request.stream():
                size += len(part)
                if size > pool.limits.size:
                    raise HTTPException(
                        413, f"at most {pool.limits.mebibytes:g} MiB can be sent at once."
                    )
                parts.append(part)
    except TimeoutError:
        raise HTTPException(408, "it took too long to be sent.") from None
    except ClientDisconnect:
        raise HTTPException(400, "who asked has left.") from None
    return b"".join(parts)
