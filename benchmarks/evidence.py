"""Evidence pages: the JSON record of a measurement, its page, and the programs that write both."""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from revin_forecast.errors import InputError
from revin_forecast.reports.markdown import markdown_table
from revin_forecast.utils.environment import environment_info
from revin_forecast.utils.files import atomic_write

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "benchmarks"
Options = argparse.Namespace
Row = dict[str, Any]


@runtime_checkable
class Drawable(Protocol):
    """A figure that can be saved; plotly's figures are, and need not be imported here."""

    def to_image(self, format: str) -> bytes:
        """Return the figure as the content of an image file."""
        ...


@dataclass
class EvidencePage:
    """A page in the making: a benchmark program sets its text and adds its rows."""

    name: str
    """File name of the page without its ending."""
    folder: Path
    """Folder of the page, its JSON record and its figure."""
    quick: bool
    """Whether the sizes are reduced; recorded, so that tests can refuse such figures."""
    text: str = ""
    """Markdown above the table: the method and the command that repeats it."""
    rows: list[Row] = field(default_factory=list)
    figure: Drawable | None = None

    @cached_property
    def environment(self) -> dict[str, Any]:
        """The circumstances of the run; a program may add its own entries.

        They are recorded at the first use, which has to come after `torch.set_num_threads`.
        """
        return environment_info() | {"quick": self.quick}

    def add(self, row: Mapping[str, Any]) -> None:
        """Print and add a row, and write the page, so that an interrupted run keeps its rows."""
        print(*row.values(), sep=" | ", flush=True)
        self.rows.append(dict(row))
        self.write()

    def write(self) -> None:
        """Write the JSON record and the page."""
        write_evidence(self.folder, self.name, self.text, self.rows, self.environment, self.figure)


Measure = Callable[[Options, EvidencePage], None]


def measurement(
    page: str, *, quick: str, options: Mapping[str, Mapping[str, Any]] | None = None
) -> Callable[[Measure], Callable[..., None]]:
    """Turn a function that measures into a command line program that writes an evidence page.

    The program has the options `--quick` and `--out` and those of the function. It parses them,
    calls the function with them and an empty page, and writes the page. The help text begins with
    the docstring of the function's module.

    Args:
        page: name of the page; the function may change it.
        quick: help for `--quick`: the size of a quick run.
        options: further options, with the arguments of `ArgumentParser.add_argument`.
    """

    def decorate(measure: Measure) -> Callable[..., None]:
        @wraps(measure)
        def main(words: Sequence[str] | None = None) -> None:
            parser = argparse.ArgumentParser(description=measure.__globals__["__doc__"])
            parser.add_argument("--out", type=Path, default=PAGES, help="folder of the page")
            parser.add_argument("--quick", action="store_true", help=quick)
            for name, arguments in (options or {}).items():
                parser.add_argument(name, **arguments)
            parsed = parser.parse_args(words)
            evidence = EvidencePage(page, parsed.out, parsed.quick)
            try:
                measure(parsed, evidence)
            except InputError as error:
                raise SystemExit(f"error: {error}") from None
            if evidence.rows:
                evidence.write()

        return main

    return decorate


def write_evidence(
    folder: Path,
    name: str,
    text: str,
    rows: Sequence[Mapping[str, Any]],
    environment: Mapping[str, Any],
    figure: Drawable | None = None,
) -> None:
    """Write `name`.json and `name`.md, and `name`.svg if there is a figure, into a folder.

    An existing figure is deleted unless it is replaced: it would show other numbers than the table.
    Where none can be drawn, because kaleido or a browser is missing, a line on stdout says so.

    Args:
        folder: created if it does not exist.
        name: file name without its ending.
        text: Markdown above the table: the method and the command that repeats it.
        rows: rows of the table; the keys of the first one are its columns.
        environment: circumstances of the measurement, from `environment_info`.
        figure: figure of the rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    svg = None if figure is None else _render_svg(figure, name)
    # "made" is the key of committed records; renaming it would make them unreadable.
    record = json.dumps({"made": dict(environment), "rows": [dict(row) for row in rows]}, indent=1)
    page = render_page(name, text, rows, environment, svg is not None)
    contents = {".json": record + "\n", ".md": page}
    if svg is None:
        (folder / f"{name}.svg").unlink(missing_ok=True)
    else:
        contents[".svg"] = f"{svg}\n<!-- {fingerprint_rows(rows)} -->\n"
    for ending, content in contents.items():
        with atomic_write(folder / f"{name}{ending}") as partial:
            partial.write_text(content, encoding="utf-8")


def render_page(
    name: str,
    text: str,
    rows: Sequence[Mapping[str, Any]],
    environment: Mapping[str, Any],
    has_figure: bool = False,
) -> str:
    """Return the Markdown of a page: text, figure, table and environment."""
    title = text.strip().splitlines()[0].lstrip("# ")
    figure = f"![{title}]({name}.svg)\n\n" if has_figure else ""
    table = markdown_table(rows)
    return f"{text.strip()}\n\n{figure}{table}\n\n{_describe_environment(environment)}\n"


def fingerprint_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a hash of rows; the last line of a figure has the hash of the rows it shows."""
    content = json.dumps([dict(row) for row in rows]).encode()
    return f"rows sha256 {hashlib.sha256(content).hexdigest()}"


def _render_svg(figure: Drawable, name: str) -> str | None:
    try:
        return _shrink_svg(figure.to_image(format="svg").decode())
    except RuntimeError as error:  # from plotly if kaleido or a browser is missing
        reason = str(error).strip().splitlines()[0].rstrip(",.")
        command = "python -m benchmarks.pages.update"
        print(f"{name} has no figure: {reason}. Once that is fixed, run {command}.")
        return None


def _shrink_svg(svg: str) -> str:
    """Remove the attributes that plotly writes for every point although they are the default."""
    # A third of the file.
    svg = svg.replace(' class="point"', "").replace('; fill-opacity: 1;"', '"')
    return svg.replace('"opacity: 1; stroke-width: 0px; ', '"')


def _describe_environment(environment: Mapping[str, Any]) -> str:
    libraries = environment["versions"].items()
    versions = ", ".join(f"{name} {number}" for name, number in libraries)
    return (
        f"Measured {environment['date']} on {environment['cores']} cores "
        f"({environment['machine']}), {environment['threads']} threads, "
        f"Python {environment['python']}, {versions}."
    )
