"""Tables for tests of forecast reports, and functions that make and read their pages."""

import base64
import gzip
import html
import json
import re

import numpy as np
import pandas as pd

from revin_forecast.cli.main import main

HOSTILE = "<img src=x onerror=alert(1)></script>\"'&"
ROWS, HORIZON = 240, 7


def make_table(names=(HOSTILE, "north", "south"), rows=ROWS):
    """Return daily series with a weekly season, each 50 above the one before."""
    random = np.random.default_rng(0)
    timestamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    season = 10 * np.sin(np.arange(rows) * 2 * np.pi / 7)
    levels = 50 * np.arange(1, len(names) + 1)
    values = levels + season[:, None] + random.normal(size=(rows, len(names)))
    frame = pd.DataFrame(values, columns=list(names))
    frame.insert(0, "date", timestamps)
    return frame


def make_long_table(spans, rows=200):
    """Return a long table whose series have the rows of their slices."""
    values = make_table(tuple(spans), rows).set_index("date")
    parts = [
        pd.DataFrame(
            {"unique_id": name, "ds": values.index[span], "y": values[name].to_numpy()[span]}
        )
        for name, span in spans.items()
    ]
    return pd.concat(parts)


def render_page(folder, frame, *arguments):
    """Run `forecast` on a table and return its page."""
    frame.to_csv(folder / "a.csv", index=False)
    command = ["forecast", str(folder / "a.csv"), "--out", str(folder / "f.csv"), "--quiet"]
    assert main([*command, "--report", str(folder / "r.html"), *arguments]) == 0
    return (folder / "r.html").read_text()


def extract_text(page):
    """Return the text of a page, without scripts, styles and tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", bare)))


def extract_data(page, key):
    """Return the data block of a page."""
    kind, text = re.search(rf'type="([^"]*)" id="data-{key}">(.*?)</script>', page, re.S).groups()
    is_packed = kind == "application/gzip"
    return json.loads(gzip.decompress(base64.b64decode(text)) if is_packed else text)
