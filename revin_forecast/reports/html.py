"""Self-contained HTML pages and their tables; style, scripts and plotly are embedded."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

from revin_forecast.reports.formatting import MISSING, format_interval, format_number

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)
"""Policy of every page: no request is allowed, so injected markup cannot load anything.

Scripts and styles are inline because a page is a single file."""


def render_json_block(key: str, json: str) -> str:
    """Return JSON as an invisible block of a page, to be read by its scripts.

    Args:
        key: the element's id is data-KEY.
        json: may contain any text, including </script>.
    """
    # No "<" means no closing tag; JSON reads the escape as the same character.
    escaped = json.replace("<", "\\u003c")
    return f'<script type="application/json" id="data-{escape(key)}">{escaped}</script>'


def render_page(
    title: str, body: str, navigation: str, folder: Path, scripts: Sequence[str] = ()
) -> str:
    """Return a complete HTML page.

    Args:
        title: plain text.
        body: HTML; text from files must be escaped.
        navigation: HTML.
        folder: folder that contains page.css and page.js.
        scripts: names of further files in `folder`, embedded before page.js.
    """
    # page.js comes last, since it calls the functions of the other scripts.
    names = ("page.css", *scripts, "page.js")
    style, *page_scripts = ((folder / name).read_text(encoding="utf-8") for name in names)
    code = "".join(f"<script>{script}</script>" for script in (get_plotlyjs(), *page_scripts))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body>{navigation}<main>{body}</main>{code}</body></html>\n"
    )


@dataclass(frozen=True)
class TableCell:
    """A table cell."""

    text: str
    """Plain text, escaped by `render`."""
    css_class: str = ""
    """CSS classes, separated by spaces."""
    span: int = 1
    """Number of columns covered."""
    remark: str = ""
    """Plain text in small type after `text`, escaped by `render`."""

    def render(self, tag: str) -> str:
        """Return the HTML element.

        Args:
            tag: "td" or "th".
        """
        class_attribute = f' class="{escape(self.css_class)}"' if self.css_class else ""
        span = f' colspan="{self.span}"' if self.span > 1 else ""
        small = f" <small>{escape(self.remark)}</small>" if self.remark else ""
        return f"<{tag}{class_attribute}{span}>{escape(self.text)}{small}</{tag}>"


def text_cell(text: object, span: int = 1) -> TableCell:
    """Return a cell with text."""
    return TableCell(str(text), span=span)


def number_cell(value: float, digits: int = 3) -> TableCell:
    """Return a cell with a number rounded to significant digits."""
    return TableCell(format_number(value, digits), "number")


def count_cell(value: float) -> TableCell:
    """Return a cell with a whole number."""
    return TableCell(MISSING if math.isnan(value) else f"{value:.0f}", "number")


def interval_cell(value: float, low: float, high: float, remark: str = "") -> TableCell:
    """Return a cell with a number; its interval and a remark follow in small type."""
    number, _, interval = format_interval(value, low, high).partition(" ")
    return TableCell(number, "number", remark=" ".join(part for part in (interval, remark) if part))


def ratio_cell(value: float, low: float, high: float) -> TableCell:
    """Return a cell with an error ratio, marked if its interval excludes 1.

    ▼ marks less error, ▲ more. The arrow repeats the colour for colour-blind readers.
    """
    cell = interval_cell(value, low, high)
    if cell.text == MISSING:
        return cell
    if high < 1:
        return TableCell(f"{cell.text} ▼", "number better", remark=cell.remark)
    if low > 1:
        return TableCell(f"{cell.text} ▲", "number worse", remark=cell.remark)
    return cell


def render_table(
    header_rows: Sequence[Sequence[TableCell]], rows: Sequence[Sequence[TableCell]]
) -> str:
    """Return a table in a box that scrolls sideways on narrow screens.

    Args:
        header_rows: rows of column headers. The last one has a header for each column; it is
            right-aligned above numbers.
        rows: the body; without rows, a sentence replaces the table.
    """
    if not rows:
        return render_paragraph("There is nothing to show here.")
    # A column is numeric if any of its cells is: a missing value must not move its header.
    numeric_columns = {
        i for row in rows for i, cell in enumerate(row) if "number" in cell.css_class
    }
    last = [
        replace(cell, css_class="number") if i in numeric_columns else cell
        for i, cell in enumerate(header_rows[-1])
    ]
    top = "".join(_render_row(head, "th") for head in [*header_rows[:-1], last])
    body = "".join(_render_row(row, "td") for row in rows)
    return (
        # The tab index lets the keyboard scroll the box.
        '<div class="scroll" tabindex="0"><table>'
        f"<thead>{top}</thead><tbody>{body}</tbody></table></div>"
    )


def header_row(*names: str) -> list[list[TableCell]]:
    """Return a single row of column headers."""
    return [[text_cell(text) for text in names]]


def _render_row(cells: Iterable[TableCell], tag: str) -> str:
    return f"<tr>{''.join(cell.render(tag) for cell in cells)}</tr>"


def render_paragraph(text: str, css_class: str = "") -> str:
    """Return a paragraph of plain text."""
    class_attribute = f' class="{css_class}"' if css_class else ""
    return f"<p{class_attribute}>{escape(text)}</p>"


def render_collapsible(summary: str, html: str) -> str:
    """Return HTML that is collapsed until its summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def render_code(text: str) -> str:
    """Return text as a preformatted block."""
    return f'<pre class="scroll" tabindex="0">{escape(text)}</pre>'
