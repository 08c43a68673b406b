"""Runs compiled_backbones.py in a separate process."""

from pathlib import Path

import pytest

from tests.support.untyped_tests import run_untyped


@pytest.mark.slow
def test_programs_of_backbones(tmp_path):
    run_untyped(Path(__file__).with_name("compiled_backbones.py"), tmp_path, passed=129)
