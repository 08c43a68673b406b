"""A progress bar in the output of a notebook's cell."""

import sys
from html import escape
from typing import Any


def is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    return type(sys.stderr).__module__.startswith("ipykernel.")


class NotebookBar:
    """A bar that is replaced in place; it needs no widgets and no script."""

    def __init__(self):
        self._handle: Any = None

    def show(self, text: str, completed: int, total: int | None) -> None:
        """Draw the bar, or replace the one that is drawn.

        Args:
            text: task, counts and times.
            completed: number of completed steps.
            total: number of steps; None: unknown.
        """
        # A bar without a value moves to and fro.
        numbers = "" if total is None else f' value="{completed}" max="{max(1, total)}"'
        bar = f'<progress aria-label="progress"{numbers} style="width:160px"></progress>'
        self._publish(text, f"<div>{bar} <small>{escape(text)}</small></div>")

    def clear(self) -> None:
        """Empty the output, if a bar was drawn."""
        if self._handle is not None:
            self._publish("", "")

    def _publish(self, text: str, page: str) -> None:
        # Imported on use: only the kernel of a notebook is sure to have IPython.
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        content = {"text/plain": text, "text/html": page}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
