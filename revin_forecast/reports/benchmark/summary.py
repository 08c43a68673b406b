"""The main tables of the report as Markdown, for a terminal, a commit or a pull request."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    Tables,
    list_backbone_names,
)
from revin_forecast.reports.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.reports.benchmark.tables.context import describe_verdicts, provenance_facts
from revin_forecast.reports.benchmark.tables.scores import rows_by_model
from revin_forecast.reports.formatting import format_interval, format_number
from revin_forecast.reports.markdown import markdown_table

INTRODUCTION = """\
Two experiments, never averaged: under process shift (steady, transition) look-back and truth move
together; under observation corruption the look-back moves and the truth stays clean. The sign of
a normalizer's effect flips between them. MASE*: pulled back through the shift, no unit, lower is
better. Ratios are against the twin: same backbone and seed, no normalizer (Identity); below 1 is
less error. Brackets: 95 % moving-block bootstrap intervals. #: rank, given where the clean error
is within 10 % of the best.\
"""


def summary_markdown(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the Markdown summary.

    Args:
        tables: every table with every column, as returned by `fill_tables`.
        facts: as for `write_benchmark_report`.
    """
    name = escape_markdown_cell(str(facts.get("name", "")))
    parts = {
        f"# Shift benchmark {name}".rstrip(): INTRODUCTION,
        "## Data sets": _format_rows(_dataset_rows(tables)),
        "## MASE*": _format_rows(_score_rows(tables)),
        "## Error against the twin": _format_rows(_baseline_ratio_rows(tables)),
        "## mCE, geometric mean over shifts of the error against the twin": _format_rows(
            _mce_rows(tables)
        ),
        "## Theory checks": _describe_checks(tables),
        "## Failures": _describe_failures(tables),
        "## Provenance": "\n".join(
            f"- {key}: {escape_markdown_cell(value)}"
            for key, value in provenance_facts(tables, facts).items()
        ),
    }
    return "\n\n".join(f"{title}\n\n{text}" for title, text in parts.items()) + "\n"


def escape_markdown_cell(text: str) -> str:
    r"""Escape text so that Markdown shows it unchanged, even inside a table.

    >>> escape_markdown_cell("<b>|*")
    '&lt;b&gt;\\|\\*'
    """
    line = escape(" ".join(text.split()), quote=False)  # a line break would end the table row
    return "".join(f"\\{letter}" if letter in "\\|*_`[]#" else letter for letter in line)


def _format_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    return markdown_table(rows) if rows else "Nothing to show."


def _dataset_rows(tables: Tables) -> list[dict[str, str]]:
    measures = {"removable": "removable", "level gap": "gap_mu", "δ*": "delta_star"}
    return [
        {
            "data set": escape_markdown_cell(str(name)),
            "channels": str(len(cards)),
            **{
                key: format_number(float(cards[column].dropna().median()))
                for key, column in measures.items()
            },
            "verdict": escape_markdown_cell(describe_verdicts(cards)),
        }
        for name, cards in tables["shiftcards"].groupby("dataset")
    ]


def _score_rows(tables: Tables) -> list[dict[str, str]]:
    rows = []
    for (backbone, normalizer), parts in rows_by_model(tables):
        row = {
            "backbone": escape_markdown_cell(backbone),
            "normalizer": escape_markdown_cell(normalizer),
        }
        for column in LEADERBOARD_COLUMNS:
            row[column] = ""
            if column in parts:
                scores = parts[column]
                rank = "" if math.isnan(scores["rank"]) else f" #{scores['rank']:.0f}"
                row[column] = format_interval(scores["mase"], scores["lo"], scores["hi"]) + rank
        rows.append(row)
    return rows


def _baseline_ratio_rows(tables: Tables) -> list[dict[str, str]]:
    rows = []
    for (backbone, normalizer), parts in rows_by_model(tables):
        if normalizer in (BASELINE, "(reference)"):
            continue
        row = {
            "backbone": escape_markdown_cell(backbone),
            "normalizer": escape_markdown_cell(normalizer),
        }
        for column in LEADERBOARD_COLUMNS:
            row[column] = ""
            if column in parts:
                keys = ("against_twin", "twin_lo", "twin_hi")
                row[column] = format_interval(*(math.exp(parts[column][key]) for key in keys))
        rows.append(row)
    return rows


def _mce_rows(tables: Tables) -> list[dict[str, str]]:
    frame = tables["mce"]
    values = {
        (row["backbone"], row["normalizer"], row["semantics"], row["placement"]): row["mce"]
        for row in frame.to_dict("records")
    }
    blocks = [block for block in BLOCK_TITLES if any(key[2:] == block for key in values)]
    models = dict.fromkeys(key[:2] for key in values if key[0] in list_backbone_names(tables))
    return [
        {"backbone": escape_markdown_cell(backbone), "normalizer": escape_markdown_cell(normalizer)}
        | {
            BLOCK_TITLES[b]: format_number(values.get((backbone, normalizer, *b), math.nan))
            for b in blocks
        }
        for backbone, normalizer in models
        if normalizer != BASELINE
    ]


def _describe_checks(tables: Tables) -> str:
    frame = tables["checks"]
    if frame.empty:
        return "None were run."
    passed = frame["passed"].astype(bool)
    failed = ", ".join(escape_markdown_cell(name) for name in frame.loc[~passed, "name"])
    return f"{passed.sum()} of {len(frame)} passed" + (f"; FAILED: {failed}." if failed else ".")


def _describe_failures(tables: Tables) -> str:
    counts = {key: int((tables[key]["status"] == "failed").sum()) for key in ("runs", "cells")}
    if not any(counts.values()):
        return "None."
    return f"{counts['runs']} runs and {counts['cells']} cells failed; the page names them."
