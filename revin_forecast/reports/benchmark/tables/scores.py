"""Table 2: the headline, and every model against its twin."""

import math
from collections.abc import Mapping, Sequence

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    Column,
    Frame,
    Tables,
    format_shift,
    list_backbone_names,
    list_shifts,
)
from revin_forecast.reports.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.reports.benchmark.style import assign_styles
from revin_forecast.reports.formatting import format_number
from revin_forecast.reports.html import (
    Cell,
    header_row,
    interval_cell,
    number_cell,
    ratio_cell,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)


def render_leaderboard(tables: Tables) -> str:
    """Return both tables."""
    frame = tables["headline"]
    words = render_paragraph(
        "MASE* with its 95 % interval: geometric mean over data sets of the mean over a column's "
        "cells; lower is better. #1 is the best rank of its column. A model is ranked only where "
        "its clean error is within 10 % of the best clean error, so that nobody wins by being bad "
        "everywhere; the rest has no #. Columns are never averaged with each other."
    )
    rows = [
        [
            *map(text_cell, model),
            *(_score_cell(parts.get(column)) for column in LEADERBOARD_COLUMNS),
            text_cell(_remark_text(parts)),
        ]
        for model, parts in rows_by_model(tables)
    ]
    top = header_row("backbone", "normalizer", *LEADERBOARD_COLUMNS, "remark")
    if frame.empty:
        return words + render_table(top, [])
    return words + render_table(top, rows) + _render_baseline_ratios(tables)


def rows_by_model(tables: Tables) -> list[tuple[tuple[str, str], dict[str, Column]]]:
    """Return (backbone, normalizer) and its rows by column: models first, then references."""
    frame = tables["headline"]
    is_model = frame["role"] == "model"
    looks = assign_styles(frame.loc[is_model, "normalizer"], frame.loc[~is_model, "backbone"])
    order = [(b, n) for b in list_backbone_names(tables) for n in looks]
    found = []
    for model in order:
        found.append((model, _rows_by_column(frame[is_model & _matches_model(frame, model)])))
    for reference in dict.fromkeys(frame.loc[~is_model, "backbone"]):
        own = frame[~is_model & (frame["backbone"] == reference)]
        found.append(((str(reference), "(reference)"), _rows_by_column(own)))
    return [(model, parts) for model, parts in found if parts]


def _matches_model(frame: Frame, model: tuple[str, str]) -> Column:
    return (frame["backbone"] == model[0]) & (frame["normalizer"] == model[1])


def _rows_by_column(rows: Frame) -> dict[str, Column]:
    return {str(row["column"]): row for _, row in rows.iterrows()}


def _score_cell(row: Column | None) -> Cell:
    if row is None:
        return number_cell(math.nan)
    rank = "" if math.isnan(row["rank"]) else f"#{row['rank']:.0f}"
    cell = interval_cell(row["mase"], row["lo"], row["hi"], rank)
    return Cell(cell.text, cell.css_class + (" best" if rank == "#1" else ""), remark=cell.remark)


def _remark_text(parts: dict[str, Column]) -> str:
    notes = dict.fromkeys(str(row["note"]) for row in parts.values() if row["note"])
    failed = sum(row["n_failed"] for row in parts.values() if row["n_failed"] > 0)
    return "; ".join(
        [*notes, *([f"{failed:.0f} cell{'s' * (failed > 1)} failed"] if failed else [])]
    )


def _render_baseline_ratios(tables: Tables) -> str:
    words = render_paragraph(
        "Against the twin: E/E_twin, the same backbone and seed without a normalizer, on the same "
        "windows, with its 95 % interval. ▼ (blue): less error than the twin; ▲ (orange): more; "
        "unmarked: the interval holds 1. Degradation: E_s/E_0, how much worse than the clean "
        "series; never a ranking by itself, a constant forecaster has 1."
    )
    shifted = LEADERBOARD_COLUMNS[1:]
    rows = []
    for (backbone, normalizer), parts in rows_by_model(tables):
        twins = [_baseline_ratio_cell(parts.get(column)) for column in LEADERBOARD_COLUMNS]
        falls = [_degradation_cell(parts.get(column)) for column in shifted]
        if normalizer == BASELINE:
            twins = [text_cell("(twin)")] * len(twins)
        rows.append([text_cell(backbone), text_cell(normalizer), *twins, *falls])
    top = [
        [
            Cell("", span=2),
            Cell("E / E_twin", "group", 4),
            Cell("degradation E_s / E_0", "group", 3),
        ],
        [text_cell(text) for text in ("backbone", "normalizer", *LEADERBOARD_COLUMNS, *shifted)],
    ]
    return words + render_table(top, rows)


def _baseline_ratio_cell(row: Column | None) -> Cell:
    if row is None:
        return number_cell(math.nan)
    return ratio_cell(*(math.exp(row[key]) for key in ("against_twin", "twin_lo", "twin_hi")))


def _degradation_cell(row: Column | None) -> Cell:
    return number_cell(math.nan if row is None else math.exp(row["degradation"]))


MAX_COLUMNS = 6
"""Columns of a table: more are not read, and don't fit on paper."""

ModelKey = tuple[str, str]
"""Backbone and normalizer."""


def render_shift_tables(tables: Tables) -> str:
    """Return the tables; the first of each kind of shift open, placements beside it folded."""
    frame = tables["nce"]
    frame = frame[
        frame["backbone"].isin(list_backbone_names(tables)) & (frame["normalizer"] != BASELINE)
    ]
    words = render_paragraph(
        "nCE = exp(mean of log(E/E_twin)) over severities, seeds and data sets, with its 95 % "
        "interval. ▼ (blue): less error than the same backbone without a normalizer; ▲ (orange): "
        "more. Process shift and observation corruption stand in tables of their own: their signs "
        "are expected to differ, and a mean of the two has no meaning. mCE, the last row, is the "
        "geometric mean over arms, then over the shifts that every model has."
    )
    parts = []
    for (semantics, placement), title in BLOCK_TITLES.items():
        own = frame[(frame["semantics"] == semantics) & (frame["placement"] == placement)]
        if own.empty:
            continue
        block = _render_block(own, tables["mce"], tables)
        if placement in ("steady", "observation"):
            parts.append(f"<h3>{title[0].upper()}{title[1:]}</h3>{block}")
        else:
            parts.append(render_collapsible(f"{title[0].upper()}{title[1:]}", block))
    return words + ("".join(parts) or render_table([], []))


def _render_block(frame: Frame, means: Frame, tables: Tables) -> str:
    looks = assign_styles(frame["normalizer"], ())
    found = set(zip(frame["backbone"], frame["normalizer"], strict=True))
    models = [(b, n) for b in list_backbone_names(tables) for n in looks if (b, n) in found]
    cells = {
        (row["shift"], row["arm"], row["backbone"], row["normalizer"]): _nce_cell(row)
        for row in frame.to_dict("records")
    }
    place = frame.iloc[0]
    own = means[(means["semantics"] == place["semantics"])]
    own = own[own["placement"] == place["placement"]]
    cells |= {
        ("mCE", "", row["backbone"], row["normalizer"]): Cell(
            format_number(row["mce"]), "number total"
        )
        for row in own.to_dict("records")
    }
    return "".join(
        _render_models(cells, part, list_shifts(frame)) for part in _split_models(models)
    )


def _split_models(models: Sequence[ModelKey]) -> list[list[ModelKey]]:
    """Cut models into tables of at most `MOST` columns, a backbone in one where it fits."""
    parts: list[list[ModelKey]] = []
    for backbone in dict.fromkeys(backbone for backbone, _ in models):
        own = [model for model in models if model[0] == backbone]
        if parts and len(parts[-1]) + len(own) <= MAX_COLUMNS:
            parts[-1] += own
        else:
            parts += [own[first : first + MAX_COLUMNS] for first in range(0, len(own), MAX_COLUMNS)]
    return parts


def _render_models(
    cells: Mapping[tuple[str, ...], Cell],
    models: Sequence[ModelKey],
    shifts: Sequence[tuple[str, str]],
) -> str:
    nothing = number_cell(math.nan)
    rows = [
        [
            text_cell(format_shift(*shift)),
            *(cells.get((*shift, *model), nothing) for model in models),
        ]
        for shift in shifts
    ]
    last = [cells.get(("mCE", "", *model), nothing) for model in models]
    spans = {b: sum(model[0] == b for model in models) for b, _ in models}
    top = [
        [Cell(""), *(Cell(b, "group", span) for b, span in spans.items())],
        [text_cell("shift"), *(text_cell(normalizer) for _, normalizer in models)],
    ]
    return render_table(top, [*rows, [Cell("mCE", "total"), *last]])


def _nce_cell(row: dict) -> Cell:
    cell = ratio_cell(row["nce"], row["lo"], row["hi"])
    if row["n_failed"] > 0:
        return Cell(cell.text, cell.css_class, remark=f"{cell.remark} {row['n_failed']:.0f} failed")
    return cell
