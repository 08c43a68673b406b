"""The templates of reports, and the filters that write numbers and names in them."""

import base64
import gzip
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from revin_forecast.data.formatting import format_percent, format_timestamp, pluralize
from revin_forecast.reports.formatting import (
    MISSING,
    format_duration,
    format_interval,
    format_number,
    join_first,
    to_sentence,
    truncate,
)
from revin_forecast.reports.plotly_script import read_compressed_script
from revin_forecast.utils.templates import build_environment

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent


def compress_text(text: str) -> str:
    """Return text as base64 of its gzip; equal texts give equal results."""
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


FILTERS: Mapping[str, Any] = {
    "compress": compress_text,
    "count": lambda value: MISSING if math.isnan(value) else f"{value:.0f}",
    "duration": format_duration,
    "exp": math.exp,
    "first_names": join_first,
    "interval": lambda bounds: Markup(format_interval(*bounds)),
    "number": format_number,
    "percent": lambda value: MISSING if math.isnan(value) else format_percent(value),
    "plural": pluralize,
    "sentence": to_sentence,
    "shorten": truncate,
    "thousands": "{:,}".format,
    "timestamp": format_timestamp,
}


@dataclass(frozen=True)
class Section:
    """A section of a page with its entry in the table of contents."""

    key: str
    title: str
    html: Markup
    short_title: str = ""
    """Text of the entry; by default the title."""


def render_template(name: str, /, **values: Any) -> Markup:
    """Return a rendered template of the reports; every value in it is escaped.

    Args:
        name: path in the folder of the reports, which ends in .html.jinja or .md.jinja.
        values: values by their name in the template.
    """
    environment = _load_environment("md" if name.endswith(".md.jinja") else "html")
    return Markup(environment.get_template(f"reports/{name}").render(values))


@cache
def _load_environment(language: Literal["html", "md"]) -> "Environment":
    from plotly.io.json import to_json_plotly

    environment = build_environment(language, FILTERS)
    environment.globals |= {"embed": _embed_file, "embed_plotly": _embed_plotly}
    # The filter `tojson` writes figures, too. It escapes "<": no text can close a script.
    environment.policies |= {"json.dumps_function": to_json_plotly, "json.dumps_kwargs": {}}
    return environment


def _embed_file(name: str) -> Markup:
    """Return a style or a script, which is embedded in a page as it is."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


@cache
def _embed_plotly() -> Markup:
    """Return plotly.js as base64 of its gzip, which unpack.js reads."""
    return Markup(base64.b64encode(read_compressed_script()).decode())
