"""Read a request from the network within its limits and have it processed."""

import asyncio

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from revin_forecast.serving.api import ServiceApi
from revin_forecast.serving.messages import Form, WorkerRequest, WorkerResponse
from revin_forecast.serving.pool import WorkerPool
from revin_forecast.serving.schemas import RequestParameters

CSV_TYPES = ("", "application/x-www-form-urlencoded", "application/octet-stream", "application/csv")
"""Content types read as CSV, in addition to text/*: the defaults of HTTP clients, such as curl."""
MAX_LENGTH_DIGITS = 20
"""Most digits of a Content-Length; a longer one is ignored."""


async def forecast_over_http(
    pool: WorkerPool,
    api: ServiceApi,
    request: Request,
    parameters: RequestParameters,
    forms: tuple[Form, ...],
) -> WorkerResponse:
    """Read a request within its limits and process it.

    Args:
        pool: the workers, with the limits of a request.
        api: the API of the service.
        request: the request, whose body is not read yet.
        parameters: the query parameters.
        forms: forms of the forecast that the response needs.

    Raises:
        HTTPException: the request can't be used.
        ServingError: the request can't be processed.
    """
    # FastAPI ignores unknown parameters; a misspelled `levels` would give no intervals.
    unknown = sorted(set(request.query_params) - set(api.parameter_names))
    if unknown:
        names, known = " and ".join(unknown)[:60], " and ".join(api.parameter_names)
        raise HTTPException(422, f"unknown query parameter: {names}. The parameters are {known}.")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = content_type == "application/json"
    if not is_json and content_type not in CSV_TYPES and not content_type.startswith("text/"):
        raise HTTPException(
            415,
            f"{content_type} is neither text/csv nor application/json; send the file itself "
            "(curl --data-binary @file.csv).",
        )
    with pool.admit(_read_declared_size(request, pool)):
        content = await _read_body(request, pool)
        if content_type and not is_json and not content.strip():
            raise HTTPException(422, api.empty_body_message)
        response = await pool.handle(WorkerRequest(content, is_json, *parameters, forms=forms))
    if response.error:
        raise HTTPException(422, response.error)
    return response


def _read_declared_size(request: Request, pool: WorkerPool) -> int:
    """Return the declared size of the body in bytes; the largest size if it is not declared."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < MAX_LENGTH_DIGITS:
        return int(length)
    return pool.limits.max_bytes if length or "transfer-encoding" in request.headers else 0


async def _read_body(request: Request, pool: WorkerPool) -> bytes:
    """Read the body up to the limits of size and time."""
    # Counted while it arrives: the declared size may be missing or wrong.
    parts, size = [], 0
    try:
        async with asyncio.timeout(pool.limits.seconds):
            async for part in request.stream():
                size += len(part)
                if size > pool.limits.max_bytes:
                    raise HTTPException(
                        413, f"the request body is limited to {pool.limits.mebibytes:g} MiB."
                    )
                parts.append(part)
    except TimeoutError:
        raise HTTPException(408, "the request took too long to arrive.") from None
    except ClientDisconnect:
        raise HTTPException(400, "the client disconnected.") from None
    return b"".join(parts)
