"""The main tables of the report as Markdown, for a terminal, a commit or a pull request."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    REFERENCE_LABELS,
    Tables,
    list_backbone_names,
)
from revin_forecast.reports.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.reports.benchmark.tables.context import describe_verdicts, provenance_facts
from revin_forecast.reports.benchmark.tables.scores import Row, rows_by_model
from revin_forecast.reports.formatting import format_interval, format_number
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
        columns=list(LEADERBOARD_COLUMNS),
        datasets=_list_datasets(tables),
        scores=_list_models(tables, _format_score),
        twin_ratios=[
            row
            for row in _list_models(tables, _format_twin_ratio)
            if row[1] not in (BASELINE, *REFERENCE_LABELS.values())
        ],
        mce_blocks=[BLOCK_TITLES[block] for block in blocks],
        mces=_list_mces(tables, blocks),
        check_count=len(checks),
        failed_checks=checks.loc[~checks["passed"].astype(bool), "name"].tolist(),
        failed_runs=int((tables["runs"]["status"] == "failed").sum()),
        failed_cells=int((tables["cells"]["status"] == "failed").sum()),
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


def _list_models(tables: Tables, format_cell: Callable[[Row], str]) -> list[TableRow]:
    """Return each model with a cell for each column of the headline, empty without a row."""
    return [
        [
            *model,
            *(
                # Numbers in brackets are not a link.
                Markup(format_cell(parts[column])) if column in parts else ""
                for column in LEADERBOARD_COLUMNS
            ),
        ]
        for model, parts in rows_by_model(tables)
    ]


def _format_score(row: Row) -> str:
    rank = "" if math.isnan(row["rank"]) else f" #{row['rank']:.0f}"
    return format_interval(row["mase"], row["lo"], row["hi"]) + rank


def _format_twin_ratio(row: Row) -> str:
    return format_interval(*(math.exp(row[key]) for key in ("against_twin", "twin_lo", "twin_hi")))


def _list_mces(tables: Tables, blocks: list[tuple[str, str]]) -> list[TableRow]:
    values = {
        (row["backbone"], row["normalizer"], row["semantics"], row["placement"]): row["mce"]
        for row in tables["mce"].to_dict("records")
    }
    models = dict.fromkeys(key[:2] for key in values if key[0] in list_backbone_names(tables))
    return [
        [*model, *(format_number(values.get((*model, *block), math.nan)) for block in blocks)]
        for model in models
        if model[1] != BASELINE
    ]
