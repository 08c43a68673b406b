"""The service: its addresses, and what each answers."""

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from revin_forecast import __version__
from revin_forecast.serving.docs_page import docs_page
from revin_forecast.serving.guards import Guard
from revin_forecast.serving.messages import Answer, Asked
from revin_forecast.serving.pool import BusyError, Pool
from revin_forecast.serving.schema import MOST_LEVELS, PERCENT, Body
from revin_forecast.serving.worker import BrokenWorkerError, TooLongError

HERE = Path(__file__).parent
CHARTS = HERE.parent / "report" / "forecast"
CSV_TYPES = ("", "application/x-www-form-urlencoded", "application/octet-stream", "application/csv")
"""Taken for CSV beside text/*: what programs say that were told nothing."""

BUG = "this is a bug; the server's log holds more."


class Problem(BaseModel):
    """What every answer but a good one holds."""

    detail: str


class Forecast(BaseModel):
    """A forecast as JSON."""

    columns: list[str]
    forecast: list[dict[str, Any]]


class Chart(BaseModel):
    """A forecast as the page shows it."""

    csv: str
    columns: list[str]
    forecast: list[dict[str, Any]]
    names: list[str]
    figures: dict[str, Any]


PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The Host header names another machine."},
    401: {"model": Problem, "description": "The token is absent or another."},
    403: {"model": Problem, "description": "A page of another site asks."},
    408: {"model": Problem, "description": "It took too long to be sent."},
    413: {"model": Problem, "description": "It is too large."},
    415: {"model": Problem, "description": "Neither CSV nor JSON."},
    422: {"model": Problem, "description": "It can't be used; the text says why."},
    500: {"model": Problem, "description": "A bug; the server's log holds it."},
    503: {"model": Problem, "description": "All workers are busy; Retry-After says when to come."},
    504: {"model": Problem, "description": "It took too long to be done, and was stopped."},
}
BODY = {
    "requestBody": {
        "description": "Newer rows as CSV or JSON; nothing: after the rows fitted on.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": Body.model_json_schema()},
        },
    }
}
Level = Annotated[
    list[float],
    Query(
        default_factory=list,
        description="Percent of an interval; of CSV requests.",
        max_length=MOST_LEVELS,
        json_schema_extra=PERCENT,
    ),
]
Decimal = Annotated[
    Literal[".", ","] | None, Query(description="The mark before decimals; told if not given.")
]


def build(
    pool: Pool,
    model: Mapping[str, Any],
    local: bool = True,
    token: str = "",
    closing: bool = False,
) -> FastAPI:
    """Return the service.

    Args:
        pool: of workers that have loaded the model.
        model: what the model is.
        local: take requests only that name this machine.
        token: what requests must bear; empty: nothing.
        closing: end the pool with the service, so that no request keeps it from ending.
    """
    app = FastAPI(
        title="revin_forecast",
        version=__version__,
        description="Forecasts of one saved model. Errors hold one text, detail.",
        lifespan=pool.closing if closing else None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Guard, local=local, token=token)
    app.add_exception_handler(RequestValidationError, _misused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)
    _add_pages(app)

    @app.get("/health", summary="Whether the service is there")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/model", summary="What the model is", responses={401: PROBLEMS[401]})
    async def about() -> dict[str, Any]:
        return {**model, "limits": vars(pool.limits)}

    @app.post(
        "/forecast",
        summary="Forecast after newer rows",
        description="The answer is JSON, or CSV where Accept says text/csv.",
        response_model=Forecast,
        responses={**PROBLEMS, 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
        openapi_extra=BODY,
    )
    async def forecast(
        request: Request,
        level: Level,
        decimal: Decimal = None,
    ) -> Response:
        answer = await _answer(pool, request, level, decimal, drawn=False)
        if "text/csv" in request.headers.get("accept", ""):
            return PlainTextResponse(answer.csv, media_type="text/csv")
        return JSONResponse({"columns": answer.columns, "forecast": answer.rows})

    @app.post(
        "/chart",
        summary="The same with charts, for the page",
        response_model=Chart,
        responses={**PROBLEMS},
        openapi_extra=BODY,
    )
    async def chart(
        request: Request,
        level: Level,
        decimal: Decimal = None,
    ) -> Response:
        answer = await _answer(pool, request, level, decimal, drawn=True)
        return Response(_chart_json(answer), media_type="application/json")

    return app


async def _answer(
    pool: Pool, request: Request, level: list[float], decimal: str | None, drawn: bool
) -> Answer:
    """Read a request within its limits, and have it done.

    Raises:
        HTTPException: why there is no answer.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json"
    if not is_json and kind not in CSV_TYPES and not kind.startswith("text/"):
        raise HTTPException(415, f"{kind} is neither text/csv nor application/json.")
    try:
        with pool.admitting():
            content = await _content(request, pool)
            answer = await pool.ask(Asked(content, is_json, tuple(level), decimal), drawn)
    except BusyError:
        detail = "all workers are busy; come again in a moment."
        raise HTTPException(503, detail, {"Retry-After": "5"}) from None
    except TooLongError:
        detail = f"it took longer than {pool.limits.seconds:g} seconds and was stopped; send less."
        raise HTTPException(504, detail) from None
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


def _chart_json(answer: Answer) -> bytes:
    """Return an answer with its charts, which are JSON already."""
    plain = {"csv": answer.csv, "columns": answer.columns, "forecast": answer.rows}
    whole = JSONResponse(plain).body[:-1]
    names = JSONResponse(list(answer.figures)).body
    figures = ",".join(
        f"{bytes(JSONResponse(name).body).decode()}:{figure}"
        for name, figure in answer.figures.items()
    )
    return bytes(whole) + b',"names":' + bytes(names) + f',"figures":{{{figures}}}}}'.encode()


def _add_pages(app: FastAPI) -> None:
    """Add what a browser asks for."""
    files = {
        "/": (HERE / "page.html", "text/html"),
        "/page.js": (HERE / "page.js", "text/javascript"),
        "/page.css": (CHARTS / "page.css", "text/css"),
        "/charts.js": (CHARTS / "charts.js", "text/javascript"),
    }
    for path, (file, kind) in files.items():
        app.add_api_route(path, _sender(file, kind), include_in_schema=False)

    @app.get("/plotly.js", include_in_schema=False)
    async def plotly() -> Response:
        cached = {"Cache-Control": "public, max-age=86400"}
        return Response(_plotly(), media_type="text/javascript", headers=cached)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))


def _sender(file: Path, kind: str) -> Any:
    content = file.read_bytes()

    async def send() -> Response:
        return Response(content, media_type=kind)

    return send


@cache
def _plotly() -> bytes:
    from plotly.offline import get_plotlyjs  # read once a page wants it

    return get_plotlyjs().encode()


async def _misused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # it is registered for those
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return JSONResponse({"detail": f"{where}: {first['msg']}."}, 422)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # it is registered for those
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _broken(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": BUG}, 500)
