"""Follow the remedy that a message prints."""

import re
import shlex

from revin_forecast.cli.main import main

WORD = r"(?:'[^']*'|[^\s',;.-][^\s',;]*?)"
LONG_FLAGS = re.compile(rf"--id {WORD}(?: {WORD})* --value {WORD}(?=[.,;]?(?:\s|$))")
TARGET_FLAG = re.compile(rf"--target {WORD}(?: {WORD})*(?=[.,;]?(?:\s|$))")


def run_rejected(capsys, *words):
    """Run a command that must reject its input in one line; return that line."""
    assert main([str(word) for word in words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def follow_remedy(capsys, *words, remedy=LONG_FLAGS):
    """Run a rejected command again with the options of its message; return message and output."""
    message = run_rejected(capsys, *words)
    found = remedy.search(message)
    assert found, message
    assert main([*map(str, words), *shlex.split(found[0])]) == 0, found[0]
    return message, capsys.readouterr().out
