"""The page of the command line, made from each command's own --help whenever the site is built."""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from revin_forecast.cli.main import COMMANDS, main

PLACE = "reference/command_line.md"
GROUPS = {
    "Forecast tables": ("demo", "forecast", "fit", "predict", "export", "backtest", "serve"),
    "Measure": ("evaluate", "sweep", "shift-card", "check", "benchmark", "benchmark merge"),
    "Benchmark data": ("datasets", "datasets get"),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to those of the site."""
    files.append(File.generated(config, PLACE, content=page()))
    return files


def page() -> str:
    """Return the page: what all commands share, then each command with its help."""
    parts = [_HEAD, f"```text\n{help_of()}```\n"]
    for title, names in _grouped():
        parts.append(f"## {title}\n")
        parts += [_section(name) for name in names]
    return "\n".join(parts)


def help_of(name: str = "") -> str:
    """Return what a command prints for --help, 100 columns wide; of all commands without a name."""
    said = io.StringIO()
    with _wide(), contextlib.redirect_stdout(said), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that jsonargparse looks into
        with contextlib.suppress(SystemExit):
            main([*name.split(), "--help"])
    return said.getvalue()


def _grouped() -> Iterator[tuple[str, list[str]]]:
    """Yield the groups; a command that none of them names still gets its place."""
    named = {name for names in GROUPS.values() for name in names}
    for title, names in GROUPS.items():
        yield title, [name for name in names if name in COMMANDS]
    further = [name for name in COMMANDS if name not in named]
    if further:
        yield "More", further


def _section(name: str) -> str:
    summary = COMMANDS[name].summary
    return f"### {name}\n\n{summary[0].upper()}{summary[1:]}.\n\n```text\n{help_of(name)}```\n"


@contextlib.contextmanager
def _wide() -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


_HEAD = """# Command line

Every command answers `--help`; what follows is just that. Some things hold for all of them:

* Options are written with `-` or `_`, and `--horizon 52` as `--horizon=52`. A switch such as
  `--quiet` needs no `true`.
* `--config FILE.yaml` takes options from a file. A saved model has its own beside it,
  `config.yaml`.
* Options of a class are written after a dot: `--backbone DLinear --backbone.kernel 13`. The classes
  go by name, your own by import path: `--backbone mine.Net`.
* Results go to standard output, everything else to the error stream. The exit code is 0; 2 for a
  problem with usage or input, told in one line; 1 for a bug, with a traceback.
"""
