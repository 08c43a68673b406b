"""What the API says of itself: the parameters it takes, and what it answers."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

Scalar = str | int | float | bool | None
Rows = dict[str, list[Scalar]] | list[dict[str, Scalar]]
MAX_LEVELS = 10
PERCENT_SCHEMA: JsonDict = {"items": {"type": "number", "minimum": 1, "exclusiveMaximum": 100}}
"""Told, not checked here: the forecaster's own message says more."""


class ForecastRequest(BaseModel):
    """What `POST /forecast` takes as JSON."""

    model_config = ConfigDict(extra="forbid")

    data: Rows | None = Field(
        None,
        description="Newer rows of the table, the time column among them, as columns "
        '({"day": [...], "sold": [...]}) or as records ([{"day": ..., "sold": ...}, ...]). '
        "Without it the forecast follows the rows that the model was fitted on.",
    )
    level: list[float] = Field(
        [],
        max_length=MAX_LEVELS,
        json_schema_extra=PERCENT_SCHEMA,
        description="Percent of what comes that intervals should cover, such as 80 and 95.",
    )
    future: Rows | None = Field(
        None, description="Columns that are known beforehand, for each step forecast."
    )


class ErrorResponse(BaseModel):
    """What every answer but a good one holds."""

    detail: str


class ForecastResponse(BaseModel):
    """A forecast as JSON."""

    columns: list[str] = Field(description="Of the forecast table, in its order.")
    forecast: list[dict[str, Any]] = Field(description="Its rows; null is no number.")


class ChartResponse(ForecastResponse):
    """A forecast as the page shows it."""

    csv: str = Field(description="The same as CSV.")
    names: list[str] = Field(description="Of the series that are drawn, the first ones.")
    figures: dict[str, Any] = Field(description="Plotly's JSON by the name of the series.")


ERROR_RESPONSES: Mapping[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The Host header names another machine."},
    401: {"model": ErrorResponse, "description": "The token is absent, or not the one wanted."},
    403: {"model": ErrorResponse, "description": "A page of another site asks."},
    408: {"model": ErrorResponse, "description": "It took too long to be sent."},
    413: {"model": ErrorResponse, "description": "It is too large."},
    415: {"model": ErrorResponse, "description": "Neither CSV nor JSON."},
    422: {"model": ErrorResponse, "description": "It can't be used; the text says why."},
    500: {"model": ErrorResponse, "description": "It failed here; the server's log holds more."},
    503: {
        "model": ErrorResponse,
        "description": "All are busy (Retry-After), it ends, or its model is gone.",
    },
    504: {"model": ErrorResponse, "description": "It took too long to be done, and was stopped."},
}
REQUEST_BODY = {
    "requestBody": {
        "description": "Newer rows as CSV or JSON; {} or no body: after the rows fitted on.",
        "content": {
            "text/csv": {"schema": {"type": "string", "minLength": 1}},
            "application/json": {"schema": ForecastRequest.model_json_schema()},
        },
    }
}
LevelParameter = Annotated[
    list[float],
    Query(
        default_factory=list,
        description="Percent of what comes that an interval should cover, such as 80; repeatable.",
        max_length=MAX_LEVELS,
        json_schema_extra=PERCENT_SCHEMA,
    ),
]
DecimalParameter = Annotated[
    Literal[".", ","] | None, Query(description="The mark before decimals; told if not given.")
]
