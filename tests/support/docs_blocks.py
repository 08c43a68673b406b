"""The blocks of a page in docs/, run from top to bottom as its reader would.

A `python` block goes on in the names of those before it; each line of a `bash` block is a command.
A block behind `<!-- file: NAME -->` is written to that file, one behind `<!-- stops -->` has to end
with an exit code of 2. A `text` block right behind one that was run is what it printed: as much of
it as is shown has to come, in this order. There `...` stands for anything, and numbers may differ
by a hundredth, seconds by any.
"""

import contextlib
import io
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from revin_forecast.cli.main import main
from tests.support.warm_programs import run_program

BLOCK = re.compile(
    r"(?:<!-- (?P<told>[^\n]*?) -->\n)?^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^ *```$",
    re.S | re.M,
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
SECONDS = re.compile(r"\d[\d.,]* ?(?:s|seconds|ms|milliseconds)\b")
FRESH = ("export",)
"""Commands that trace programs, which the types checked in tests would stop."""


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    language: str
    body: str
    told: str
    """What the comment above it says."""
    line: int

    @property
    def file(self) -> str | None:
        """The file that it is the content of."""
        return self.told.removeprefix("file: ") if self.told.startswith("file: ") else None


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page, dedented."""
    found = []
    for one in BLOCK.finditer(page):
        indent = len(one["indent"])
        body = "".join(line[indent:] for line in one["body"].splitlines(keepends=True))
        line = page.count("\n", 0, one.start("body"))
        found.append(Block(one["language"], body, one["told"] or "", line))
    return found


def run_page(path: Path, folder: Path) -> None:
    """Run a page's blocks in a folder, which is the working one.

    Args:
        path: of the page.
        folder: empty but for what the reader is told to have.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    said = None
    for block in blocks_of(path.read_text()):
        place = f"{path.name}:{block.line}"
        if block.language == "text":
            if said is not None:
                check_shown(block.body, said, place)
            said = None
        elif block.file:
            assert block.language, f"{place}: a file is shown, not run; tell its language"
            (folder / block.file).write_text(block.body)
            said = None
        else:
            said = _run(block, place, names, folder)


def check_shown(shown: str, said: str, place: str) -> None:
    """Fail where a line that is shown did not come, or came too early."""
    came = [line.rstrip() for line in said.splitlines()]
    at = 0
    for line in filter(None, map(str.rstrip, shown.splitlines())):
        if line.strip() == "...":
            continue
        matching = (place for place in range(at, len(came)) if same(line, came[place]))
        found = next(matching, None)
        assert found is not None, f"{place}: {line!r} is shown, but this came:\n{said}"
        at = found + 1


def same(shown: str, came: str) -> bool:
    """Tell whether a line is the one that is shown.

    >>> same("MSE  0.267 in 3.1 s...", "MSE 0.2671 in 4 s, and more")
    True
    >>> same("MSE 0.267", "MSE 0.29") or same("MSE", "MSE 0.29")
    False
    """
    parts = [re.escape(part) for part in _numberless(shown).split("...")]
    pattern = ".*".join(parts).replace("\\#", "(#)")
    match = re.fullmatch(pattern, _numberless(came))
    if match is None:
        return False
    wanted = NUMBER.findall(SECONDS.sub("s", shown))
    got, before = NUMBER.findall(SECONDS.sub("s", came)), _numberless(came)
    places = [before.count("#", 0, match.start(one)) for one in range(1, len(wanted) + 1)]
    return all(
        _value(got[place]) == pytest.approx(_value(number), rel=1e-2, abs=1e-9)
        for number, place in zip(wanted, places, strict=True)
    )


def _numberless(line: str) -> str:
    plain = NUMBER.sub("#", SECONDS.sub("s", line))
    return " ".join(re.sub(r"[-=]{4,}", "----", plain).split())


def _value(number: str) -> float:
    return float(number.replace(",", "").rstrip("."))


def _run(block: Block, place: str, names: dict[str, object], folder: Path) -> str:
    """Run a block; return what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        if block.language == "python":
            code = "\n" * block.line + block.body  # so that a traceback names the page's line
            exec(compile(code, place.partition(":")[0], "exec"), names)
        else:
            assert block.language == "bash", f"{place}: nobody runs {block.language!r}"
            for line in block.body.replace("\\\n", " ").splitlines():
                _command(line, 2 if block.told == "stops" else 0, place, folder)
    return printed.getvalue()


def _command(line: str, code: int, place: str, folder: Path) -> None:
    words = shlex.split(line, comments=True)
    if not words or words[0] == "pip":  # what is installed already
        return
    if words[0] == "python":
        print(run_program(folder / words[1], words[2:], folder).out)
    elif words[1] in FRESH:
        print(run_program("revin_forecast", words[1:], folder).out)
    else:
        assert words[0] == "revin-forecast", f"{place}: {line}"
        ended = main(words[1:])
        told = sys.stdout.getvalue() if isinstance(sys.stdout, io.StringIO) else ""
        assert ended == code, f"{place}: {line} ended with {ended}\n{told}"
