"""The messages between the server and its workers.

This module imports neither FastAPI nor pydantic, so that a worker process starts quickly.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["csv", "rows", "figures"]
"""A form of the forecast in a response."""


@dataclass(frozen=True)
class WorkerRequest:
    """A forecast request as the client sent it, not parsed yet."""

    content: bytes
    """Body of the request."""
    is_json: bool
    """JSON; otherwise CSV."""
    level: tuple[float, ...] = ()
    """Interval levels in percent from the query string; a JSON body may add more."""
    decimal: str | None = None
    """Decimal mark of a CSV body; None: detected."""
    horizon: int | None = None
    """Steps to forecast from the query string, for the pretrained model."""
    season: int | None = None
    """Steps of a season from the query string, for the pretrained model; None: found."""
    forms: tuple[Form, ...] = ("csv", "rows")
    """Forms of the forecast that the response needs; each of them takes time."""


@dataclass(frozen=True)
class WorkerResponse:
    """The forecast, or the reason why the request can't be used."""

    error: str = ""
    """Message for the client; empty: success."""
    csv: str = ""
    """Forecast table as CSV."""
    columns: list[str] = field(default_factory=list)
    """Columns of the forecast table, in order."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the forecast table as JSON objects."""
    notes: list[str] = field(default_factory=list)
    """Sentences on everything that the reading of the table changed or left out."""
    figures: dict[str, str] = field(default_factory=dict)
    """Chart of each series as plotly's JSON, by the name of the series."""
    series_count: int = 0
    """Number of series forecast, those without a chart included."""
    season: int | None = None
    """Steps of the season that the pretrained model used; 1: none."""
    row_count: int = 0
    """Rows of the request's table."""
