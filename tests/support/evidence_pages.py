"""Committed results of benchmarks/, and the commands of their pages run on a reduced size."""

import json
import re
import shlex
from pathlib import Path

from tests.support.warm_programs import run_program

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "benchmarks"
COMMAND = re.compile(r"\bRepeat\s+with\n\n    python -m (benchmarks\.\S+)(.*)$", re.M)


def find_command(page, data_dir=None, home=None):
    """Return the module that a page's command runs, and its arguments with folders filled in."""
    text = (PAGES / f"{page}.md").read_text()
    commands = COMMAND.findall(text)
    assert len(commands) == 1, f"{page}.md has {len(commands)} commands that repeat it"
    module, words = commands[0]
    folders = {"DATA": data_dir, "FOLDER": home}
    return module, [str(folders.get(word) or word) for word in shlex.split(words)]


def repeat_page(page, folder, *words, data_dir=None):
    """Run a page's command with --quick and further arguments; return the rows that it measured."""
    module, arguments = find_command(page, data_dir, folder / "home")
    assert data_dir is not None or "DATA" not in arguments, f"{page} needs the benchmark data"
    run_program(module, [*arguments, "--quick", "--out", folder, *words], folder)
    assert (folder / f"{page}.md").is_file()
    record = json.loads((folder / f"{page}.json").read_text())
    assert record["made"]["quick"] is True
    return record["rows"]


def read_committed(page):
    """Return the committed record of a page, which must be of a full run."""
    record = json.loads((PAGES / f"{page}.json").read_text())
    assert record["made"]["quick"] is False
    return record


def committed_rows(page):
    """Return the rows of a page's committed record."""
    return read_committed(page)["rows"]
