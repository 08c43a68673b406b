"""Runs a file of tests in a process without run-time shape checks, which cannot be traced."""

from tests.support.warm_programs import Program

WORDS = ("-o", "addopts=", "-p", "no:cacheprovider", "--show-capture=no")
IGNORED = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")


def run_untyped(path, folder, passed):
    """Run the tests of a file, of which this many must pass and none may fail."""
    ended = Program("pytest", [*WORDS, *IGNORED, path], folder).end(timeout=3600)
    assert ended.code == 0, ended.out + ended.err
    assert f"{passed} passed" in ended.out
