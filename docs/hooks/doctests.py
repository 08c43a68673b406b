"""Extension of mkdocstrings: examples in docstrings as code blocks.

Its parser recognizes them only under a heading of their own.
"""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*(?:\n\s*\n>>> .*(?:\n(?!\s*$).*)*)*", re.M)


class Doctests(griffe.Extension):
    """Fences every example in a docstring."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of an object that was just loaded."""
        if obj.docstring is not None:
            obj.docstring.value = fence_examples(obj.docstring.value)


def fence_examples(docstring: str) -> str:
    r"""Return a docstring with its examples as blocks of a Python session.

    >>> fence_examples("One.\n\n>>> 1 + 1\n2\n\nTwo.")
    'One.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nTwo.'
    """
    return EXAMPLE.sub(lambda match: f"```pycon\n{match[0]}\n```", docstring)
