"""The browser that draws figures as SVG."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kaleido
from choreographer.browsers import Chromium


def has_browser() -> bool:
    """Return whether kaleido will find a browser: its server would wait for one forever."""
    path = os.environ.get("BROWSER_PATH")
    return Path(path).is_file() if path else Chromium.find_browser(skip_local=False) is not None


@contextmanager
def open_browser() -> Iterator[None]:
    """Let one browser draw all figures of a block, if there is a browser."""
    if not has_browser():
        yield
        return
    warnings.filterwarnings("ignore", "The kopts argument is ignored")  # raised by plotly itself
    kaleido.start_sync_server(silence_warnings=True)
    try:
        yield
    finally:
        kaleido.stop_sync_server(silence_warnings=True)
