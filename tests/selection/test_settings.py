"""Settings of the selection: defaults, and values that can't be used."""

import runpy

import pytest

from revin_forecast import InputError
from revin_forecast.selection import settings
from revin_forecast.selection.settings import SelectionSettings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"season": (1,)}, "a season is a number of steps from 2 up"),
        ({"budget": -1.0}, "the budget is in seconds"),
    ],
)
def test_unusable_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SelectionSettings(**options)


def test_default_budgets_are_those_of_the_documentation():
    """The session fixture of conftest raises them for the other tests, so read them afresh."""
    budgets = runpy.run_path(settings.__file__)["DEFAULT_BUDGET_SECONDS"]
    assert budgets == {"standard": 20.0, "thorough": 600.0}
