"""The table of forecast values."""

import re

import pandas as pd
import pytest

from tests.support.forecast_pages import extract_data, make_table, render_page


def test_values_of_every_series_are_on_the_page(tmp_path):
    names = tuple(f"s{index}" for index in range(30))
    page = render_page(tmp_path, make_table(names, 60), "--horizon", "3", "--backbone", "Repeat")
    numbers = re.search(r"Forecast values of the series chosen above(.*?)</details>", page, re.S)[1]
    heads = re.findall(r"<th(?: [^>]*)?>(.*?)</th>", numbers)
    assert heads == ["time", "forecast", "80 % from", "80 % to", "95 % from", "95 % to"]
    forecast = pd.read_csv(tmp_path / "f.csv").set_index("date")
    tables = extract_data(page, "numbers")
    assert len(tables) == 30
    for name, rows in zip(names, tables, strict=True):
        shown = pd.DataFrame(rows).set_index(0)[1].astype(float)
        assert shown.index.tolist() == forecast.index.tolist()
        assert shown.tolist() == pytest.approx(forecast[name].tolist(), rel=1e-5)
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
