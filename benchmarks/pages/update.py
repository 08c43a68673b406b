"""Rewrite the pages of docs/benchmarks and their figures from the JSON, without measuring."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.evidence import PAGES, Row, fingerprint_rows, render_page, write_evidence
from benchmarks.pages.browser import open_browser
from benchmarks.pages.figures import draw_figure
from revin_forecast.reports.markdown import markdown_table


def main(words: Sequence[str] | None = None) -> None:
    """Rewrite pages, or print which would change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pages without their ending; all by default")
    parser.add_argument("--folder", type=Path, default=PAGES)
    parser.add_argument("--check", action="store_true", help="only print which pages would change")
    options = parser.parse_args(words)
    named = [options.folder / f"{name}.json" for name in options.names]
    paths = named or sorted(options.folder.glob("*.json"))
    if options.check:
        changes = [f"{path.stem}: {change}" for path in paths if (change := find_difference(path))]
        command = "Run python -m benchmarks.pages.update."
        raise SystemExit("\n".join([*changes, command]) if changes else None)
    with open_browser():
        for path in paths:
            update_page(path)


def update_page(path: Path) -> None:
    """Write the page and the figure of a record; the text above the table stays."""
    rows, environment = _read_record(path)
    text = extract_text(path.with_suffix(".md").read_text(), path.stem, rows)
    write_evidence(path.parent, path.stem, text, rows, environment, draw_figure(path.stem, rows))


def find_difference(path: Path) -> str | None:
    """Return how a page differs from its record; None if it does not."""
    rows, environment = _read_record(path)
    page, figure = path.with_suffix(".md").read_text(), path.with_suffix(".svg")
    text = extract_text(page, path.stem, rows)
    if page != render_page(path.stem, text, rows, environment, figure.is_file()):
        return "the page does not match its record"
    if not figure.is_file():
        return "there is no figure" if draw_figure(path.stem, rows) else None
    is_current = figure.read_text().rstrip().endswith(f"<!-- {fingerprint_rows(rows)} -->")
    return None if is_current else "the figure shows other rows"


def extract_text(page: str, name: str, rows: list[Row]) -> str:
    """Return the text above the figure and the table of a page.

    Raises:
        SystemExit: the page has no table with these columns.
    """
    header = markdown_table(rows).splitlines()[0]
    above, separator, _ = page.rpartition(f"\n{header}\n")
    if not separator:
        raise SystemExit(f"{name}.md has no table {header}; run its program again.")
    text = above.rstrip()
    *lines, last = text.splitlines()
    return "\n".join(lines).rstrip() if last.endswith(f"]({name}.svg)") else text


def _read_record(path: Path) -> tuple[list[Row], dict[str, Any]]:
    record = json.loads(path.read_text())
    return record["rows"], record["made"]


if __name__ == "__main__":
    main()
