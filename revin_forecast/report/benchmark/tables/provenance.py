"""Table 6: how, where and from what the numbers were made."""

from collections.abc import Mapping
from typing import Any

from revin_forecast.report.benchmark.reading import Tables
from revin_forecast.report.markup import code, count, folded, heads, name, number, paragraph, table
from revin_forecast.report.wording import seconds

LABELS = {
    "name": "suite",
    "date": "date",
    "git_rev": "git revision",
    "machine": "machine",
    "cores": "cores",
    "threads": "threads of a task",
    "wall_s": "wall time",
}


def provenance(tables: Tables, facts: Mapping[str, Any]) -> str:
    """Return the tables of facts, data and stages, and the suite's own text."""
    rows = [[name(key), name(value)] for key, value in stated(tables, facts).items()]
    parts = [table(heads("fact", "value"), rows), _data(tables)]
    if stages := facts.get("stages"):
        total = sum(stages.values())
        spent = [
            [
                name(stage),
                name(seconds(float(value))),
                number(100 * value / total if total else 0, 2),
            ]
            for stage, value in stages.items()
        ]
        words = paragraph("Where the time went (by the clock):")
        parts += [words, table(heads("stage", "time", "%"), spent)]
    if facts.get("config"):
        parts.append(folded("The suite, as it was run (YAML)", code(str(facts["config"]))))
    return "".join(parts)


def stated(tables: Tables, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known about the making, as words."""
    told = {}
    for key, words in LABELS.items():
        if facts.get(key) is not None:
            told[words] = seconds(float(facts[key])) if key == "wall_s" else str(facts[key])
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


def _data(tables: Tables) -> str:
    runs = tables["runs"].drop_duplicates(["dataset", "data_sha", "lookback", "horizon"])
    rows = [
        [
            name(row["dataset"]),
            count(row["lookback"]),
            count(row["horizon"]),
            name(row["data_sha"][:16]),
        ]
        for row in runs.sort_values("dataset").to_dict("records")
    ]
    words = paragraph("Data, with the first digits of the SHA-256 of their content:")
    return words + table(heads("data set", "look-back", "horizon", "data"), rows) if rows else ""
