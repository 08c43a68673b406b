"""What a request may hold as JSON."""

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
