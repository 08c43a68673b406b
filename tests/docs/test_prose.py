"""The prose is plain English: constructs of the old dialect do not come back."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "a what-clause as a noun (write the noun: value, result, cost)": (
        r"\bwhat (?:is|was|are|were|it|they|he|a|an|the|one|has|have|had|can|comes?|came|goes|lies|"
        r"stands|remains|makes?|made|gets?|got|needs?|must|will|would|there|we|you|users?)\b"
    ),
    "tell, told, telling (write report, raise, detect, describe, print)": (
        r"\b(?:tell|tells|told|telling)\b"
    ),
    "'is no', 'are none' (write is not a, must be, there is no)": (
        r"\b(?<!there )(?:is|are|was|were|be) (?:no|none)\b"
        r"(?! (?:longer|more|less|better|worse|need))"
    ),
    "stand or lie for be (write is, is stored in)": r"\b(?:stands?|stood|lie|lies|lay|lain)\b",
    "an attribute that begins with 'Of' (write a noun phrase)": r"(?-i:\AOf [a-z])",
    "somebody, nobody, whoever (write user, caller, client)": (
        r"\b(?:somebody|nobody|anybody|everybody|whoever|people)\b"
    ),
    "'who' without a person (write the user who, or the noun)": (
        r"(?:^|[,;:(] ?|\b(?:of|to|by|for) )who\b"
    ),
    "beside, anew, at hand, on record, beforehand (write compared with, again, available)": (
        r"\b(?:beside|anew|at hand|on record|beforehand)\b"
    ),
}
ALLOWED = (
    r"\?",  # a question may begin with what or who
    r"what-clause",
    r"can't tell\b|`of told %`",  # a verdict of shift cards, and a column of their page
    r"stand-?alone",
    r"stand(?:s|ing)? (?:for|out)\b",  # an abbreviation, or a symbol in a formula
    r"lies? (?:between|within|above|below|outside|inside|in \[)",  # a number and an interval
)
PATTERNS = {name: re.compile(pattern, re.I | re.M) for name, pattern in FORBIDDEN.items()}
ALLOWED_PATTERN = re.compile("|".join(ALLOWED), re.I)
MIN_MESSAGE_WORDS = 4
"""Shorter strings are keys and labels."""


def python_prose(path):
    """Yield line number and text of each docstring, comment and message of a Python file."""
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#: ")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"^\s*(?:>>>|\.\.\.).*$", "", node.value, flags=re.M)
            if len(text.split()) >= MIN_MESSAGE_WORDS:
                yield node.lineno, "\n".join(line.strip() for line in text.splitlines())


def markdown_prose(path):
    """Yield line number and text of each paragraph of a page, without code."""
    text = re.sub(
        r"^```.*?^```$", lambda m: "\n" * m[0].count("\n"), path.read_text(), flags=re.M | re.S
    )
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("|"):  # rows of measurements, recorded as they are
            continue
        yield number, re.sub(r"`[^`]*`", "", line)


def template_prose(path):
    """Yield line number and text of each line of a template, without its expressions and tags."""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        yield number, re.sub(r"{{.*?}}|{%.*?%}|<[^>]*>", " ", line)


def find_forbidden(prose):
    """Return a line for each forbidden construct."""
    found = []
    for number, text in prose:
        for name, pattern in PATTERNS.items():
            for match in pattern.finditer(text):
                around = text[max(0, match.start() - 60) : match.end() + 60].replace("\n", " ")
                if not ALLOWED_PATTERN.search(around[:]):
                    found.append(f"line {number}: {around.strip()!r} is {name}")
    return found


PYTHON_FILES = [
    path
    for folder in ("revin_forecast", "benchmarks", "scripts", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
TEMPLATES = sorted((ROOT / "revin_forecast").rglob("*.jinja"))
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if "shift_" not in path.parent.name),
    *sorted((ROOT / ".github").rglob("*.md")),
]


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_comments_and_messages(path):
    found = find_forbidden(python_prose(path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates(path):
    found = find_forbidden(template_prose(path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages(path):
    found = find_forbidden(markdown_prose(path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Return what is left.",
        "It tells the caller.",
        "This is no number.",
        "The files lie beside it.",
        "Of the initial weights.",
        "Somebody asked.",
    ],
)
def test_the_dialect_is_recognized(text):
    assert find_forbidden([(1, text)])


def test_plain_english_passes():
    text = "Return the remaining rows. There is no file. What does it cost? z is standard."
    assert not find_forbidden([(1, text)])
