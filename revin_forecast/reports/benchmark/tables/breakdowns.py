"""Tables of gaps, intervals and online learning, and the errors by data set and channel."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    REFERENCE_LABELS,
    Frame,
    Tables,
    order_names,
)
from revin_forecast.reports.benchmark.style import ordered_models
from revin_forecast.reports.benchmark.tables.scores import ModelKey, Row
from revin_forecast.reports.templates import render_template

MAX_CHANNELS = 8
"""Channels of a data set on the page; the Parquet table has all."""
INTERVAL_LEVELS = ("80", "95")
"""Nominal coverage of the intervals, in %."""

ModelRows = list[tuple[tuple[str, ...], list[Row | None]]]
"""The names of a model and its rows, one for each column of a table; None where it has none."""


def render_fills(tables: Tables) -> Markup:
    """Return the effect of each model's own fill of gaps; an empty text without such cells."""
    frame = tables["fills"]
    severities = sorted(frame["severity"].dropna().unique())
    rows = _rows_by_column(frame, "severity", severities, tables)
    return render_template(
        "benchmark/tables/fills.html.jinja",
        severities=severities,
        rows=rows,
        twins=[(model, parts) for model, parts in rows if _has_ratio(parts)],
    )


def render_intervals(tables: Tables) -> Markup:
    """Return the coverage of the intervals in each placement; an empty text without intervals."""
    frame = tables["intervals"]
    columns = _list_columns(frame)
    sources = {
        source: _rows_by_column(frame[frame["source"] == source], "column", columns, tables)
        for source in order_names(frame["source"], ("conformal", "own"))
    }
    return render_template(
        "benchmark/tables/intervals.html.jinja",
        columns=columns,
        levels=INTERVAL_LEVELS,
        baseline=BASELINE,
        rows=[
            ((*model, source), parts) for source, rows in sources.items() for model, parts in rows
        ],
    )


def render_online(tables: Tables) -> Markup:
    """Return the errors of models that learn online over those of the frozen models."""
    frame = tables["online"]
    columns = _list_columns(frame)
    return render_template(
        "benchmark/tables/online.html.jinja",
        columns=columns,
        rows=_rows_by_column(frame, "column", columns, tables),
    )


def render_breakdowns(tables: Tables) -> Markup:
    """Return the errors of each data set and of its channels, collapsed."""
    errors, channels = tables["dataset_errors"], tables["channel_errors"]
    datasets = []
    for name in order_names([*errors["dataset"], *channels["dataset"]], ()):
        part = errors[errors["dataset"] == name]
        columns = _list_columns(part)
        rows = _rows_by_column(part, "column", columns, tables)
        own_channels = channels[channels["dataset"] == name]
        datasets.append(
            {
                "name": name,
                "columns": columns,
                "rows": rows,
                "pairs": [(model, parts) for model, parts in rows if _has_ratio(parts)],
                "channel_count": own_channels["channel"].nunique(),
                "channels": _list_channel_tables(own_channels, tables),
            }
        )
    return render_template(
        "benchmark/tables/breakdowns.html.jinja", datasets=datasets, max_channels=MAX_CHANNELS
    )


def _list_channel_tables(frame: Frame, tables: Tables) -> list[dict[str, Any]]:
    """Return a table for each placement: the channels in the order of the data, and the rows."""
    names = list(dict.fromkeys(frame["channel"]))[:MAX_CHANNELS]
    parts = [(column, frame[frame["column"] == column]) for column in _list_columns(frame)]
    return [
        {
            "column": column,
            "names": names,
            "rows": _rows_by_column(part, "channel", names, tables),
        }
        for column, part in parts
    ]


def _list_columns(frame: Frame) -> list[str]:
    present = set(frame["column"])
    return [column for column in LEADERBOARD_COLUMNS if column in present]


def _has_ratio(parts: Sequence[Row | None]) -> bool:
    # A twin has a ratio of 1 to itself.
    ratios = [part["against_twin"] for part in parts if part]
    return any(not math.isnan(ratio) and ratio != 0 for ratio in ratios)


def _rows_by_column(frame: Frame, key: str, columns: Sequence[Any], tables: Tables) -> ModelRows:
    """Return the names of each model with its rows in the order of the columns."""
    cells: dict[tuple[ModelKey, Any], Row] = {}
    names: dict[ModelKey, tuple[str, ...]] = {}
    for row in frame.to_dict("records"):
        model = str(row["backbone"]), str(row["normalizer"])
        names[model] = model[0], REFERENCE_LABELS.get(row.get("role", ""), model[1])
        cells[model, row[key]] = row
    order = [model for model in ordered_models(frame, tables) if model in names]
    order += [model for model in names if model not in order]  # references and online models
    return [(names[model], [cells.get((model, column)) for column in columns]) for model in order]
