"""Table 2: the headline, and every model against its twin."""

import math

from revin_forecast.report.benchmark.looks import looks_of
from revin_forecast.report.benchmark.reading import (
    SCORED_COLUMNS,
    TWIN,
    Column,
    Frame,
    Tables,
    backbones,
)
from revin_forecast.report.markup import (
    Cell,
    heads,
    measured,
    name,
    number,
    paragraph,
    ratio,
    table,
)


def headline(tables: Tables) -> str:
    """Return both tables."""
    frame = tables["headline"]
    words = paragraph(
        "MASE* with its 95 % interval: geometric mean over data sets of the mean over a column's "
        "cells; lower is better. #1 is the best rank of its column. A model is ranked only where "
        "its clean error is within 10 % of the best clean error, so that nobody wins by being bad "
        "everywhere; the rest has no #. Columns are never averaged with each other."
    )
    rows = [
        [
            *map(name, model),
            *(_score(parts.get(column)) for column in SCORED_COLUMNS),
            name(_remark(parts)),
        ]
        for model, parts in model_rows(tables)
    ]
    top = heads("backbone", "normalizer", *SCORED_COLUMNS, "remark")
    if frame.empty:
        return words + table(top, [])
    return words + table(top, rows) + _against_twin(tables)


def model_rows(tables: Tables) -> list[tuple[tuple[str, str], dict[str, Column]]]:
    """Return (backbone, normalizer) and its rows by column: models first, then references."""
    frame = tables["headline"]
    is_model = frame["role"] == "model"
    looks = looks_of(frame.loc[is_model, "normalizer"], frame.loc[~is_model, "backbone"])
    order = [(b, n) for b in backbones(tables) for n in looks]
    found = []
    for model in order:
        found.append((model, _by_column(frame[is_model & _is(frame, model)])))
    for reference in dict.fromkeys(frame.loc[~is_model, "backbone"]):
        own = frame[~is_model & (frame["backbone"] == reference)]
        found.append(((str(reference), "(reference)"), _by_column(own)))
    return [(model, parts) for model, parts in found if parts]


def _is(frame: Frame, model: tuple[str, str]) -> Column:
    return (frame["backbone"] == model[0]) & (frame["normalizer"] == model[1])


def _by_column(rows: Frame) -> dict[str, Column]:
    return {str(row["column"]): row for _, row in rows.iterrows()}


def _score(row: Column | None) -> Cell:
    if row is None:
        return number(math.nan)
    rank = "" if math.isnan(row["rank"]) else f"#{row['rank']:.0f}"
    cell = measured(row["mase"], row["lo"], row["hi"], rank)
    return Cell(cell.text, cell.kind + (" best" if rank == "#1" else ""), small=cell.small)


def _remark(parts: dict[str, Column]) -> str:
    notes = dict.fromkeys(str(row["note"]) for row in parts.values() if row["note"])
    failed = sum(row["n_failed"] for row in parts.values() if row["n_failed"] > 0)
    return "; ".join(
        [*notes, *([f"{failed:.0f} cell{'s' * (failed > 1)} failed"] if failed else [])]
    )


def _against_twin(tables: Tables) -> str:
    words = paragraph(
        "Against the twin: E/E_twin, the same backbone and seed without a normalizer, on the same "
        "windows, with its 95 % interval. ▼ (blue): less error than the twin; ▲ (orange): more; "
        "unmarked: the interval holds 1. Degradation: E_s/E_0, how much worse than the clean "
        "series; never a ranking by itself, a constant forecaster has 1."
    )
    shifted = SCORED_COLUMNS[1:]
    rows = []
    for (backbone, normalizer), parts in model_rows(tables):
        twins = [_twin(parts.get(column)) for column in SCORED_COLUMNS]
        falls = [_degradation(parts.get(column)) for column in shifted]
        if normalizer == TWIN:
            twins = [name("(twin)")] * len(twins)
        rows.append([name(backbone), name(normalizer), *twins, *falls])
    top = [
        [
            Cell("", span=2),
            Cell("E / E_twin", "group", 4),
            Cell("degradation E_s / E_0", "group", 3),
        ],
        [name(text) for text in ("backbone", "normalizer", *SCORED_COLUMNS, *shifted)],
    ]
    return words + table(top, rows)


def _twin(row: Column | None) -> Cell:
    if row is None:
        return number(math.nan)
    return ratio(*(math.exp(row[key]) for key in ("against_twin", "twin_lo", "twin_hi")))


def _degradation(row: Column | None) -> Cell:
    return number(math.nan if row is None else math.exp(row["degradation"]))
