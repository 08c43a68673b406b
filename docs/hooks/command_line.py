"""MkDocs hook: the page of the command line, made from the --help-all of each command."""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from revin_forecast.cli.commands import COMMANDS
from revin_forecast.cli.main import main

PAGE = "reference/command_line.md"
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


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to the files of the site."""
    files.append(File.generated(config, PAGE, content=build_page()))
    return files


def build_page() -> str:
    """Return the page: what all commands share, then the help of each command."""
    parts = [_HEAD, f"```text\n{capture_help()}```\n"]
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


_HEAD = """# Command line

Every command answers `--help` with a short help, and `--help-all` with everything, which this page
collects. The following holds for all commands:

* Options are written with `-` or `_`, and `--horizon 52` also as `--horizon=52`. A switch such as
  `--quiet` needs no `true`.
* `--config FILE.yaml` reads options from a file; those on the command line override it. The folder
  of a saved model contains its own file, `config.yaml`.
* Options of a class follow a dot: `--backbone DLinear --backbone.kernel 13`. Classes are given by
  name, and your own by import path: `--backbone mine.Net`.
* Results go to standard output, everything else to standard error. The exit code is 0 on success; 2
  for a problem with usage or input, reported in one line; 3 for a shift benchmark with failed
  cells; 1 for a bug, with a traceback.
"""
