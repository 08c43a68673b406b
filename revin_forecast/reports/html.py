"""A page as one file that needs nothing else: its style, its script and plotly inside."""

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
"""Nothing may be fetched: the page is whole, whatever a table may have smuggled in."""


def render_json_block(key: str, json: str) -> str:
    """Return JSON as a part of a page that scripts read and nobody sees.

    Args:
        key: its id is data-KEY.
        json: whatever it holds, such as </script>, none of it can end the block.
    """
    shut = json.replace("<", "\\u003c")
    return f'<script type="application/json" id="data-{escape(key)}">{shut}</script>'


def render_page(
    title: str, body: str, navigation: str, folder: Path, scripts: Sequence[str] = ()
) -> str:
    """Return a whole HTML page.

    Args:
        title: plain text.
        body: HTML, every word from a file escaped.
        navigation: HTML.
        folder: folder of the page's own page.css and page.js.
        scripts: further files there, which come before page.js.
    """
    names = ("page.css", *scripts, "page.js")
    style, *own = ((folder / name).read_text(encoding="utf-8") for name in names)
    code = "".join(f"<script>{script}</script>" for script in (get_plotlyjs(), *own))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body>{navigation}<main>{body}</main>{code}</body></html>\n"
    )


@dataclass(frozen=True)
class Cell:
    """One place of a table."""

    text: str
    """Not escaped yet."""
    css_class: str = ""
    """CSS classes."""
    span: int = 1
    remark: str = ""
    """Follows the text, smaller; not escaped yet."""

    def render(self, tag: str) -> str:
        """Return the element."""
        kind = f' class="{escape(self.css_class)}"' if self.css_class else ""
        span = f' colspan="{self.span}"' if self.span > 1 else ""
        small = f" <small>{escape(self.remark)}</small>" if self.remark else ""
        return f"<{tag}{kind}{span}>{escape(self.text)}{small}</{tag}>"


def text_cell(text: object, span: int = 1) -> Cell:
    """Return a cell of words."""
    return Cell(str(text), span=span)


def number_cell(value: float, digits: int = 3) -> Cell:
    """Return a cell of a number."""
    return Cell(format_number(value, digits), "number")


def count_cell(value: float) -> Cell:
    """Return a cell of a whole number."""
    return Cell(MISSING if math.isnan(value) else f"{value:.0f}", "number")


def interval_cell(value: float, low: float, high: float, remark: str = "") -> Cell:
    """Return a cell of a number with its interval and a remark."""
    head, _, tail = format_interval(value, low, high).partition(" ")
    return Cell(head, "number", remark=" ".join(part for part in (tail, remark) if part))


def ratio_cell(value: float, low: float, high: float) -> Cell:
    """Return a cell of an error ratio, marked where its whole interval lies on one side of 1.

    The arrow says the same as the colour: ▼ less error, ▲ more.
    """
    cell = interval_cell(value, low, high)
    if cell.text == MISSING:
        return cell
    if high < 1:
        return Cell(f"{cell.text} ▼", "number better", remark=cell.remark)
    if low > 1:
        return Cell(f"{cell.text} ▲", "number worse", remark=cell.remark)
    return cell


def render_table(header_rows: Sequence[Sequence[Cell]], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table in a box of its own that scrolls sideways where the screen is narrow.

    The last row of heads has one for each column; it stands above numbers as they stand.
    """
    if not rows:
        return render_paragraph("There is nothing to show here.")
    numeric = {i for row in rows for i, cell in enumerate(row) if "number" in cell.css_class}
    last = [
        replace(c, css_class="number") if i in numeric else c for i, c in enumerate(header_rows[-1])
    ]
    top = "".join(_render_row(head, "th") for head in [*header_rows[:-1], last])
    body = "".join(_render_row(row, "td") for row in rows)
    return (
        '<div class="scroll" tabindex="0"><table>'
        f"<thead>{top}</thead><tbody>{body}</tbody></table></div>"
    )


def header_row(*names: str) -> list[list[Cell]]:
    """Return one row of column heads."""
    return [[text_cell(text) for text in names]]


def _render_row(cells: Iterable[Cell], tag: str) -> str:
    return f"<tr>{''.join(cell.render(tag) for cell in cells)}</tr>"


def render_paragraph(text: str, css_class: str = "") -> str:
    """Return a paragraph of plain text."""
    mark = f' class="{css_class}"' if css_class else ""
    return f"<p{mark}>{escape(text)}</p>"


def render_collapsible(summary: str, html: str) -> str:
    """Return HTML that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def render_code(text: str) -> str:
    """Return text as it is, in a box."""
    return f'<pre class="scroll" tabindex="0">{escape(text)}</pre>'
