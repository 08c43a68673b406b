"""Table 2: the headline, and every model against its twin."""

import math

from revin_forecast.report.benchmark.looks import assign_styles
from revin_forecast.report.benchmark.reading import (
    LEADERBOARD_COLUMNS,
    BASELINE,
    Column,
    Frame,
    Tables,
    list_backbone_names,
)
from revin_forecast.report.markup import (
    Cell,
    header_row,
    interval_cell,
    text_cell,
    number_cell,
    render_paragraph,
    ratio_cell,
    render_table,
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
