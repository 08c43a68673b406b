"""Tables 2 and 3: the headline, every model against its twin, and nCE by shift."""

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
from revin_forecast.reports.benchmark.style import assign_styles, ordered_models
from revin_forecast.reports.formatting import format_number
from revin_forecast.reports.html import (
    TableCell,
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
    """Return the table of errors and the table of ratios to the twin."""
    frame = tables["headline"]
    text = render_paragraph(
        "MASE* with its 95 % interval: geometric mean over data sets of the mean over a column's "
        "cells; lower is better. #1 is the best rank of its column. A model is ranked only if its "
        "clean error is within 10 % of the best clean error: otherwise a model that is bad "
        "everywhere could rank first. Other models have no #. Columns are never averaged with each "
        "other."
    )
    rows = [
        [
            *map(text_cell, model),
            *(_score_cell(parts.get(column)) for column in LEADERBOARD_COLUMNS),
            text_cell(_remark_text(parts)),
        ]
        for model, parts in rows_by_model(tables)
    ]
    headers = header_row("backbone", "normalizer", *LEADERBOARD_COLUMNS, "remark")
    if frame.empty:
        return text + render_table(headers, [])
    return text + render_table(headers, rows) + _render_baseline_ratios(tables)


def rows_by_model(tables: Tables) -> list[tuple[tuple[str, str], dict[str, Column]]]:
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
        grouped.append(((str(reference), "(reference)"), _rows_by_column(rows)))
    return [(model, parts) for model, parts in grouped if parts]


def _matches_model(frame: Frame, model: tuple[str, str]) -> Column:
    return (frame["backbone"] == model[0]) & (frame["normalizer"] == model[1])


def _rows_by_column(rows: Frame) -> dict[str, Column]:
    return {str(row["column"]): row for _, row in rows.iterrows()}


def _score_cell(row: Column | None) -> TableCell:
    if row is None:
        return number_cell(math.nan)
    rank = "" if math.isnan(row["rank"]) else f"#{row['rank']:.0f}"
    cell = interval_cell(row["mase"], row["lo"], row["hi"], rank)
    return TableCell(
        cell.text, cell.css_class + (" best" if rank == "#1" else ""), remark=cell.remark
    )


def _remark_text(parts: dict[str, Column]) -> str:
    notes = dict.fromkeys(str(row["note"]) for row in parts.values() if row["note"])
    failed = sum(row["n_failed"] for row in parts.values() if row["n_failed"] > 0)
    return "; ".join(
        [*notes, *([f"{failed:.0f} cell{'s' * (failed > 1)} failed"] if failed else [])]
    )


def _render_baseline_ratios(tables: Tables) -> str:
    text = render_paragraph(
        "Against the twin: E/E_twin, the same backbone and seed without a normalizer, on the same "
        "windows, with its 95 % interval. ▼ (blue): less error than the twin; ▲ (orange): more; "
        "unmarked: the interval contains 1. Degradation: E_s/E_0, the ratio to the error on the "
        "clean series; not a ranking by itself, since a constant forecast has 1."
    )
    shifted = LEADERBOARD_COLUMNS[1:]
    rows = []
    for (backbone, normalizer), parts in rows_by_model(tables):
        ratios = [_baseline_ratio_cell(parts.get(column)) for column in LEADERBOARD_COLUMNS]
        degradations = [_degradation_cell(parts.get(column)) for column in shifted]
        if normalizer == BASELINE:
            ratios = [text_cell("(twin)")] * len(ratios)
        rows.append([text_cell(backbone), text_cell(normalizer), *ratios, *degradations])
    headers = [
        [
            TableCell("", span=2),
            TableCell("E / E_twin", "group", 4),
            TableCell("degradation E_s / E_0", "group", 3),
        ],
        [text_cell(text) for text in ("backbone", "normalizer", *LEADERBOARD_COLUMNS, *shifted)],
    ]
    return text + render_table(headers, rows)


def _baseline_ratio_cell(row: Column | None) -> TableCell:
    if row is None:
        return number_cell(math.nan)
    return ratio_cell(*(math.exp(row[key]) for key in ("against_twin", "twin_lo", "twin_hi")))


def _degradation_cell(row: Column | None) -> TableCell:
    return number_cell(math.nan if row is None else math.exp(row["degradation"]))


MAX_COLUMNS = 6
"""Columns of a table; more would not fit on paper."""

ModelKey = tuple[str, str]
"""Backbone and normalizer."""


def render_shift_tables(tables: Tables) -> str:
    """Return nCE by shift: steady and observation are open, other placements collapsed."""
    frame = tables["nce"]
    frame = frame[
        frame["backbone"].isin(list_backbone_names(tables)) & (frame["normalizer"] != BASELINE)
    ]
    text = render_paragraph(
        "nCE = exp(mean of log(E/E_twin)) over severities, seeds and data sets, with its 95 % "
        "interval. ▼ (blue): less error than the same backbone without a normalizer; ▲ (orange): "
        "more. Process shift and observation corruption have separate tables: their signs are "
        "expected to differ, and a mean of the two is meaningless. mCE, the last row, is the "
        "geometric mean over arms, then over the shifts that every model has."
    )
    parts = []
    for (semantics, placement), title in BLOCK_TITLES.items():
        rows = frame[(frame["semantics"] == semantics) & (frame["placement"] == placement)]
        if rows.empty:
            continue
        block = _render_block(rows, tables["mce"], tables)
        if placement in ("steady", "observation"):
            parts.append(f"<h3>{title[0].upper()}{title[1:]}</h3>{block}")
        else:
            parts.append(render_collapsible(f"{title[0].upper()}{title[1:]}", block))
    return text + ("".join(parts) or render_table([], []))


def _render_block(frame: Frame, means: Frame, tables: Tables) -> str:
    models = ordered_models(frame, tables)
    cells = {
        (row["shift"], row["arm"], row["backbone"], row["normalizer"]): _nce_cell(row)
        for row in frame.to_dict("records")
    }
    first = frame.iloc[0]  # all rows have the same semantics and placement
    means = means[means["semantics"] == first["semantics"]]
    means = means[means["placement"] == first["placement"]]
    cells |= {
        ("mCE", "", row["backbone"], row["normalizer"]): TableCell(
            format_number(row["mce"]), "number total"
        )
        for row in means.to_dict("records")
    }
    return "".join(
        _render_models(cells, part, list_shifts(frame)) for part in _split_models(models)
    )


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


def _render_models(
    cells: Mapping[tuple[str, ...], TableCell],
    models: Sequence[ModelKey],
    shifts: Sequence[tuple[str, str]],
) -> str:
    missing = number_cell(math.nan)
    rows = [
        [
            text_cell(format_shift(*shift)),
            *(cells.get((*shift, *model), missing) for model in models),
        ]
        for shift in shifts
    ]
    mean_row = [cells.get(("mCE", "", *model), missing) for model in models]
    spans = {b: sum(model[0] == b for model in models) for b, _ in models}
    headers = [
        [TableCell(""), *(TableCell(b, "group", span) for b, span in spans.items())],
        [text_cell("shift"), *(text_cell(normalizer) for _, normalizer in models)],
    ]
    return render_table(headers, [*rows, [TableCell("mCE", "total"), *mean_row]])


def _nce_cell(row: dict) -> TableCell:
    cell = ratio_cell(row["nce"], row["lo"], row["hi"])
    if row["n_failed"] > 0:  # a mean over fewer cells than its neighbours
        return TableCell(
            cell.text, cell.css_class, remark=f"{cell.remark} {row['n_failed']:.0f} failed"
        )
    return cell
