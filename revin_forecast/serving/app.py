"""The service: its addresses, and what each answers."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from revin_forecast import __version__
from revin_forecast.serving.declared import REQUEST_BODY, ERROR_RESPONSES, ChartResponse, DecimalParameter, ForecastResponse, LevelParameter
from revin_forecast.serving.docs_page import render_docs_page
from revin_forecast.serving.guards import RequestGuard
from revin_forecast.serving.messages import WorkerResponse
from revin_forecast.serving.pool import RequestLimits, WorkerPool
from revin_forecast.serving.receiving import BUG_MESSAGE, forecast_over_http

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
        local: take requests only that name this machine.
        token: what requests must bear; empty: nothing.
        ending: whether it is to end; the pool then ends with it. None: the pool is the caller's.
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
        responses={**ERROR_RESPONSES, 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
        openapi_extra=REQUEST_BODY,
    )
    async def forecast(request: Request, level: LevelParameter, decimal: DecimalParameter = None) -> Response:
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
    async def chart(request: Request, level: LevelParameter, decimal: DecimalParameter = None) -> Response:
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
