"""The schemas of the API: parameters, request bodies and responses."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

Scalar = str | int | float | bool | None
Rows = dict[str, list[Scalar]] | list[dict[str, Scalar]]
MAX_LEVELS = 10
MAX_HORIZON = 366
"""Most steps that the pretrained model forecasts in a request."""
MAX_SEASON = 366
"""Longest season of the pretrained model; its own constant would load torch in the server."""
NOTES_HEADER = "Forecast-Notes"
"""Header of a CSV response with notes on the table that was read, as a JSON list in ASCII."""
PERCENT_SCHEMA: JsonDict = {"items": {"type": "number", "minimum": 1, "exclusiveMaximum": 100}}
"""Documented but not validated here: the forecaster's own message explains more."""


class ForecastRequest(BaseModel):
    """The JSON body of `POST /forecast`."""

    # A misspelled field must not pass for a request without it.
    model_config = ConfigDict(extra="forbid")

    data: Rows | None = Field(
        None,
        description="Newer rows of the table, with the time column, as columns "
        '({"day": [...], "sold": [...]}) or as records ([{"day": ..., "sold": ...}, ...]). '
        "Without it the forecast follows the rows that the model was fitted on.",
    )
    level: list[float] = Field(
        [],
        max_length=MAX_LEVELS,
        json_schema_extra=PERCENT_SCHEMA,
        description="Interval levels in percent, such as 80 and 95.",
    )
    future: Rows | None = Field(
        None, description="Values of the known inputs for each step to forecast."
    )


class ZeroShotRequest(BaseModel):
    """The JSON body of `POST /forecast` of the pretrained model."""

    model_config = ConfigDict(extra="forbid")

    data: Rows = Field(
        description="Rows of any table with a time column, as columns "
        '({"day": [...], "sold": [...]}) or as records ([{"day": ..., "sold": ...}, ...]); at '
        "least 8.",
    )
    horizon: int | None = Field(
        None,
        ge=1,
        le=MAX_HORIZON,
        strict=True,
        description="Number of steps to forecast; required here or as a query parameter.",
    )
    season: int | None = Field(
        None,
        ge=1,
        le=MAX_SEASON,
        strict=True,
        description="Steps of a season, such as 12 for months; 1: none. Without it the season is "
        "found.",
    )
    level: list[float] = Field(
        [],
        max_length=MAX_LEVELS,
        json_schema_extra=PERCENT_SCHEMA,
        description="Interval levels in percent, such as 80 and 95.",
    )


class WorkersResponse(BaseModel):
    """The workers of the service."""

    total: int = Field(description="Number of workers.")
    ready: int = Field(description="Those that have loaded the model; others are being started.")
    lost: int = Field(description="Workers that ended since the start, and were replaced.")


class HealthResponse(BaseModel):
    """The response of `GET /health`."""

    status: Literal["ok", "degraded", "down"] = Field(
        description="ok: all workers are ready; degraded: some are; down: none is."
    )
    version: str = Field(description="Version of revin_forecast.")
    workers: WorkersResponse


class ErrorResponse(BaseModel):
    """The body of every error response."""

    detail: str


class ForecastResponse(BaseModel):
    """A forecast as JSON."""

    columns: list[str] = Field(description="Columns of the forecast table, in order.")
    forecast: list[dict[str, Any]] = Field(
        description="Rows of the forecast table; null: not a finite number."
    )
    notes: list[str] = Field(
        [],
        description="Changes made when the rows were read, such as values far beyond all others "
        f"that are missing values. For CSV, they are in the header {NOTES_HEADER}, as a JSON list.",
    )


class ZeroShotResponse(ForecastResponse):
    """A forecast of the pretrained model as JSON."""

    season: int = Field(description="Steps of the season that was used; 1: none.")


class ChartResponse(ForecastResponse):
    """A forecast with charts, for the page."""

    csv: str = Field(description="The forecast table as CSV.")
    names: list[str] = Field(description="Names of the series with a chart: the first ones.")
    series_count: int = Field(description="Number of series forecast.")
    figures: dict[str, Any] = Field(description="Plotly's JSON by the name of the series.")


ERROR_RESPONSES: Mapping[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The Host header names another machine."},
    401: {"model": ErrorResponse, "description": "The token is missing or wrong."},
    403: {"model": ErrorResponse, "description": "The request comes from a page of another site."},
    408: {"model": ErrorResponse, "description": "The request took too long to arrive."},
    413: {"model": ErrorResponse, "description": "The request body is too large."},
    415: {"model": ErrorResponse, "description": "The request body is neither CSV nor JSON."},
    422: {"model": ErrorResponse, "description": "The request can't be used; detail says why."},
    500: {"model": ErrorResponse, "description": "The server failed; see its log for details."},
    503: {
        "model": ErrorResponse,
        "description": "All workers are busy (Retry-After), the service is shutting down, or its "
        "model is gone.",
    },
    504: {"model": ErrorResponse, "description": "The request took too long and was stopped."},
}
LevelParameter = Annotated[
    list[float],
    Query(
        default_factory=list,
        description="Interval level in percent, such as 80; repeatable.",
        max_length=MAX_LEVELS,
        json_schema_extra=PERCENT_SCHEMA,
    ),
]
DecimalParameter = Annotated[
    Literal[".", ","] | None, Query(description="Decimal mark of a CSV body; detected if absent.")
]
HorizonParameter = Annotated[
    int | None,
    Query(
        description="Number of steps to forecast; required here or in a JSON body.",
        ge=1,
        le=MAX_HORIZON,
    ),
]
SeasonParameter = Annotated[
    int | None,
    Query(
        description="Steps of a season, such as 12 for months; 1: none; found if absent.",
        ge=1,
        le=MAX_SEASON,
    ),
]


class RequestParameters(NamedTuple):
    """The query parameters of a request, in the order of the fields of `WorkerRequest`."""

    level: tuple[float, ...]
    decimal: str | None
    horizon: int | None = None
    season: int | None = None
