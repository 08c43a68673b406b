"""HTML made so that nothing from a table can become markup: every text is escaped here."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape

from revin_forecast.report.wording import NOTHING, interval, shown


@dataclass(frozen=True)
class Cell:
    """One place of a table."""

    text: str
    """Not escaped yet."""
    kind: str = ""
    """CSS classes."""
    span: int = 1
    small: str = ""
    """Follows the text, smaller; not escaped yet."""

    def html(self, tag: str) -> str:
        """Return the element."""
        kind = f' class="{escape(self.kind)}"' if self.kind else ""
        span = f' colspan="{self.span}"' if self.span > 1 else ""
        small = f" <small>{escape(self.small)}</small>" if self.small else ""
        return f"<{tag}{kind}{span}>{escape(self.text)}{small}</{tag}>"


def name(text: object, span: int = 1) -> Cell:
    """Return a cell of words."""
    return Cell(str(text), span=span)


def number(value: float, digits: int = 3) -> Cell:
    """Return a cell of a number."""
    return Cell(shown(value, digits), "number")


def count(value: float) -> Cell:
    """Return a cell of a whole number."""
    return Cell(NOTHING if math.isnan(value) else f"{value:.0f}", "number")


def measured(value: float, low: float, high: float, small: str = "") -> Cell:
    """Return a cell of a number with its interval and a remark."""
    head, _, tail = interval(value, low, high).partition(" ")
    return Cell(head, "number", small=" ".join(part for part in (tail, small) if part))


def ratio(value: float, low: float, high: float) -> Cell:
    """Return a cell of an error ratio, marked where its whole interval lies on one side of 1.

    The arrow says the same as the colour: ▼ less error, ▲ more.
    """
    cell = measured(value, low, high)
    if cell.text == NOTHING:
        return cell
    if high < 1:
        return Cell(f"{cell.text} ▼", "number better", small=cell.small)
    if low > 1:
        return Cell(f"{cell.text} ▲", "number worse", small=cell.small)
    return cell


def table(heads: Sequence[Sequence[Cell]], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table in a box of its own that scrolls sideways where the screen is narrow.

    The last row of heads has one for each column; it stands above numbers as they stand.
    """
    if not rows:
        return paragraph("There is nothing to show here.")
    numeric = {i for row in rows for i, cell in enumerate(row) if "number" in cell.kind}
    last = [replace(c, kind="number") if i in numeric else c for i, c in enumerate(heads[-1])]
    top = "".join(_row(head, "th") for head in [*heads[:-1], last])
    body = "".join(_row(row, "td") for row in rows)
    return (
        '<div class="scroll" tabindex="0"><table>'
        f"<thead>{top}</thead><tbody>{body}</tbody></table></div>"
    )


def heads(*names: str) -> list[list[Cell]]:
    """Return one row of column heads."""
    return [[name(text) for text in names]]


def _row(cells: Iterable[Cell], tag: str) -> str:
    return f"<tr>{''.join(cell.html(tag) for cell in cells)}</tr>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(text)}</p>"


def folded(summary: str, html: str) -> str:
    """Return HTML that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def code(text: str) -> str:
    """Return text as it is, in a box."""
    return f'<pre class="scroll" tabindex="0">{escape(text)}</pre>'
