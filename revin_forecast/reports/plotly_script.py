"""The script that draws the charts of pages: plotly.js, reduced to charts with two axes.

plotly.py brings all of plotly.js, 4.8 MB that browsers read for seconds. The part in `vendor` has
1.5 MB, or 0.5 MB compressed, and draws every figure of this package.
"""

import gzip
import re
from pathlib import Path

COMPRESSED_FILE = Path(__file__).parent / "vendor" / "plotly-cartesian.min.js.gz"


def read_compressed_script() -> bytes:
    """Return the script compressed by gzip, for pages and for answers that name this encoding."""
    return COMPRESSED_FILE.read_bytes()


def read_script() -> str:
    """Return the text of the script."""
    return gzip.decompress(read_compressed_script()).decode()


def read_script_version() -> str:
    """Return the version of plotly.js."""
    version = re.search(r"plotly\.js \(cartesian - minified\) v([\d.]+)", read_script()[:200])
    assert version  # the head of the file has its version
    return version[1]
