"""The web application of the service: its routes, its page and the documentation of its API."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from revin_forecast import __version__
from revin_forecast.serving.api import ServiceApi, select_api
from revin_forecast.serving.chart_script import send_chart_script
from revin_forecast.serving.errors import RETRY_AFTER, ServingError
from revin_forecast.serving.health import describe_health
from revin_forecast.serving.messages import Form, WorkerResponse
from revin_forecast.serving.metrics import CONTENT_TYPE, MetricsMiddleware, ServiceMetrics
from revin_forecast.serving.pool import WorkerPool
from revin_forecast.serving.read_request import forecast_over_http
from revin_forecast.serving.schemas import (
    ERROR_RESPONSES,
    NOTES_HEADER,
    ChartResponse,
    HealthResponse,
    RequestParameters,
)
from revin_forecast.serving.security import (
    HostGuard,
    make_token_check,
    refuse_other_sites,
)
from revin_forecast.utils.templates import build_environment

PAGE_FOLDER = Path(__file__).parent
CHART_FORMS: tuple[Form, ...] = ("csv", "rows", "figures")
REPORT_FOLDER = PAGE_FOLDER.parent / "reports" / "forecast"


def create_app(
    pool: WorkerPool,
    model: Mapping[str, Any],
    local_only: bool = True,
    token: str = "",
    should_exit: Callable[[], bool] | None = None,
) -> FastAPI:
    """Return the web application.

    Args:
        pool: workers that have loaded the model.
        model: description of the model; it decides whether requests bring tables of any columns.
        local_only: accept only requests whose Host header names this machine.
        token: bearer token that requests must carry; empty: none.
        should_exit: returns whether the service is to shut down, and the pool with it. None: the
            caller shuts the pool down.
    """
    api = select_api(model)
    app = FastAPI(
        title="revin_forecast",
        version=__version__,
        description=api.description,
        lifespan=None if should_exit is None else lambda _: pool.lifespan(should_exit),
        # FastAPI's own pages load scripts from another site; render_docs_page replaces them.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(HostGuard, local_only=local_only)
    # The rest reveals nothing about the model, and needs no token.
    token_checks = [Depends(make_token_check(token))] if token else []
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(ServingError, partial(_answer_serving_error, pool.limits.seconds))
    app.add_exception_handler(Exception, _answer_server_error)
    _add_page_routes(app, api)
    metrics = ServiceMetrics(pool, model)
    app.add_middleware(MetricsMiddleware, metrics=metrics)  # the last one added is the outermost
    _add_info_routes(app, model, pool, metrics, token_checks)
    forecast_checks = [Depends(refuse_other_sites), *token_checks]
    _add_forecast_routes(app, api, pool, metrics, forecast_checks)
    return app


def render_docs_page(document: Mapping[str, Any], examples: str) -> str:
    """Return the documentation of the API as an HTML page that needs no other site.

    Args:
        document: the OpenAPI document that FastAPI builds.
        examples: calls of curl.
    """
    filters = {"pretty_json": partial(json.dumps, indent=2), "media_types": _format_media_types}
    template = build_environment("html", filters).get_template("serving/docs.html.jinja")
    return template.render(document=document, examples=examples)


def _add_info_routes(
    app: FastAPI,
    model: Mapping[str, Any],
    pool: WorkerPool,
    metrics: ServiceMetrics,
    dependencies: Sequence[params.Depends],
) -> None:
    """Add the routes that need no worker."""

    @app.get(
        "/health",
        summary="Check that the service can answer requests",
        description="The status is ok, degraded while some workers are being started, or down "
        "while all are.",
        response_description="At least one worker can answer requests.",
        responses={503: {"model": HealthResponse, "description": "No worker is ready."}},
    )
    async def health(response: Response) -> HealthResponse:
        report = describe_health(pool)
        if report.status == "down":
            # A load balancer sends no requests here until a worker has loaded the model.
            response.status_code = 503
            response.headers.update(RETRY_AFTER)
        return report

    @app.get(
        "/metrics",
        summary="Report metrics for Prometheus",
        response_class=PlainTextResponse,
        response_description="The metrics in the text format of Prometheus.",
        responses={code: ERROR_RESPONSES[code] for code in (400, 401)},
        dependencies=dependencies,
    )
    async def report_metrics() -> Response:
        return Response(metrics.to_text(), headers={"Content-Type": CONTENT_TYPE})

    @app.get(
        "/model",
        summary="Describe the model and the limits of a request",
        response_description="The description.",
        responses={code: ERROR_RESPONSES[code] for code in (400, 401)},
        dependencies=dependencies,
    )
    async def describe() -> dict[str, Any]:
        return {**model, "limits": vars(pool.limits)}


def _add_forecast_routes(
    app: FastAPI,
    api: ServiceApi,
    pool: WorkerPool,
    metrics: ServiceMetrics,
    dependencies: Sequence[params.Depends],
) -> None:
    """Add the routes that workers handle."""
    read_parameters, request_body = Depends(api.read_parameters), dict(api.request_body)

    @app.post(
        "/forecast",
        summary=api.summary,
        description="The response is JSON, or CSV if the Accept header names text/csv.",
        response_model=api.response_model,
        response_description="The forecast.",
        dependencies=dependencies,
        responses={
            **ERROR_RESPONSES,
            200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        },
        openapi_extra=request_body,
    )
    async def forecast(
        request: Request, parameters: RequestParameters = read_parameters
    ) -> Response:
        wants_csv = "text/csv" in request.headers.get("accept", "")
        forms: tuple[Form, ...] = ("csv",) if wants_csv else ("rows",)
        response = await forecast_over_http(pool, api, request, parameters, forms)
        metrics.rows.inc(response.row_count)
        if wants_csv:
            headers = {NOTES_HEADER: json.dumps(response.notes)} if response.notes else None
            return PlainTextResponse(response.csv, media_type="text/csv", headers=headers)
        fields = {"columns": response.columns, "forecast": response.rows, "notes": response.notes}
        season = {} if response.season is None else {"season": response.season}
        return JSONResponse(fields | season)

    @app.post(
        "/chart",
        summary="Forecast with charts, for the page",
        response_model=ChartResponse,
        response_description="The forecast and its charts.",
        dependencies=dependencies,
        responses={**ERROR_RESPONSES},
        openapi_extra=request_body,
    )
    async def chart(request: Request, parameters: RequestParameters = read_parameters) -> Response:
        response = await forecast_over_http(pool, api, request, parameters, CHART_FORMS)
        metrics.rows.inc(response.row_count)
        return Response(_encode_chart_response(response), media_type="application/json")


def _encode_chart_response(response: WorkerResponse) -> bytes:
    """Return a response with charts as JSON."""
    # The figures are JSON text already. They are inserted as they are, since parsing and writing
    # them again would only cost time.
    fields = {
        "csv": response.csv,
        "columns": response.columns,
        "forecast": response.rows,
        "notes": response.notes,
        "series_count": response.series_count,
    }
    head = bytes(JSONResponse(fields).body[:-1])
    names = bytes(JSONResponse(list(response.figures)).body)
    figures = ",".join(
        f"{bytes(JSONResponse(name).body).decode()}:{figure}"
        for name, figure in response.figures.items()
    )
    return head + b',"names":' + names + f',"figures":{{{figures}}}}}'.encode()


def _add_page_routes(app: FastAPI, api: ServiceApi) -> None:
    """Add the page, its scripts and styles, and the documentation."""
    files = {
        "/": (PAGE_FOLDER / "page.html", "text/html"),
        "/page.js": (PAGE_FOLDER / "page.js", "text/javascript"),
        "/page.css": (REPORT_FOLDER / "page.css", "text/css"),
        "/charts.js": (REPORT_FOLDER / "charts.js", "text/javascript"),
    }
    for path, (file, media_type) in files.items():
        app.add_api_route(path, _make_file_handler(file, media_type), include_in_schema=False)

    app.add_api_route("/plotly.js", send_chart_script, include_in_schema=False)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(render_docs_page(app.openapi(), api.examples))


def _make_file_handler(file: Path, media_type: str) -> Any:
    """Return a handler that answers with the content of a file, which is read now."""
    content = file.read_bytes()

    async def send_file() -> Response:
        return Response(content, media_type=media_type)

    return send_file


async def _answer_validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # registered for this class only
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    return JSONResponse({"detail": f"{field}: {first['msg']}."}, 422)


async def _answer_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # registered for this class only
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _answer_serving_error(seconds: float, _: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServingError)  # registered for this class only
    detail = error.detail.format(seconds=seconds)
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


async def _answer_server_error(_: Request, __: Exception) -> JSONResponse:
    # The exception is logged by the web server; its text could reveal internals to the client.
    return JSONResponse({"detail": ServingError.detail}, 500)


def _format_media_types(response: Mapping[str, Any]) -> str:
    return ", ".join(kind.partition("/")[2].upper() for kind in response.get("content", ()))
