"""The service: its addresses, and what each answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from revin_forecast import __version__
from revin_forecast.serving.messages import WorkerResponse
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from revin_forecast.serving.read_request import BUG_MESSAGE, forecast_over_http
from revin_forecast.serving.schemas import (
    ERROR_RESPONSES,
    REQUEST_BODY,
    ChartResponse,
    DecimalParameter,
    ForecastResponse,
    LevelParameter,
)
from revin_forecast.serving.security import RequestGuard

CURL_EXAMPLES = """curl --data-binary @newer.csv -H 'Content-Type: text/csv' 'ADDRESS/forecast?level=80'
curl -d '{"level": [80]}' -H 'Content-Type: application/json' ADDRESS/forecast
curl -X POST -H 'Accept: text/csv' ADDRESS/forecast
curl -H 'Authorization: Bearer TOKEN' ADDRESS/model  # where a token is wanted"""


def render_docs_page(document: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        document: as FastAPI makes it.
    """
    operations = "".join(
        _render_operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    title = f"{document['info']['title']} {document['info']['version']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/page.css"></head><body>'
        '<nav aria-label="Contents"><a href="/">The page</a>'
        '<a href="/openapi.json">openapi.json</a></nav><main>'
        f"<h1>{escape(title)}</h1><p>{escape(document['info']['description'])}</p>"
        f"<pre>{escape(CURL_EXAMPLES)}</pre>{operations}</main></body></html>\n"
    )


def _render_operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    told = operation.get("description", "")
    parts = [f"<h2>{method.upper()} {escape(path)}</h2>", f"<p>{escape(operation['summary'])}."]
    parts.append(f" {escape(told)}</p>" if told else "</p>")
    parameters = operation.get("parameters", ())
    if parameters:
        rows = [(one["name"], one["in"], one.get("description", "")) for one in parameters]
        parts.append(_render_table(("parameter", "in", "what it is"), rows))
    if body := operation.get("requestBody"):
        parts.append(f"<p>{escape(body['description'])}</p>")
        for kind, content in body["content"].items():
            schema = json.dumps(content["schema"], indent=2)
            parts.append(
                f"<details><summary>{escape(kind)}</summary><pre>{escape(schema)}</pre></details>"
            )
    answers = [
        (code, answer["description"], _format_media_types(answer))
        for code, answer in sorted(operation["responses"].items())
    ]
    return "".join(parts) + _render_table(("answer", "what it says", "as"), answers)


def _format_media_types(answer: Mapping[str, Any]) -> str:
    return ", ".join(kind.partition("/")[2].upper() for kind in answer.get("content", ()))


def _render_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{table}</div>'


PAGE_FOLDER = Path(__file__).parent
REPORT_FOLDER = PAGE_FOLDER.parent / "report" / "forecast"


def create_app(
    pool: WorkerPool,
    model: Mapping[str, Any],
    local_only: bool = True,
    token: str = "",
    should_exit: Callable[[], bool] | None = None,
) -> FastAPI:
    """Return the service.

    Args:
        pool: of workers that have loaded the model.
        model: what the model is.
        local_only: take requests only that name this machine.
        token: what requests must bear; empty: nothing.
        should_exit: whether it is to end; the pool then ends with it. None: the pool is the caller's.
    """
    app = FastAPI(
        title="revin_forecast",
        version=__version__,
        description="Forecasts of one saved model. Errors hold one text, detail.",
        lifespan=None if should_exit is None else lambda _: pool.lifespan(should_exit),
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(RequestGuard, local_only=local_only, token=token)
    # The guard looks at the token; this is what the API's description says of it.
    told = [Security(HTTPBearer(auto_error=False))] if token else []
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _server_error)
    _add_page_routes(app)
    _add_info_routes(app, model, pool.limits, told)
    _add_forecast_routes(app, pool, told)
    return app


def _add_info_routes(
    app: FastAPI, model: Mapping[str, Any], limits: RequestLimits, dependencies: Sequence[Depends]
) -> None:
    """Add what takes no worker."""

    @app.get("/health", summary="Whether the service is there", response_description="It is.")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get(
        "/model",
        summary="What the model is, and what a request may take",
        response_description="The description.",
        responses={code: ERROR_RESPONSES[code] for code in (400, 401)},
        dependencies=dependencies,
    )
    async def about() -> dict[str, Any]:
        return {**model, "limits": vars(limits)}


def _add_forecast_routes(app: FastAPI, pool: WorkerPool, dependencies: Sequence[Depends]) -> None:
    """Add what workers do."""

    @app.post(
        "/forecast",
        summary="Forecast after newer rows",
        description="The answer is JSON, or CSV where Accept says text/csv.",
        response_model=ForecastResponse,
        response_description="The forecast.",
        dependencies=dependencies,
        responses={
            **ERROR_RESPONSES,
            200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        },
        openapi_extra=REQUEST_BODY,
    )
    async def forecast(
        request: Request, level: LevelParameter, decimal: DecimalParameter = None
    ) -> Response:
        answer = await forecast_over_http(pool, request, level, decimal, with_charts=False)
        if "text/csv" in request.headers.get("accept", ""):
            return PlainTextResponse(answer.csv, media_type="text/csv")
        return JSONResponse({"columns": answer.columns, "forecast": answer.rows})

    @app.post(
        "/chart",
        summary="The same with charts, for the page",
        response_model=ChartResponse,
        response_description="The forecast and its charts.",
        dependencies=dependencies,
        responses={**ERROR_RESPONSES},
        openapi_extra=REQUEST_BODY,
    )
    async def chart(
        request: Request, level: LevelParameter, decimal: DecimalParameter = None
    ) -> Response:
        answer = await forecast_over_http(pool, request, level, decimal, with_charts=True)
        return Response(_chart_json(answer), media_type="application/json")


def _chart_json(answer: WorkerResponse) -> bytes:
    """Return an answer with its charts, which are JSON already."""
    plain = {"csv": answer.csv, "columns": answer.columns, "forecast": answer.rows}
    whole = JSONResponse(plain).body[:-1]
    names = JSONResponse(list(answer.figures)).body
    figures = ",".join(
        f"{bytes(JSONResponse(name).body).decode()}:{figure}"
        for name, figure in answer.figures.items()
    )
    return bytes(whole) + b',"names":' + bytes(names) + f',"figures":{{{figures}}}}}'.encode()


def _add_page_routes(app: FastAPI) -> None:
    """Add what a browser asks for."""
    files = {
        "/": (PAGE_FOLDER / "page.html", "text/html"),
        "/page.js": (PAGE_FOLDER / "page.js", "text/javascript"),
        "/page.css": (REPORT_FOLDER / "page.css", "text/css"),
        "/charts.js": (REPORT_FOLDER / "charts.js", "text/javascript"),
    }
    for path, (file, kind) in files.items():
        app.add_api_route(path, _file_handler(file, kind), include_in_schema=False)

    @app.get("/plotly.js", include_in_schema=False)
    async def plotly() -> Response:
        cached = {"Cache-Control": "public, max-age=86400"}
        return Response(_plotly_source(), media_type="text/javascript", headers=cached)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(render_docs_page(app.openapi()))


def _file_handler(file: Path, kind: str) -> Any:
    content = file.read_bytes()

    async def send() -> Response:
        return Response(content, media_type=kind)

    return send


@cache
def _plotly_source() -> bytes:
    from plotly.offline import get_plotlyjs  # read once a page wants it

    return get_plotlyjs().encode()


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # it is registered for those
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return JSONResponse({"detail": f"{where}: {first['msg']}."}, 422)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # it is registered for those
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _server_error(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"detail": BUG_MESSAGE}, 500)
