"""Extension of Sphinx: docstrings of attributes, links to Python objects, and blocks of CSV."""

import re
from typing import Any

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PARAMETERS = re.compile(r'<dl>\n(<dd><em class="sig-param">.*?)</dl>', re.S)
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
    app.connect("doctree-read", set_dashes)
    app.connect("env-updated", add_link_targets)
    app.connect("html-page-context", mend_signatures)
    app.add_lexer("csv", TextLexer)
    return {"parallel_read_safe": True}


def set_dashes(app: Sphinx, tree: nodes.document) -> None:
    """Set a dash between a parameter and its description, where Sphinx puts two hyphens."""
    if app.env.docname.startswith("reference/"):
        for text in list(tree.findall(nodes.Text)):
            if text == " -- ":
                text.parent.replace(text, nodes.Text(" \N{EN DASH} "))


def add_link_targets(app: Sphinx, env: BuildEnvironment) -> None:
    """Let `page.md#revin_forecast.RevIN` link to the object that the page documents."""
    for name, entry in env.domains.python_domain.objects.items():
        slugs = env.metadata[entry.docname].setdefault("myst_slugs", {})
        slugs[name] = (0, entry.node_id, name)


def mend_signatures(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Write the parameters of a long signature without a list of terms that has no terms."""
    if page.startswith("reference/"):
        context["body"] = PARAMETERS.sub(_mend_parameters, context["body"])


def _mend_parameters(match: re.Match[str]) -> str:
    return match[1].replace("<dd>", '<span class="sig-parameter">').replace("</dd>", "</span>")
