"""Extension of Sphinx: notebooks become pages, with their stored outputs and without a kernel."""

import base64
import json
import re
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

IMAGES = ("image/svg+xml", "image/png")
"""Pictures, which a page shows instead of the other forms of an output."""


def to_markdown(notebook: str) -> str:
    """Return a notebook as a page in Markdown.

    >>> cell = {"cell_type": "code", "source": ["1 + 1"], "outputs": [
    ...     {"output_type": "execute_result", "data": {"text/plain": ["2"]}}]}
    >>> print(to_markdown(json.dumps({"cells": [cell]})))
    ```python
    1 + 1
    ```
    <BLANKLINE>
    ```text
    2
    ```
    """
    parts: list[str] = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            # Pages are linked by their source, other notebooks among them.
            parts.append(source)
        elif cell["cell_type"] == "code":
            parts += [f"```python\n{source}\n```", *map(_format_output, cell["outputs"])]
    return "\n\n".join(filter(None, parts))


def _format_output(output: dict[str, Any]) -> str:
    """Return an output of a cell: a picture, a table or text."""
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    for kind in IMAGES:
        if kind in data:
            content = data[kind]
            if kind.endswith("xml"):
                content = base64.b64encode(content.encode()).decode()
            source = f"data:{kind};base64,{''.join(content.split())}"
            return f'<img class="notebook-picture" alt="Chart of the code above" src="{source}">'
    if "text/html" in data:
        # On one line, so that Markdown takes all of it as HTML.
        page = re.sub(r"<style\b.*?</style>", "", data["text/html"], flags=re.S)
        page = re.sub(r'\bborder="1" class="dataframe"', 'class="dataframe"', page)
        page = page.replace("<th></th>", "<td></td>")  # pandas leaves the corner empty
        return f'<div class="notebook-output">{" ".join(page.split())}</div>'
    return f"```text\n{data.get('text/plain', '')}\n```"


class NotebookParser(MystParser):
    """Parse a notebook as the Markdown of its cells."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Add the nodes of a notebook to a document."""
        super().parse(to_markdown(inputstring), document)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the parser for files that end in .ipynb."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
