"""Failed runs and cells, and the figures that are missing because of them."""

from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.input_tables import (
    PLACEMENT_ORDER,
    REFERENCE,
    Frame,
    Tables,
    order_names,
)
from revin_forecast.reports.templates import render_template

MAX_REASONS = 5
"""Different errors that are named above all tables; Table 5 has all."""
MAX_GAPS = 12
"""Models without a figure that are named above all tables."""


def render_incomplete(tables: Tables) -> Markup:
    """Return the failures and the missing figures as sentences, or that there are none."""
    gaps = describe_gaps(tables)
    return render_template(
        "benchmark/tables/incomplete.html.jinja",
        failures=describe_failures(tables),
        gaps=gaps[:MAX_GAPS],
        unlisted_count=max(0, len(gaps) - MAX_GAPS),
    )


def describe_failures(tables: Tables) -> list[str]:
    """Return a sentence with the number of failed runs and cells, and one for each reason."""
    runs, cells = (tables[key][tables[key]["status"] == "failed"] for key in ("runs", "cells"))
    if not len(runs) and not len(cells):
        return []
    counts = [f"{len(runs)} of {len(tables['runs'])} runs"] if len(runs) else []
    counts += [f"{len(cells)} of {len(tables['cells'])} cells"] if len(cells) else []
    reasons = [
        (f"{', '.join(order_names(part['dataset'], ()))}: {_name_models(part)}", str(error))
        for error, part in (cells if len(cells) else runs).groupby("error", sort=False)
    ]
    sentences = [f"{where}: {error}" for where, error in reasons[:MAX_REASONS]]
    rest = len(reasons) - MAX_REASONS
    return [
        f"{' and '.join(counts)} failed.",
        *sentences,
        *([f"{rest} further reasons are in Table 5."] if rest > 0 else []),
    ]


def describe_gaps(tables: Tables) -> list[str]:
    """Return a sentence for each model and placement that lacks cells, placements in page order."""
    return [
        _describe_gap(column, model, part)
        for column in order_names(tables["lacking"]["column"], PLACEMENT_ORDER)
        for model, part in _group_by_model(tables["lacking"], column)
    ]


def _group_by_model(lacking: Frame, column: str) -> Any:
    rows = lacking[lacking["column"] == column]
    return rows.groupby(["backbone", "normalizer"], sort=False)


def _describe_gap(column: str, model: tuple[str, str], rows: Frame) -> str:
    places = ", ".join(
        f"{row['dataset']} {row['n_lacking']:.0f} ({row['what']})"
        for row in rows.to_dict("records")
    )
    if not model[1]:  # cells that no model has done
        return f"{column}: every model failed in {places}; no figure rests on these cells."
    required = rows["n_required"].sum()
    return (
        f"{column}: {_name_model(*model)} has no figure over all data sets, as it lacks "
        f"{rows['n_lacking'].sum():.0f} of {required:.0f} cells there: {places}."
    )


def _name_models(rows: Frame) -> str:
    pairs = rows[["backbone", "normalizer"]].drop_duplicates().to_numpy().tolist()
    rest = f" and {len(pairs) - 3} more models" if len(pairs) > 3 else ""
    return ", ".join(_name_model(*pair) for pair in pairs[:3]) + rest


def _name_model(backbone: str, normalizer: str) -> str:
    return backbone if normalizer == REFERENCE else f"{normalizer} on {backbone}"
