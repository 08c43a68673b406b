"""Extension of Sphinx: pictures that follow the color scheme keep the ground of the page."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("doctree-read", mark_pictures)
    return {"parallel_read_safe": True}


def mark_pictures(app: Sphinx, tree: nodes.document) -> None:
    """Give such pictures the theme's class; all others get a white ground in the dark."""
    for image in tree.findall(nodes.image):
        path = Path(app.srcdir) / image["uri"]
        if path.suffix == ".svg" and "prefers-color-scheme" in path.read_text(encoding="utf-8"):
            image["classes"].append("dark-light")
