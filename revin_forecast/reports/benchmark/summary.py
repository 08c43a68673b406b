"""The main tables of the report as Markdown, for a terminal, a commit or a pull request."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    BLOCK_TITLES,
    LEADERBOARD_COLUMNS,
    Tables,
    list_backbone_names,
)
from revin_forecast.reports.benchmark.result import describe_result, describe_scope
from revin_forecast.reports.benchmark.tables.context import describe_verdicts, provenance_facts
from revin_forecast.reports.benchmark.tables.incomplete import describe_failures, describe_gaps
from revin_forecast.reports.benchmark.tables.scores import Row, format_rank, has_twin, rows_by_model
from revin_forecast.reports.formatting import MISSING, format_interval, format_number
from revin_forecast.reports.templates import render_template

TableRow = list[str]
"""The texts of a row; `Markup` where they are not escaped."""


def summary_markdown(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the Markdown summary; text from the tables is escaped.

    Args:
        tables: every table with every column, as returned by `fill_tables`.
        facts: as for `write_benchmark_report`.
    """
    checks = tables["checks"]
    mces = tables["mce"]
    blocks = [
        b for b in BLOCK_TITLES if b in set(zip(mces["semantics"], mces["placement"], strict=True))
    ]
    return render_template(
        "benchmark/summary.md.jinja",
        name=facts.get("name", ""),
        findings=describe_result(tables),
        scope=describe_scope(tables),
        columns=list(LEADERBOARD_COLUMNS),
        datasets=_list_datasets(tables),
        scores=[
            [*model, *_format_columns(parts, LEADERBOARD_COLUMNS, _format_score)]
            for model, parts in rows_by_model(tables)
        ],
        twin_columns=_TWIN_COLUMNS,
        twin_ratios=[
            [*model, *_format_twin_ratios(parts)]
            for model, parts in rows_by_model(tables)
            if has_twin(parts)
        ],
        mce_blocks=[BLOCK_TITLES[block] for block in blocks],
        mces=_list_mces(tables, blocks),
        fills=_list_fills(tables),
        coverages=_list_coverages(tables),
        check_count=len(checks),
        failed_checks=checks.loc[~checks["passed"].astype(bool), "name"].tolist(),
        failures=describe_failures(tables),
        gaps=describe_gaps(tables),
        facts=provenance_facts(tables, facts),
    )


def _list_datasets(tables: Tables) -> list[TableRow]:
    return [
        [
            str(name),
            str(len(cards)),
            *(
                format_number(float(cards[measure].dropna().median()))
                for measure in ("removable", "gap_mu", "delta_star")
            ),
            describe_verdicts(cards),
        ]
        for name, cards in tables["shiftcards"].groupby("dataset")
    ]


def _format_columns(
    parts: dict[str, Row], columns: Sequence[str], format_cell: Callable[[Row], str]
) -> TableRow:
    """Return a text for each column, empty where the model has no row."""
    # Numbers in brackets are not a link.
    return [Markup(format_cell(parts[name])) if name in parts else "" for name in columns]


def _format_score(row: Row) -> str:
    return f"{format_interval(row['mase'], row['lo'], row['hi'])} {format_rank(row)}".rstrip()


_TWIN_COLUMNS = [
    "clean gain",
    *(f"{name}{part}" for name in LEADERBOARD_COLUMNS[1:] for part in ("", ", shift alone")),
]


def _format_twin_ratios(parts: dict[str, Row]) -> TableRow:
    """Return the ratio on clean data, then under each shift the ratio and the shift's own part."""
    shifted = [
        text
        for name in LEADERBOARD_COLUMNS[1:]
        for keys in (_TWIN_KEYS, _EFFECT_KEYS)
        for text in _format_columns(parts, [name], partial(_format_log_ratio, keys))
    ]
    clean = _format_columns(parts, LEADERBOARD_COLUMNS[:1], partial(_format_log_ratio, _TWIN_KEYS))
    return [*clean, *shifted]


_TWIN_KEYS = ("against_twin", "twin_lo", "twin_hi")
_EFFECT_KEYS = ("shift_effect", "shift_effect_lo", "shift_effect_hi")


def _format_log_ratio(keys: tuple[str, str, str], row: Row) -> str:
    return format_interval(*(math.exp(row[key]) for key in keys))


def _list_mces(tables: Tables, blocks: list[tuple[str, str]]) -> list[TableRow]:
    keys = ("backbone", "normalizer", "semantics", "placement")
    values = {
        tuple(row[key] for key in keys): format_interval(row["mce"], row["lo"], row["hi"])
        for row in tables["mce"].to_dict("records")
    }
    models = dict.fromkeys(key[:2] for key in values if key[0] in list_backbone_names(tables))
    return [
        [*model, *(Markup(values.get((*model, *block), MISSING)) for block in blocks)]
        for model in models
        if model[1] != BASELINE
    ]


def _list_fills(tables: Tables) -> list[TableRow]:
    """Return each model with its error over that with filled gaps, at the largest share of gaps."""
    fills = tables["fills"]
    largest = fills[fills["severity"] == fills["severity"].max()]
    keys = ("against_level", "level_lo", "level_hi")
    return [
        [row["backbone"], row["normalizer"], Markup(_format_log_ratio(keys, row))]
        for row in largest[largest["role"] == "model"].to_dict("records")
    ]


def _list_coverages(tables: Tables) -> list[TableRow]:
    """Return each model with the share of values in its 80 % intervals in %, by column."""
    intervals = tables["intervals"]
    shares: dict[tuple[str, ...], dict[str, float]] = {}
    for row in intervals[intervals["role"] == "model"].to_dict("records"):
        names = row["backbone"], row["normalizer"], row["source"]
        shares.setdefault(names, {})[row["column"]] = 100 * row["coverage_80"]
    return [
        [*names, *(format_number(parts.get(column, math.nan)) for column in LEADERBOARD_COLUMNS)]
        for names, parts in shares.items()
    ]
