"""Names follow CONTRIBUTING.md: verb phrases, one meaning for each word, terms of the field."""

import ast
import collections
import functools
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "revin_forecast"
IRREGULAR_PARTICIPLES = {
    "begun", "bound", "broken", "built", "caught", "chosen", "done", "drawn", "found", "given",
    "gone", "grown", "heard", "held", "hidden", "kept", "known", "left", "lost", "made", "meant",
    "met", "seen", "sent", "shown", "spent", "taken", "told", "written",
}  # fmt: skip
NOT_PARTICIPLES = {"embed", "feed", "seed"}
TERMS = [
    "atomic",
    "baseline",
    "bootstrap",
    "callback",
    "covariate",
    "cutoff",
    "fingerprint",
    "leaderboard",
    "lock",
    "naive",
    "seed",
    "signal_handler",
    "split",
]


@functools.cache
def modules():
    """Return the path and the syntax tree of each module of the package."""
    return [(path, ast.parse(path.read_text())) for path in sorted(PACKAGE.rglob("*.py"))]


def is_bare_participle(name):
    """Return whether a name is one past participle, such as `told` or `_merged`."""
    word = name.strip("_")
    if "_" in word or word in NOT_PARTICIPLES:
        return False
    return word in IRREGULAR_PARTICIPLES or word.endswith("ed")


def is_property(function):
    """Return whether a function is read as an attribute, whose name may be an adjective."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any("property" in name or name.endswith(".setter") for name in decorators)


def test_no_function_is_a_bare_participle():
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and is_bare_participle(node.name)
        and not is_property(node)
    ]
    assert not wrong


@pytest.mark.parametrize("name", ["told", "_drawn", "merged"])
def test_bare_participles_are_recognized(name):
    assert is_bare_participle(name)


@pytest.mark.parametrize("name", ["seed", "draw", "merge_folders", "read_needed_rows"])
def test_other_names_pass(name):
    assert not is_bare_participle(name)


def test_no_two_public_classes_share_a_name():
    homes = collections.defaultdict(list)
    for path, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(PACKAGE)))
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}


@functools.cache
def collect_identifiers():
    """Return all names of variables, attributes, parameters, functions and classes."""
    identifiers = set()
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                identifiers.add(node.id)
            elif isinstance(node, ast.Attribute):
                identifiers.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                identifiers.add(node.name)
            elif isinstance(node, ast.arg):
                identifiers.add(node.arg)
    return identifiers


@pytest.mark.parametrize("term", TERMS)
def test_terms_of_the_field_are_names(term):
    """A newcomer finds the field's term as a part of a name, not only in prose."""
    assert any(term in name.lower() for name in collect_identifiers())
