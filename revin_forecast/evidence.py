"""Measured results as files: a JSON record with its circumstances, and a Markdown page of it."""

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from revin_forecast.files import replacing

Row = Mapping[str, Any]


def circumstances() -> dict[str, Any]:
    """Return when and on what something was measured."""
    libraries = ("revin-forecast", "torch", "numpy")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in libraries},
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "quick": False,
    }


def write_evidence(
    folder: Path, name: str, text: str, rows: Sequence[Row], made: Mapping[str, Any]
) -> None:
    """Write `name`.json and `name`.md into a folder.

    Args:
        folder: made if it is not there.
        name: of the files.
        text: Markdown above the table: what was measured, how to repeat it.
        rows: of the table; the first one's keys are its columns.
        made: the circumstances.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = json.dumps({"made": dict(made), "rows": [dict(row) for row in rows]}, indent=1)
    page = f"{text.strip()}\n\n{markdown_table(rows)}\n\n{_told(made)}\n"
    for ending, content in ((".json", record + "\n"), (".md", page)):
        with replacing(folder / f"{name}{ending}") as partial:
            partial.write_text(content, encoding="utf-8")


def markdown_table(rows: Sequence[Row]) -> str:
    """Lay rows out as a Markdown table, numbers to the right; None is left blank.

    >>> print(markdown_table([{"data": "etth1", "mse": 0.36671}]))
    | data | mse |
    |---|---:|
    | etth1 | 0.3667 |
    """
    columns = list(rows[0])
    sides = ["---:" if _holds_numbers(rows, name) else "---" for name in columns]
    lines = [" | ".join(columns), "|".join(sides)]
    lines += [" | ".join(_shown(row[name]) for name in columns) for row in rows]
    head, rule, *body = lines
    return "\n".join([f"| {head} |", f"|{rule}|", *(f"| {line} |" for line in body)])


def _holds_numbers(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row[name], int | float) for row in rows)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _told(made: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return (
        f"Measured {made['date']} on {made['cores']} cores ({made['machine']}), "
        f"{made['threads']} threads, Python {made['python']}, {versions}."
    )
