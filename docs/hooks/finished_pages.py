"""Extension of Sphinx: finished HTML pages keep their paths, next to the files that they load."""

import shutil
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

PATTERNS = ("gallery/*.html", "gallery/*.js", "benchmarks/shift_*/report.html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("doctree-read", link_pages, priority=100)  # before downloads are collected
    app.connect("build-finished", copy_pages)
    return {"parallel_read_safe": True}


def link_pages(app: Sphinx, tree: nodes.document) -> None:
    """Link to finished pages by their paths, not as downloads, which are stored elsewhere."""
    for download in list(tree.findall(addnodes.download_reference)):
        target = download["reftarget"]
        if target.endswith(".html"):
            parts = download.children
            download.replace_self(nodes.reference("", "", *parts, refuri=target, internal=True))


def copy_pages(app: Sphinx, error: Exception | None) -> None:
    """Copy the finished pages into the site."""
    source = Path(app.srcdir)
    for path in (path for pattern in PATTERNS for path in source.glob(pattern)):
        copy = Path(app.outdir) / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
