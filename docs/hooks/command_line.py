"""Extension of Sphinx: the help of every command, on the page of the command line."""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator

from sphinx.application import Sphinx

from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main

PAGE = "reference/command_line"
PLACE = "<!-- The help of each command follows. -->\n"
GROUPS = {
    "Forecast tables": (
        *("demo", "forecast", "fit", "predict", "update", "explain", "export", "backtest"),
        "serve",
    ),
    "Measure": (
        "evaluate",
        "sweep",
        "shift-card",
        "check",
        "benchmark",
        "benchmark merge",
        "benchmark compare",
    ),
    "Benchmark data": ("datasets", "datasets get"),
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("source-read", add_commands)
    return {"parallel_read_safe": True}


def add_commands(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the help of the program and of each command to the page of the command line."""
    if page == PAGE:
        before, after = source[0].split(PLACE)
        source[0] = f"{before}{build_sections()}{after}"


def build_sections() -> str:
    """Return the help of the program, then that of each command under a heading."""
    parts = [f"```text\n{capture_help()}```\n"]
    for title, names in _group_commands():
        parts.append(f"## {title}\n")
        parts += [_build_section(name) for name in names]
    return "\n".join(parts)


def capture_help(name: str = "") -> str:
    """Return the full help of a command, 100 columns wide; without a name that of the program."""
    output = io.StringIO()
    with _wide_terminal(), contextlib.redirect_stdout(output), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from libraries that jsonargparse inspects
        with contextlib.suppress(SystemExit):
            main([*name.split(), "--help-all" if name else "--help"])
    return output.getvalue()


def _group_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield the groups; commands that none of them names come last, under "More"."""
    grouped = {name for names in GROUPS.values() for name in names}
    for title, names in GROUPS.items():
        yield title, [name for name in names if name in COMMANDS]
    ungrouped = [name for name in COMMANDS if name not in grouped]
    if ungrouped:
        yield "More", ungrouped


def _build_section(name: str) -> str:
    summary = COMMANDS[name].summary
    help_text = capture_help(name)
    return f"### {name}\n\n{summary[0].upper()}{summary[1:]}.\n\n```text\n{help_text}```\n"


@contextlib.contextmanager
def _wide_terminal() -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before
