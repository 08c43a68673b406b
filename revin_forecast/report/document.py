"""A page as one file that needs nothing else: its style, its script and plotly inside."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from plotly.offline import get_plotlyjs

CONTENT_SECURITY_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
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
        home: folder of the page's own page.css and page.js.
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
