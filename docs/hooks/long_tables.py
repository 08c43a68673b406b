"""Extension of Sphinx: long tables of figures become HTML at once, which saves time in a build.

Their cells are then not in the search, where they would name everything.
"""

import re

from markdown_it import MarkdownIt
from sphinx.application import Sphinx

LONG = re.compile(r"(?:^\|.*\n){60,}", re.M)
"""A table of Markdown with 60 lines or more."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("source-read", write_long_tables)
    return {"parallel_read_safe": True}


def write_long_tables(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace the long tables of a page of evidence, where no cell is a link, by HTML."""
    if page.startswith("benchmarks/"):
        source[0] = LONG.sub(lambda match: write_table(match[0]), source[0])


def write_table(text: str) -> str:
    """Return a table of Markdown as HTML, in the container in which wide tables scroll."""
    if "](" in text:
        return text
    table = MarkdownIt("commonmark").enable("table").render(text)
    table = table.replace("<table>", '<table class="table">', 1)
    return f'<div class="pst-scrollable-table-container" tabindex="0">{table}</div>\n'
