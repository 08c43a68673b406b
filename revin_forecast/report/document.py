"""A page as one file that needs nothing else: its style, its script and plotly inside."""

from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""Nothing may be fetched: the page is whole, whatever a table may have smuggled in."""


def document(title: str, body: str, navigation: str, home: Path) -> str:
    """Return a whole HTML page.

    Args:
        title: plain text.
        body: HTML, every word from a file escaped.
        navigation: HTML.
        home: folder of the page's own page.css and page.js.
    """
    style, script = ((home / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body>{navigation}<main>{body}</main>"
        f"<script>{get_plotlyjs()}</script><script>{script}</script></body></html>\n"
    )
