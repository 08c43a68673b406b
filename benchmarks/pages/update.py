"""Make the pages of docs/benchmarks and their pictures anew from the JSON, measuring nothing."""

import argparse
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kaleido
from choreographer.browsers import Chromium

from benchmarks.evidence import PAGES, fingerprint_rows, render_page, write_evidence
from benchmarks.pages.figures import figure_of
from revin_forecast.reports.markdown import markdown_table


def has_browser() -> bool:
    """Tell whether kaleido will find a browser: its server would wait for one forever."""
    told = os.environ.get("BROWSER_PATH")
    return Path(told).is_file() if told else Chromium.find_browser(skip_local=False) is not None


@contextmanager
def one_browser() -> Iterator[None]:
    """Let one browser draw all pictures, if there is one."""
    if not has_browser():
        yield
        return
    warnings.filterwarnings("ignore", "The kopts argument is ignored")  # plotly's own
    kaleido.start_sync_server(silence_warnings=True)
    try:
        yield
    finally:
        kaleido.stop_sync_server(silence_warnings=True)


def text_of(written: str, name: str, rows: list[dict[str, Any]]) -> str:
    """Return what stands above a page's picture and table.

    Raises:
        SystemExit: the page has no table with these columns.
    """
    head = markdown_table(rows).splitlines()[0]
    above, found, _ = written.rpartition(f"\n{head}\n")
    if not found:
        raise SystemExit(f"{name}.md has no table {head}; run its script again.")
    kept = above.rstrip()
    *lines, last = kept.splitlines()
    return "\n".join(lines).rstrip() if last.endswith(f"]({name}.svg)") else kept


def difference(path: Path) -> str | None:
    """Return in what a page differs from its record, None if in nothing."""
    rows, made = _record(path)
    written, picture = path.with_suffix(".md").read_text(), path.with_suffix(".svg")
    text = text_of(written, path.stem, rows)
    if written != render_page(path.stem, text, rows, made, picture.is_file()):
        return "the page is not what its record gives"
    if not picture.is_file():
        return "there is no picture" if figure_of(path.stem, rows) else None
    drawn = picture.read_text().rstrip().endswith(f"<!-- {fingerprint_rows(rows)} -->")
    return None if drawn else "the picture shows other rows"


def write(path: Path) -> None:
    """Write the page and the picture of a record."""
    rows, made = _record(path)
    text = text_of(path.with_suffix(".md").read_text(), path.stem, rows)
    write_evidence(path.parent, path.stem, text, rows, made, figure_of(path.stem, rows))


def _record(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    record = json.loads(path.read_text())
    return record["rows"], record["made"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of pages, without ending; all if not given")
    parser.add_argument("--folder", type=Path, default=PAGES)
    parser.add_argument("--check", action="store_true", help="only tell which pages would change")
    chosen = parser.parse_args()
    named = [chosen.folder / f"{name}.json" for name in chosen.names]
    paths = named or sorted(chosen.folder.glob("*.json"))
    if chosen.check:
        told = [f"{path.stem}: {wrong}" for path in paths if (wrong := difference(path))]
        raise SystemExit(
            "\n".join([*told, "Run python -m benchmarks.pages.update."]) if told else None
        )
    with one_browser():
        for path in paths:
            write(path)


if __name__ == "__main__":
    main()
