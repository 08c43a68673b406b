"""The leaderboard, every model against its twin, and the gains by kind of shift."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    BLOCK_TITLES,
    LEADERBOARD_COLUMNS,
    REFERENCE_LABELS,
    Frame,
    Tables,
    format_shift,
    list_backbone_names,
    list_shifts,
)
from revin_forecast.reports.benchmark.result import PLACES
from revin_forecast.reports.benchmark.style import assign_styles, ordered_models
from revin_forecast.reports.templates import render_template
from revin_forecast.shift.aggregates.leaderboard import REFERENCE_NOTES

Row = dict[str, Any]
"""A row of a table by column."""
ModelEntry = tuple[tuple[str, str], dict[str, Row], str]
"""Backbone and normalizer of a model, its rows by column, and its remark."""


MAX_LEADERBOARD_ROWS = 40
"""Models that the leaderboard shows at once."""


def render_leaderboard(tables: Tables) -> Markup:
    """Return the errors and ranks, ordered by the rank under a steady shift."""
    models = sorted(_list_models(tables), key=_steady_position)
    return render_template(
        "benchmark/tables/leaderboard.html.jinja",
        models=models,
        columns=LEADERBOARD_COLUMNS,
        places=PLACES,
        max_rows=MAX_LEADERBOARD_ROWS,
        has_remarks=any(remark for _, _, remark in models),
    )


def render_twins(tables: Tables) -> Markup:
    """Return the ratios to the twin, and the regrets."""
    models = _list_models(tables)
    return render_template(
        "benchmark/tables/twins.html.jinja",
        models=models,
        pairs=[entry for entry in models if has_twin(entry[1])],
        columns=LEADERBOARD_COLUMNS,
    )


def _list_models(tables: Tables) -> list[ModelEntry]:
    return [
        (model, _add_ranks(parts), _remark_text(parts)) for model, parts in rows_by_model(tables)
    ]


def _steady_position(entry: ModelEntry) -> tuple[bool, float]:
    """Return the place in the leaderboard: models without a rank keep their order at its end."""
    parts = entry[1]
    rank = parts.get("steady", parts.get("clean", {})).get("rank", math.nan)
    return math.isnan(rank), 0.0 if math.isnan(rank) else rank


def _add_ranks(parts: dict[str, Row]) -> dict[str, Row]:
    return {column: row | {"rank_text": format_rank(row)} for column, row in parts.items()}


def has_twin(parts: dict[str, Row]) -> bool:
    """Return whether a model is compared with a twin: neither a reference nor a twin itself."""
    return any(row["role"] == "model" and row["normalizer"] != BASELINE for row in parts.values())


def format_rank(row: Row) -> str:
    """Return a row's rank, and the mark of the Pareto front; empty without a rank.

    Models with little or no skill share the last rank, which is shown as a name, not as a place.

    >>> format_rank({"rank": 2.0, "skilled": True, "on_front": True})
    '#2 ◆'
    >>> format_rank({"rank": 4.0, "skilled": False, "on_front": False})
    'low skill'
    >>> format_rank({"rank": math.nan})
    ''
    """
    if math.isnan(row["rank"]):
        return ""
    if row["skilled"] is False:
        return "low skill"
    return f"#{row['rank']:.0f}" + (" ◆" if row["on_front"] is True else "")


def rows_by_model(tables: Tables) -> list[tuple[tuple[str, str], dict[str, Row]]]:
    """Return (backbone, normalizer) with its rows by column: models, references, online models."""
    frame = tables["headline"]
    groups: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in frame.to_dict("records"):
        key = str(row["backbone"]), str(row["normalizer"]), str(row["role"])
        groups.setdefault(key, {})[row["column"]] = row
    names = list(assign_styles(frame["normalizer"], ()))
    backbones, roles = list_backbone_names(tables), ["model", *REFERENCE_LABELS]

    def position(key: tuple[str, str, str]) -> tuple[int, int, int]:
        backbone, normalizer, role = key
        if role != "model":
            return (roles.index(role) if role in roles else len(roles)), 0, 0
        return 0, backbones.index(backbone), names.index(normalizer)

    # References have no normalizer: the label of their role is in its place.
    return [
        ((key[0], REFERENCE_LABELS.get(key[2], key[1])), groups[key])
        for key in sorted(groups, key=position)
    ]


def _remark_text(parts: dict[str, Row]) -> str:
    """Return the notes of a model, with the column of a note that is not that of all columns."""
    columns: dict[str, list[str]] = {}
    for column, row in parts.items():
        for note in filter(None, str(row["note"]).split("; ")):
            if note == REFERENCE_NOTES.get(row["role"]):  # its label says so
                continue
            columns.setdefault(note, []).append(column)
    notes = [
        note if len(places) == len(parts) else f"{', '.join(places)}: {note}"
        for note, places in columns.items()
    ]
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
    values = {
        (row["backbone"], row["normalizer"]): [row["mce"], row["lo"], row["hi"]]
        for row in means.to_dict("records")
    }
    return [
        {
            "groups": count_columns(models),
            "normalizers": [normalizer for _, normalizer in models],
            "rows": [
                (format_shift(*shift), [cells.get((*shift, *model)) for model in models])
                for shift in list_shifts(frame)
            ],
            "means": [values.get(model, [math.nan] * 3) for model in models],
        }
        for models in split_models(ordered_models(frame, tables), MAX_COLUMNS)
    ]


def count_columns(models: Sequence[ModelKey]) -> list[tuple[str, int]]:
    """Return each backbone with the number of its models."""
    backbones = [backbone for backbone, _ in models]
    return [(backbone, backbones.count(backbone)) for backbone in dict.fromkeys(backbones)]


def split_models(models: Sequence[ModelKey], max_columns: int) -> list[list[ModelKey]]:
    """Split models into tables of at most `max_columns` columns, keeping a backbone together."""
    parts: list[list[ModelKey]] = []
    for backbone in dict.fromkeys(backbone for backbone, _ in models):
        group = [model for model in models if model[0] == backbone]
        if parts and len(parts[-1]) + len(group) <= max_columns:
            parts[-1] += group
        else:
            starts = range(0, len(group), max_columns)
            parts += [group[start : start + max_columns] for start in starts]
    return parts
