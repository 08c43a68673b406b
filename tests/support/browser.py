"""What tests of pages in a browser share."""

import pytest


def until(tab, condition):
    """Wait; playwright's own waiting evaluates strings in the page, which the page forbids."""
    for _ in range(200):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    pytest.fail(condition)
