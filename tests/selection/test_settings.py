"""Settings of the selection that can't be used."""

import pytest

from revin_forecast import InputError
from revin_forecast.selection import (
    SelectionSettings,
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seasons": (1,)}, "a season is a number of steps from 2 up"),
        ({"budget": -1}, "the budget is in seconds"),
    ],
)
def test_unusable_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SelectionSettings(**options)
