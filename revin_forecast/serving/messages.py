"""What the server and its workers say to each other."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class WorkerRequest:
    """A request, as it came."""

    content: bytes
    is_json: bool
    level: tuple[float, ...] = ()
    """Of the address; JSON may hold more."""
    decimal: str | None = None


@dataclass(frozen=True)
class WorkerResponse:
    """What was forecast, or why not."""

    error: str = ""
    """Of the request; empty: there is none."""
    csv: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    """Name of a series -> its chart, as plotly's JSON."""
