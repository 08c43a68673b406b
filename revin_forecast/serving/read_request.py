"""Requests, read as they come and within their limits."""

import asyncio

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from revin_forecast.serving.errors import (
    BusyError,
    ModelChangedError,
    RequestTimeoutError,
    ServingError,
    ShuttingDownError,
    WorkerLostError,
)
from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.serving.pool import WorkerPool

CSV_TYPES = ("", "application/x-www-form-urlencoded", "application/octet-stream", "application/csv")
"""Taken for CSV beside text/*: what programs say that were told nothing."""
RETRY_AFTER = {"Retry-After": "5"}
EMPTY_BODY_MESSAGE = (
    "what was sent is empty. Send rows with their names above, or the JSON {} for a forecast after "
    "the rows that the model was fitted on."
)
"""An export that failed must not look as if it had been used."""
MAX_LENGTH_DIGITS = 20
"""Of a length; a longer one is none."""
BUG_MESSAGE = "this is a bug; the server's log holds more."
WORKER_LOST_MESSAGE = (
    "the process that worked on it ended (was it out of memory?); send less. The server's log "
    "holds more."
)


async def forecast_over_http(
    pool: WorkerPool, request: Request, level: list[float], decimal: str | None, with_charts: bool
) -> WorkerResponse:
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
        with pool.admit(_declared_bytes(request, pool)):
            content = await _read_content(request, pool)
            if kind and not is_json and not content.strip():
                raise HTTPException(422, EMPTY_BODY_MESSAGE)
            answer = await pool.handle(
                WorkerRequest(content, is_json, tuple(level), decimal), with_charts
            )
    except ServingError as error:
        raise _to_http_error(error, pool.limits.seconds) from None
    if answer.error:
        raise HTTPException(422, answer.error)
    return answer


def _to_http_error(error: ServingError, seconds: float) -> HTTPException:
    """Return what is said to who asked."""
    match error:
        case BusyError():
            return HTTPException(503, "all workers are busy; come again in a moment.", RETRY_AFTER)
        case ShuttingDownError():
            return HTTPException(503, "the service is ending.", RETRY_AFTER)
        case RequestTimeoutError():
            detail = f"it took longer than {seconds:g} seconds and was stopped; send less."
            return HTTPException(504, detail)
        case ModelChangedError():
            detail = "the model is not the one that the service started with; start it again."
            return HTTPException(503, detail)
        case WorkerLostError():
            return HTTPException(500, WORKER_LOST_MESSAGE)
        case _:
            return HTTPException(500, BUG_MESSAGE)


def _declared_bytes(request: Request, pool: WorkerPool) -> int:
    """Return how many bytes a request says it has; one that does not say may have the most."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and len(told) < MAX_LENGTH_DIGITS:
        return int(told)
    return pool.limits.max_bytes if told or "transfer-encoding" in request.headers else 0


async def _read_content(request: Request, pool: WorkerPool) -> bytes:
    """Read what is sent, as far as it may go."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(pool.limits.seconds):
            async for part in request.stream():
                size += len(part)
                if size > pool.limits.max_bytes:
                    raise HTTPException(
                        413, f"at most {pool.limits.mebibytes:g} MiB can be sent at once."
                    )
                parts.append(part)
    except TimeoutError:
        raise HTTPException(408, "it took too long to be sent.") from None
    except ClientDisconnect:
        raise HTTPException(400, "who asked has left.") from None
    return b"".join(parts)
