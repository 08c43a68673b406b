"""Run the blocks of a page in docs/ from top to bottom, as its reader would.

A `python` block continues with the names of the previous ones; each line of a `bash` block is a
command. A block after `<!-- file: NAME -->` is written to that file, and one after `<!-- stops -->`
must end with exit code 2. A `text` block right after one that was run shows its output: the output
must contain its lines in this order. `...` matches anything, numbers may differ by a hundredth, and
seconds by any amount.
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
from tests.support.warm_programs import Program, run_program

BLOCK = re.compile(
    r"(?:<!-- (?P<comment>[^\n]*?) -->\n)?^(?P<indent> *)```(?P<language>\w*|\{\w+\})\n"
    r"(?P<body>.*?)^ *```$",
    re.S | re.M,
)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
SECONDS = re.compile(r"\d[\d.,]* ?(?:s|seconds|ms|milliseconds)\b")
TRACING_COMMANDS = ("export",)
"""Commands that trace programs, which the run-time type checks of tests would stop."""


@dataclass(frozen=True)
class Block:
    """One block of a page."""

    language: str
    body: str
    comment: str
    """Text of the comment above the block."""
    line: int

    @property
    def file(self) -> str | None:
        """Name of the file that the block is the content of."""
        prefix = "file: "
        return self.comment.removeprefix(prefix) if self.comment.startswith(prefix) else None


def parse_blocks(page: str) -> list[Block]:
    """Return the blocks of a page, dedented."""
    blocks = []
    for match in BLOCK.finditer(page):
        if match["language"].startswith("{"):  # a directive of the site, such as {toctree}
            continue
        indent = len(match["indent"])
        body = "".join(line[indent:] for line in match["body"].splitlines(keepends=True))
        line = page.count("\n", 0, match.start("body"))
        blocks.append(Block(match["language"], body, match["comment"] or "", line))
    return blocks


def run_page(path: Path, folder: Path) -> dict[str, object]:
    """Run a page's blocks in a folder, which is the working directory; return their names.

    Args:
        path: path of the page.
        folder: contains only the files that the page requires.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    output = None
    for block in parse_blocks(path.read_text()):
        position = f"{path.name}:{block.line}"
        if block.language == "text":
            if output is not None:
                check_shown(block.body, output, position)
            output = None
        elif block.file:
            assert block.language, f"{position}: a file is shown without its language"
            (folder / block.file).write_text(block.body)
            output = None
        else:
            output = _run(block, position, names, folder)
    return names


def check_shown(shown: str, output: str, position: str) -> None:
    """Fail if a line that is shown is missing from the output or comes too early."""
    printed = [line.rstrip() for line in output.splitlines()]
    start = 0
    for line in filter(None, map(str.rstrip, shown.splitlines())):
        if line.strip() == "...":
            continue
        matching = (row for row in range(start, len(printed)) if matches(line, printed[row]))
        row = next(matching, None)
        assert row is not None, f"{position}: {line!r} is shown, but the output was:\n{output}"
        start = row + 1


def matches(shown: str, printed: str) -> bool:
    """Return whether a printed line is the one that is shown.

    >>> matches("MSE  0.267 in 3.1 s...", "MSE 0.2671 in 4 s, and more")
    True
    >>> matches("MSE 0.267", "MSE 0.29") or matches("MSE", "MSE 0.29")
    False
    """
    parts = [re.escape(part) for part in _replace_numbers(shown).split("...")]
    pattern = ".*".join(parts).replace("\\#", "(#)")
    plain = _replace_numbers(printed)
    match = re.fullmatch(pattern, plain)
    if match is None:
        return False
    expected = NUMBER.findall(SECONDS.sub("s", shown))
    numbers = NUMBER.findall(SECONDS.sub("s", printed))
    indices = [plain.count("#", 0, match.start(group)) for group in range(1, len(expected) + 1)]
    return all(
        _parse_number(numbers[index]) == pytest.approx(_parse_number(number), rel=1e-2, abs=1e-9)
        for number, index in zip(expected, indices, strict=True)
    )


def _replace_numbers(line: str) -> str:
    plain = NUMBER.sub("#", SECONDS.sub("s", line))
    return " ".join(re.sub(r"[-=]{4,}", "----", plain).split())


def _parse_number(number: str) -> float:
    return float(number.replace(",", "").rstrip("."))


def _run(block: Block, position: str, names: dict[str, object], folder: Path) -> str:
    """Run a block; return its output."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        if block.language == "python":
            code = "\n" * block.line + block.body  # so that a traceback gives the page's line
            exec(compile(code, position.partition(":")[0], "exec"), names)
        else:
            assert block.language == "bash", f"{position}: no test runs {block.language!r}"
            for line in block.body.replace("\\\n", " ").splitlines():
                _run_command(line, 2 if block.comment == "stops" else 0, position, folder)
    return printed.getvalue()


def _run_command(line: str, code: int, position: str, folder: Path) -> None:
    words = shlex.split(line, comments=True)
    if not words or words[0] == "pip":  # already installed
        return
    if words[0] == "python":
        print(run_program(folder / words[1], words[2:], folder).out)
    elif words[1] == "serve" and code == 0:
        _start_and_stop_service(words[1:], folder)
    elif words[1] in TRACING_COMMANDS:
        print(run_program("revin_forecast", words[1:], folder).out)
    else:
        assert words[0] == "revin-forecast", f"{position}: {line}"
        exit_code = main(words[1:])
        output = sys.stdout.getvalue() if isinstance(sys.stdout, io.StringIO) else ""
        assert exit_code == code, f"{position}: {line} ended with {exit_code}\n{output}"


def _start_and_stop_service(words: list[str], folder: Path) -> None:
    program = Program("revin_forecast", [*words, "--port", "0"], folder)
    for _ in range(2400):  # only an error lasts as long
        if "Ctrl-C ends it" in program.read_output() or program.process.exitcode is not None:
            break
        program.process.join(0.1)
    program.process.terminate()
    ended = program.end()
    assert (ended.code, ended.err) == (0, "")
