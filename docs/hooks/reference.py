"""Extension of Sphinx: docstrings of attributes, links to Python objects, and blocks of CSV."""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

VALUES = {"attribute", "data", "property"}
"""Kinds of objects whose docstrings have no sections."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    docstrings: dict[str, list[str]] = {}

    def keep(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]):
        if what in VALUES:
            docstrings[name] = list(lines)

    def restore(
        app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
    ):
        lines[:] = docstrings.pop(name, lines)

    # In between, napoleon would take the words before a colon for a type.
    app.connect("autodoc-process-docstring", keep, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    app.connect("env-updated", add_link_targets)
    app.add_lexer("csv", TextLexer)
    return {"parallel_read_safe": True}


def add_link_targets(app: Sphinx, env: BuildEnvironment) -> None:
    """Let `page.md#revin_forecast.RevIN` link to the object that the page documents."""
    for name, entry in env.domains.python_domain.objects.items():
        slugs = env.metadata[entry.docname].setdefault("myst_slugs", {})
        slugs[name] = (0, entry.node_id, name)
