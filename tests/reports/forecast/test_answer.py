"""The page of a forecast begins with the answer."""

import re

import numpy as np

from tests.support.forecast_pages import HOSTILE, extract_text, make_table, render_page


def test_one_series_has_a_paragraph(tmp_path):
    page = render_page(tmp_path, make_table(("north",)), "--horizon", "7")
    text = extract_text(page)
    start = "Next 7 days of north, 2024-08-28 to 2024-09-03: "
    assert text.index(start) < text.index("7 steps of 1 series after 2024-08-27")
    assert re.search(
        r"By 2024-09-03: [\d.]+ \(80 %: [\d.]+ to [\d.]+\);.* now [\d.]+; a week ago", text
    )
    assert text.index("By 2024-09-03: ") < text.index(start)
    assert "tests on past rows, which also served to choose the model." in text


def test_several_series_have_a_table_with_escaped_names(tmp_path):
    page = render_page(tmp_path, make_table(), "--horizon", "7")
    text = extract_text(page)
    assert "Next 7 days of 3 series, 2024-08-28 to 2024-09-03:" in text
    heads = "series now by 2024-09-03 a day on average against the last 7 "
    heads += "80 % limits, lowest to highest error against naive 80 % held backtest"
    assert text.index(heads) < text.rindex("north", 0, text.index("7 steps of 3 series"))
    assert HOSTILE in text
    assert HOSTILE not in page


def test_worst_series_come_first_and_all_are_listed(tmp_path):
    frame = make_table(tuple(f"s{index}" for index in range(9)))
    noise = np.random.default_rng(1).normal(size=len(frame))
    frame["s7"] = np.cumsum(np.where(np.arange(len(frame)) > 200, 20 * noise, noise))
    page = render_page(tmp_path, frame, "--horizon", "3", "--backbone", "Ridge")
    text = extract_text(page)
    assert "The worst of the backtest come first: s7, " in text
    assert page.index("<details data-print><summary>All 9 series in numbers") < page.index(
        'id="forecast"'
    )
    folded = page[page.index("All 9 series in numbers") :].partition("</details>")[0]
    assert folded.count("<tr>") == 10
    top = page[page.index("come first: s7") :].partition("</table>")[0]
    assert top.index("<td>s7</td>") == top.index("<td>s")
