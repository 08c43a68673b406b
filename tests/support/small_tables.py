"""Small tables as text or frames, for the tests of reading."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

DAYS = [f"2024-01-{day:02d}" for day in range(1, 13)]
NUMBERS = [str(day) for day in range(12)]


def make_table(*columns, separator=",", names="xyz", stamps=DAYS):
    """Return a wide CSV with these columns of cells under short names."""
    rows = [["date", *names[: len(columns)]], *zip(stamps, *columns, strict=False)]
    return "\n".join(separator.join(row) for row in rows) + "\n"


GOOD = make_table(NUMBERS)


def make_long_frame(ids, days):
    """Return a long frame with a row for each pair of a series and a day of January 2024."""
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"unique_id": ids, "ds": stamps, "y": np.arange(len(ids), dtype=float)})


def write_text_file(folder, text, name="sales.csv", encoding="utf-8"):
    """Write text or bytes to a new file, and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def get_read_error(source, **options):
    """Return the message, of one line, with which `read_series` rejects a source."""
    with pytest.raises(InputError) as caught:
        read_series(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message
