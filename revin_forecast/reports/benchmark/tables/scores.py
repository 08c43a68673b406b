"""Tables 2 and 3: the headline, every model against its twin, and nCE by shift."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    REFERENCE_LABELS,
    Column,
    Frame,
    Tables,
    format_shift,
    list_backbone_names,
    list_shifts,
)
from revin_forecast.reports.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.reports.benchmark.style import assign_styles, ordered_models
from revin_forecast.reports.templates import render_template

Row = dict[str, Any]
"""A row of a table by column."""


def render_leaderboard(tables: Tables) -> Markup:
    """Return the table of errors and the table of ratios to the twin."""
    return render_template(
        "benchmark/tables/leaderboard.html.jinja",
        models=[(model, parts, _remark_text(parts)) for model, parts in rows_by_model(tables)],
        columns=LEADERBOARD_COLUMNS,
        baseline=BASELINE,
    )


def rows_by_model(tables: Tables) -> list[tuple[tuple[str, str], dict[str, Row]]]:
    """Return (backbone, normalizer) with its rows by column: models first, then references."""
    frame = tables["headline"]
    is_model = frame["role"] == "model"
    names = assign_styles(frame.loc[is_model, "normalizer"], frame.loc[~is_model, "backbone"])
    order = [(b, n) for b in list_backbone_names(tables) for n in names]
    grouped = []
    for model in order:
        grouped.append((model, _rows_by_column(frame[is_model & _matches_model(frame, model)])))
    # References have no normalizer, so their backbone identifies them.
    for reference in dict.fromkeys(frame.loc[~is_model, "backbone"]):
        rows = frame[~is_model & (frame["backbone"] == reference)]
        label = REFERENCE_LABELS[rows["role"].iloc[0]]
        grouped.append(((str(reference), label), _rows_by_column(rows)))
    return [(model, parts) for model, parts in grouped if parts]


def _matches_model(frame: Frame, model: tuple[str, str]) -> Column:
    return (frame["backbone"] == model[0]) & (frame["normalizer"] == model[1])


def _rows_by_column(rows: Frame) -> dict[str, Row]:
    return {row["column"]: row for row in rows.to_dict("records")}


def _remark_text(parts: dict[str, Row]) -> str:
    notes = dict.fromkeys(str(row["note"]) for row in parts.values() if row["note"])
    failed = sum(row["n_failed"] for row in parts.values() if row["n_failed"] > 0)
    return "; ".join(
        [*notes, *([f"{failed:.0f} cell{'s' * (failed > 1)} failed"] if failed else [])]
    )


MAX_COLUMNS = 6
"""Columns of a table; more would not fit on paper."""

ModelKey = tuple[str, str]
"""Backbone and normalizer."""


def render_shift_tables(tables: Tables) -> Markup:
    """Return nCE by shift: steady and observation are open, other placements collapsed."""
    frame = tables["nce"]
    frame = frame[
        frame["backbone"].isin(list_backbone_names(tables)) & (frame["normalizer"] != BASELINE)
    ]
    blocks = []
    for (semantics, placement), title in BLOCK_TITLES.items():
        rows, means = (
            part[(part["semantics"] == semantics) & (part["placement"] == placement)]
            for part in (frame, tables["mce"])
        )
        if len(rows):
            is_open = placement in ("steady", "observation")
            blocks.append((title[0].upper() + title[1:], is_open, _list_parts(rows, means, tables)))
    return render_template("benchmark/tables/shift_tables.html.jinja", blocks=blocks)


def _list_parts(frame: Frame, means: Frame, tables: Tables) -> list[dict[str, Any]]:
    """Return the tables of a block: groups of columns, normalizers, rows and means."""
    cells = {
        (row["shift"], row["arm"], row["backbone"], row["normalizer"]): row
        for row in frame.to_dict("records")
    }
    values = means.set_index(["backbone", "normalizer"])["mce"].to_dict()
    return [
        {
            "groups": count_columns(models),
            "normalizers": [normalizer for _, normalizer in models],
            "rows": [
                (format_shift(*shift), [cells.get((*shift, *model)) for model in models])
                for shift in list_shifts(frame)
            ],
            "means": [values.get(model, math.nan) for model in models],
        }
        for models in _split_models(ordered_models(frame, tables))
    ]


def count_columns(models: Sequence[ModelKey]) -> list[tuple[str, int]]:
    """Return each backbone with the number of its models."""
    backbones = [backbone for backbone, _ in models]
    return [(backbone, backbones.count(backbone)) for backbone in dict.fromkeys(backbones)]


def _split_models(models: Sequence[ModelKey]) -> list[list[ModelKey]]:
    """Split models into tables of at most `MAX_COLUMNS` columns, keeping a backbone together."""
    parts: list[list[ModelKey]] = []
    for backbone in dict.fromkeys(backbone for backbone, _ in models):
        group = [model for model in models if model[0] == backbone]
        if parts and len(parts[-1]) + len(group) <= MAX_COLUMNS:
            parts[-1] += group
        else:
            starts = range(0, len(group), MAX_COLUMNS)
            parts += [group[start : start + MAX_COLUMNS] for start in starts]
    return parts
