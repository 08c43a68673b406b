"""Requests, read as they come and within their limits."""

import asyncio

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from revin_forecast.serving.messages import Answer, Asked
from revin_forecast.serving.pool import BusyError, EndingError, Pool
from revin_forecast.serving.worker import BrokenWorkerError, ChangedModelError, TooLongError

CSV_TYPES = ("", "application/x-www-form-urlencoded", "application/octet-stream", "application/csv")
"""Taken for CSV beside text/*: what programs say that were told nothing."""
LATER = {"Retry-After": "5"}
EMPTY = (
    "what was sent is empty. Send rows with their names above, or the JSON {} for a forecast after "
    "the rows that the model was fitted on."
)
"""An export that failed must not look as if it had been used."""
BUG = "this is a bug; the server's log holds more."


async def answered(
    pool: Pool, request: Request, level: list[float], decimal: str | None, drawn: bool
) -> Answer:
    """Read a request within its limits, and have it done.

    Raises:
        HTTPException: why there is no answer.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json"
    if not is_json and kind not in CSV_TYPES and not kind.startswith("text/"):
        raise HTTPException(
            415,
            f"{kind} is neither text/csv nor application/json; send the file itself "
            "(curl --data-binary @file.csv).",
        )
    try:
        with pool.admitting():
            content = await _content(request, pool)
            if kind and not is_json and not content.strip():
                raise HTTPException(422, EMPTY)
            answer = await pool.ask(Asked(content, is_json, tuple(level), decimal), drawn)
    except BusyError:
        detail = "all workers are busy; come again in a moment."
        raise HTTPException(503, detail, LATER) from None
    except TooLongError:
        detail = f"it took longer than {pool.limits.seconds:g} seconds and was stopped; send less."
        raise HTTPException(504, detail) from None
    except EndingError:
        raise HTTPException(503, "the service is ending.", LATER) from None
    except ChangedModelError:
        detail = "the model is not the one that the service started with; start it again."
        raise HTTPException(503, detail) from None
    except BrokenWorkerError:
        raise HTTPException(500, BUG) from None
    if answer.problem:
        raise HTTPException(422, answer.problem)
    return answer


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
