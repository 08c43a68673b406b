"""Runs compiled_calls.py in a separate process."""

from pathlib import Path

import pytest

from tests.support.untyped_tests import run_untyped


@pytest.mark.slow
def test_programs_with_the_call_of_the_original(tmp_path):
    run_untyped(Path(__file__).with_name("compiled_calls.py"), tmp_path, passed=10)
