"""A forecast ends before dates do."""

import pandas as pd
import pytest

from revin_forecast.data.future_dates import check_future_dates
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError


@pytest.mark.parametrize("frequency", ["h", "D", "B", "W-SAT", "MS", "QE", "YS", "15min"])
@pytest.mark.parametrize("last", ["2024-01-01", "9990-01-01"])
def test_the_number_in_the_message_works(frequency, last):
    stamp = pd.date_range(last, periods=1, freq=frequency)[0]
    with pytest.raises(InputError, match="end after the last date") as caught:
        check_future_dates(stamp, frequency, 10**20)
    most = int(str(caught.value).rpartition("at most ")[2].rstrip(".").replace(",", ""))
    check_future_dates(stamp, frequency, most)
    with pytest.raises(InputError):
        check_future_dates(stamp, frequency, most + 1)


def test_another_limit_is_named_if_it_is_lower():
    with pytest.raises(InputError, match=r"Pass a horizon of at most 1,000\.$"):
        check_future_dates(pd.Timestamp("2024-01-01"), "D", 10**9, 1000)


def test_a_table_that_ends_with_the_dates_has_no_future():
    stamps = pd.date_range("9999-12-20", periods=12, freq="D")
    series = read_series(pd.DataFrame({"date": stamps, "y": range(12)}))
    assert len(series.timestamps) == 12
    with pytest.raises(InputError, match="Correct the times of the table"):
        series.future_timestamps(1)
