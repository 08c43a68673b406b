from pathlib import Path

from tests.support.warm_programs import Program


def test_traced_programs(tmp_path):
    """In a process of its own: the run-time shape checks of this one can't be traced."""
    programs = Path(__file__).with_name("tests.contracts.compiled_programs.py")
    words = ["-o", "addopts=", "-p", "no:cacheprovider", "--show-capture=no"]
    words += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    ended = Program("pytest", [*words, programs], tmp_path).end(timeout=1200)
    assert ended.code == 0, ended.out + ended.err
    assert "147 passed" in ended.out
