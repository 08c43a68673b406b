"""Small tables as text, for the tests of reading."""

import pytest

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

DAYS = [f"2024-01-{day:02d}" for day in range(1, 13)]
NUMBERS = [str(day) for day in range(12)]


def table(*columns, separator=",", names="xyz", stamps=DAYS):
    """A wide CSV: columns of cells under short names."""
    rows = [["date", *names[: len(columns)]], *zip(stamps, *columns, strict=False)]
    return "\n".join(separator.join(row) for row in rows) + "\n"


GOOD = table(NUMBERS)


def written(folder, text, name="sales.csv", encoding="utf-8"):
    """The path of a new file."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def refused(source, **options):
    """The one line that says why a table can't be read."""
    with pytest.raises(InputError) as caught:
        read_series(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message
