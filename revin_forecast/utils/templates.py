"""Jinja templates of the package, HTML and Markdown, in which every value is escaped."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jinja2 import Environment

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]

_MARKDOWN_ESCAPES = {letter: f"\\{letter}" for letter in "\\`*_[]~|$#"} | {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}


def build_environment(
    language: Literal["html", "md"], filters: Mapping[str, Callable[..., Any]]
) -> "Environment":
    """Return an environment that finds templates by their path in the package.

    Args:
        language: every value is escaped for it, except `Markup` and the output of macros.
        filters: filters by name, in addition to those of Jinja.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def escape_for_markdown(value: Any) -> Markup:
        return value if isinstance(value, Markup) else Markup(escape_markdown(value))

    environment = Environment(
        loader=FileSystemLoader(PACKAGE_FOLDER),
        autoescape=True,
        # Jinja escapes for HTML after this, and leaves the `Markup` of Markdown as it is.
        finalize=escape_for_markdown if language == "md" else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters)
    return environment


def escape_markdown(value: object) -> str:
    r"""Return a value as text on one line that Markdown shows literally, also inside a table.

    >>> print(escape_markdown("a|b\n<i>"))
    a\|b &lt;i&gt;
    """
    replacement = "\N{REPLACEMENT CHARACTER}"
    line = " ".join(str(value).split())
    shown = (letter if letter.isprintable() else replacement for letter in line)
    return "".join(_MARKDOWN_ESCAPES.get(letter, letter) for letter in shown)
