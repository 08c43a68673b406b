"""Pictures and pages of a forecaster, which the package `reports` makes."""

import html
from importlib import import_module
from typing import Any

VIEWS = {
    "plot": "plot:plot_forecaster",
    "report": "report:report_forecaster",
    "html": "html_summary:summarize_as_html",
}
"""Functions by view. They are in a package above this one, whose own imports need forecasters, so
they are imported by name and on use, as pandas imports the libraries that draw its plots."""


def make_view(view: str, *arguments: Any) -> Any:
    """Return the result of a view of `revin_forecast.reports.forecaster`."""
    module, _, function = VIEWS[view].partition(":")
    return getattr(import_module(f"revin_forecast.reports.forecaster.{module}"), function)(
        *arguments
    )


def display_as_html(forecaster: object) -> str:
    """Return a forecaster as HTML for a notebook, whatever happens."""
    try:
        return make_view("html", forecaster)
    except Exception:  # a notebook would print a traceback instead of the forecaster
        return f"<pre>{html.escape(repr(forecaster))}</pre>"
