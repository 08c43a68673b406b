"""The two kinds of services: one saved model, or the pretrained model for any table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from revin_forecast.serving.schemas import (
    DecimalParameter,
    ForecastRequest,
    ForecastResponse,
    HorizonParameter,
    LevelParameter,
    RequestParameters,
    SeasonParameter,
    ZeroShotRequest,
    ZeroShotResponse,
)


@dataclass(frozen=True)
class ServiceApi:
    """The parts of the API that depend on the kind of service."""

    description: str
    """Description of the API."""
    summary: str
    """Summary of `POST /forecast`."""
    read_parameters: Callable[..., RequestParameters]
    """Dependency that reads the query parameters."""
    parameter_names: tuple[str, ...]
    """Names of the query parameters; others are refused."""
    request_body: Mapping[str, Any]
    """OpenAPI description of the request body."""
    response_model: type[BaseModel]
    """The JSON response of `POST /forecast`."""
    empty_body_message: str
    """Message for a CSV body without content."""
    examples: str
    """Calls of curl for the documentation page."""


def select_api(model: Mapping[str, Any]) -> ServiceApi:
    """Return the API of a service, by the description of its model."""
    return ZERO_SHOT_API if model.get("pretrained") else SAVED_MODEL_API


def _read_saved_model_parameters(
    level: LevelParameter, decimal: DecimalParameter = None
) -> RequestParameters:
    return RequestParameters(tuple(level), decimal)


def _read_zero_shot_parameters(
    level: LevelParameter,
    decimal: DecimalParameter = None,
    horizon: HorizonParameter = None,
    season: SeasonParameter = None,
) -> RequestParameters:
    return RequestParameters(tuple(level), decimal, horizon, season)


def _describe_body(description: str, schema: type[BaseModel]) -> dict[str, Any]:
    content = {
        "text/csv": {"schema": {"type": "string", "minLength": 1}},
        "application/json": {"schema": schema.model_json_schema()},
    }
    return {"requestBody": {"description": description, "content": content}}


SAVED_MODEL_API = ServiceApi(
    description="Forecasts of one saved model. An error has one field, detail.",
    summary="Forecast after newer rows",
    read_parameters=_read_saved_model_parameters,
    parameter_names=("level", "decimal"),
    request_body=_describe_body(
        "Newer rows as CSV or JSON; with {} or without a body the forecast follows the rows that "
        "the model was fitted on.",
        ForecastRequest,
    ),
    response_model=ForecastResponse,
    # An error, not a forecast after the rows fitted on: the export of a table may have failed.
    empty_body_message="the request body is empty. Send rows below a header, or the JSON {} for a "
    "forecast after the rows that the model was fitted on.",
    examples="""\
curl --data-binary @newer.csv -H 'Content-Type: text/csv' 'ADDRESS/forecast?level=80'
curl -d '{"level": [80]}' -H 'Content-Type: application/json' ADDRESS/forecast
curl -X POST -H 'Accept: text/csv' ADDRESS/forecast
curl -H 'Authorization: Bearer TOKEN' ADDRESS/model  # if the service requires a token""",
)
ZERO_SHOT_API = ServiceApi(
    description="Forecasts of any table by a network that was trained on synthetic series alone; "
    "nothing is fitted. An error has one field, detail.",
    summary="Forecast a table",
    read_parameters=_read_zero_shot_parameters,
    parameter_names=("level", "decimal", "horizon", "season"),
    request_body=_describe_body(
        "A table with a time column as CSV or JSON, wide or long, with at least 8 rows. Missing "
        "values and gaps are allowed.",
        ZeroShotRequest,
    ),
    response_model=ZeroShotResponse,
    empty_body_message="the request body is empty. Send a table: rows below a header as CSV, or "
    "JSON with data and horizon.",
    examples="""\
curl --data-binary @table.csv -H 'Content-Type: text/csv' 'ADDRESS/forecast?horizon=12&level=80'
curl -d '{"data": {"day": [...], "sold": [...]}, "horizon": 12}' \\
    -H 'Content-Type: application/json' ADDRESS/forecast
curl --data-binary @table.csv -H 'Accept: text/csv' 'ADDRESS/forecast?horizon=12&season=7'
curl -H 'Authorization: Bearer TOKEN' ADDRESS/model  # if the service requires a token""",
)
