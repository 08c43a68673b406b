"""The commands that pages of evidence show for repeating them, run on a reduced size."""

import re
import shlex
from pathlib import Path

from tests.support.warm_programs import run_program

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "benchmarks"
COMMAND = re.compile(r"\bRepeat\s+with\n\n    python -m (benchmarks\.\S+)(.*)$", re.M)


def command_of(page, data_dir=None, home=None):
    """Return the module that a page's command runs, and its words with the folders filled in."""
    text = (PAGES / f"{page}.md").read_text()
    found = COMMAND.findall(text)
    assert len(found) == 1, f"{page}.md has {len(found)} commands that repeat it"
    module, words = found[0]
    folders = {"DATA": data_dir, "FOLDER": home}
    return module, [str(folders.get(word) or word) for word in shlex.split(words)]


def repeat_page(page, folder, *words, data_dir=None):
    """Run a page's command with --quick and further words, and write into a folder."""
    module, shown = command_of(page, data_dir, folder / "home")
    assert data_dir is not None or "DATA" not in shown, f"{page} needs the benchmark data"
    run_program(module, [*shown, "--quick", "--out", folder, *words], folder)
    assert (folder / f"{page}.json").is_file()
    assert (folder / f"{page}.md").is_file()
