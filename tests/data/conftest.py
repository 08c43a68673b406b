"""Fixtures for the tests of reading and writing tables."""

from functools import partial

import pytest

from tests.support.small_tables import write_text_file


@pytest.fixture
def write_file(tmp_path):
    """Return a function that writes a text or bytes to a file and returns its path."""
    return partial(write_text_file, tmp_path)
