"""The table of forecast values."""

import re

import pandas as pd
import pytest

from tests.support.forecast_pages import make_table, render_page


@pytest.mark.slow
def test_wide_forecast_shows_the_first_series(tmp_path):
    names = tuple(f"s{index}" for index in range(30))
    page = render_page(tmp_path, make_table(names, 60), "--horizon", "3", "--backbone", "Repeat")
    numbers = re.search(r"Forecast values</summary>(.*?)</details>", page, re.S)[1]
    heads = re.findall(r"<th(?: [^>]*)?>(.*?)</th>", numbers)
    assert heads[0] == "date"
    assert [head for head in heads if "-" not in head][1:] == list(names[:20])
    assert "The first 20 of 30 series." in numbers
    assert len(numbers) < 40_000


def test_timestamps_have_a_single_format(tmp_path):
    for step, last in (("250ms", " 00:01:06.000000"), ("6h", " 00:00:00")):
        frame = make_table(("a",), 80)
        begin = "2024-01-01 00:00:46" if step == "250ms" else "2024-01-01"
        frame["date"] = pd.date_range(begin, periods=80, freq=step)
        page = render_page(tmp_path, frame, "--horizon", "4", "--backbone", "Repeat")
        numbers = re.search(r"Forecast values</summary>(.*?)</details>", page, re.S)[1]
        stamps = re.findall(r"<td>(2024.*?)</td>", numbers)
        assert len(stamps) == 4
        assert len(set(map(len, stamps))) == 1
        assert any(stamp.endswith(last) for stamp in stamps)
