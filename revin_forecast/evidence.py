"""Measured results as files: a JSON record with its circumstances, and a Markdown page of it."""

import datetime
import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from revin_forecast.files import replacing

Row = Mapping[str, Any]


@runtime_checkable
class Drawable(Protocol):
    """What is asked of a picture; plotly's figures are such, and need not be imported here."""

    def to_image(self, format: str) -> bytes:
        """Return the picture as a file's content."""
        ...


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
    folder: Path,
    name: str,
    text: str,
    rows: Sequence[Row],
    made: Mapping[str, Any],
    figure: Drawable | None = None,
) -> None:
    """Write `name`.json, `name`.md and, of a figure, `name`.svg into a folder.

    An older picture goes: it would stand beside numbers that it does not show. So it does where
    none can be drawn, for want of kaleido or of a browser; a line on stdout says that.

    Args:
        folder: made if it is not there.
        name: of the files.
        text: Markdown above the table: what was measured, how to repeat it.
        rows: of the table; the first one's keys are its columns.
        made: the circumstances.
        figure: of the rows; None: no picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture = None if figure is None else _drawn(figure, name)
    record = json.dumps({"made": dict(made), "rows": [dict(row) for row in rows]}, indent=1)
    contents = {".json": record + "\n", ".md": page(name, text, rows, made, picture is not None)}
    if picture is None:
        (folder / f"{name}.svg").unlink(missing_ok=True)
    else:
        contents[".svg"] = f"{picture}\n<!-- {digest(rows)} -->\n"
    for ending, content in contents.items():
        with replacing(folder / f"{name}{ending}") as partial:
            partial.write_text(content, encoding="utf-8")


def page(
    name: str, text: str, rows: Sequence[Row], made: Mapping[str, Any], pictured: bool = False
) -> str:
    """Return a page's Markdown: its text, its picture if it has one, the table, circumstances."""
    title = text.strip().splitlines()[0].lstrip("# ")
    picture = f"![{title}]({name}.svg)\n\n" if pictured else ""
    return f"{text.strip()}\n\n{picture}{markdown_table(rows)}\n\n{_told(made)}\n"


def digest(rows: Sequence[Row]) -> str:
    """Return what tells rows apart: a picture ends with that of the rows that it shows."""
    content = json.dumps([dict(row) for row in rows]).encode()
    return f"rows sha256 {hashlib.sha256(content).hexdigest()}"


def _slim(picture: str) -> str:
    """Leave out what plotly says of every point although it is so anyway: a third of the file."""
    without = picture.replace(' class="point"', "").replace('; fill-opacity: 1;"', '"')
    return without.replace('"opacity: 1; stroke-width: 0px; ', '"')


def _drawn(figure: Drawable, name: str) -> str | None:
    try:
        return _slim(figure.to_image(format="svg").decode())
    except RuntimeError as error:  # plotly's where kaleido or a browser is not there
        why = str(error).strip().splitlines()[0].rstrip(",.")
        print(f"{name} has no picture: {why}. Once that is mended, run scripts/pages.py.")
        return None


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
