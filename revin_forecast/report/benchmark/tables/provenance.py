"""Table 6: how, where and from what the numbers were made."""

from collections.abc import Mapping
from typing import Any

from revin_forecast.report.benchmark.reading import Tables
from revin_forecast.report.markup import render_code, count_cell, render_collapsible, header_row, text_cell, number_cell, render_paragraph, render_table
from revin_forecast.report.wording import format_duration

FACT_LABELS = {
    "name": "suite",
    "date": "date",
    "git_rev": "git revision",
    "machine": "machine",
    "cores": "cores",
    "threads": "threads of a task",
    "wall_s": "wall time",
}


def render_provenance(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the tables of facts, data and stages, and the suite's own text."""
    rows = [[text_cell(key), text_cell(value)] for key, value in provenance_facts(tables, facts).items()]
    parts = [render_table(header_row("fact", "value"), rows), _render_datasets(tables)]
    if stages := facts.get("stages"):
        total = sum(stages.values())
        spent = [
            [
                text_cell(stage),
                text_cell(format_duration(float(value))),
                number_cell(100 * value / total if total else 0, 2),
            ]
            for stage, value in stages.items()
        ]
        words = render_paragraph("Where the time went (by the clock):")
        parts += [words, render_table(header_row("stage", "time", "%"), spent)]
    if facts.get("config"):
        parts.append(render_collapsible("The suite, as it was run (YAML)", render_code(str(facts["config"]))))
    return "".join(parts)


def provenance_facts(tables: Tables, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known about the making, as words."""
    told = {}
    for key, words in FACT_LABELS.items():
        if facts.get(key) is not None:
            told[words] = format_duration(float(facts[key])) if key == "wall_s" else str(facts[key])
    if versions := facts.get("versions"):
        told["versions"] = ", ".join(f"{library} {text}" for library, text in versions.items())
    runs = tables["runs"]
    seeds = sorted(runs.loc[runs["role"] == "model", "seed"].dropna().unique())
    told["seeds"] = ", ".join(f"{seed:.0f}" for seed in seeds)
    told["runs"] = f"{(runs['status'] == 'done').sum()} done of {len(runs)}"
    cells = tables["cells"]
    counts = cells["status"].value_counts()
    words = {"done": "done", "failed": "failed", "excluded": "not applicable"}
    told["cells"] = ", ".join(f"{counts.get(key, 0)} {word}" for key, word in words.items())
    return told


def _render_datasets(tables: Tables) -> str:
    runs = tables["runs"].drop_duplicates(["dataset", "data_sha", "lookback", "horizon"])
    rows = [
        [
            text_cell(row["dataset"]),
            count_cell(row["lookback"]),
            count_cell(row["horizon"]),
            text_cell(row["data_sha"][:16]),
        ]
        for row in runs.sort_values("dataset").to_dict("records")
    ]
    words = render_paragraph("Data, with the first digits of the SHA-256 of their content:")
    return words + render_table(header_row("data set", "look-back", "horizon", "data"), rows) if rows else ""
