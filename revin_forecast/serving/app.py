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
from revin_forecast.serving.declared import BODY, PROBLEMS, Chart, Decimal, Forecast, Level
from revin_forecast.serving.docs_page import docs_page
from revin_forecast.serving.guards import Guard
from revin_forecast.serving.messages import Answer
from revin_forecast.serving.pool import Limits, Pool
from revin_forecast.serving.receiving import BUG, answered

HERE = Path(__file__).parent
CHARTS = HERE.parent / "report" / "forecast"


def build(
    pool: Pool,
    model: Mapping[str, Any],
    local: bool = True,
    token: str = "",
    ending: Callable[[], bool] | None = None,
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
        lifespan=None if ending is None else lambda _: pool.closing(ending),
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Guard, local=local, token=token)
    # The guard looks at the token; this is what the API's description says of it.
    told = [Security(HTTPBearer(auto_error=False))] if token else []
    app.add_exception_handler(RequestValidationError, _misused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)
    _add_pages(app)
    _add_facts(app, model, pool.limits, told)
    _add_forecasts(app, pool, told)
    return app


def _add_facts(
    app: FastAPI, model: Mapping[str, Any], limits: Limits, told: Sequence[Depends]
) -> None:
    """Add what takes no worker."""

    @app.get("/health", summary="Whether the service is there", response_description="It is.")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get(
        "/model",
        summary="What the model is, and what a request may take",
        response_description="The description.",
        responses={code: PROBLEMS[code] for code in (400, 401)},
        dependencies=told,
    )
    async def about() -> dict[str, Any]:
        return {**model, "limits": vars(limits)}


def _add_forecasts(app: FastAPI, pool: Pool, told: Sequence[Depends]) -> None:
    """Add what workers do."""

    @app.post(
        "/forecast",
        summary="Forecast after newer rows",
        description="The answer is JSON, or CSV where Accept says text/csv.",
        response_model=Forecast,
        response_description="The forecast.",
        dependencies=told,
        responses={**PROBLEMS, 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
        openapi_extra=BODY,
    )
    async def forecast(request: Request, level: Level, decimal: Decimal = None) -> Response:
        answer = await answered(pool, request, level, decimal, drawn=False)
        if "text/csv" in request.headers.get("accept", ""):
            return PlainTextResponse(answer.csv, media_type="text/csv")
        return JSONResponse({"columns": answer.columns, "forecast": answer.rows})

    @app.post(
        "/chart",
        summary="The same with charts, for the page",
        response_model=Chart,
        response_description="The forecast and its charts.",
        dependencies=told,
        responses={**PROBLEMS},
        openapi_extra=BODY,
    )
    async def chart(request: Request, level: Level, decimal: Decimal = None) -> Response:
        answer = await answered(pool, request, level, decimal, drawn=True)
        return Response(_chart_json(answer), media_type="application/json")


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
