"""The page of a forecast begins with the answer."""

from tests.support.forecast_pages import HOSTILE, extract_text, make_table, render_page


def test_one_series_has_a_paragraph(tmp_path):
    page = render_page(tmp_path, make_table(("north",)), "--horizon", "7")
    text = extract_text(page)
    start = "Next 7 days of north, 2024-08-28 to 2024-09-03: "
    assert text.index(start) < text.index("7 steps of 1 series after 2024-08-27")
    assert "; 80 % between " in text
    assert "tests on past rows, which also served to choose the model." in text


def test_several_series_have_a_table_with_escaped_names(tmp_path):
    page = render_page(tmp_path, make_table(), "--horizon", "7")
    text = extract_text(page)
    assert "Next 7 days of 3 series, 2024-08-28 to 2024-09-03:" in text
    heads = "series a day on average against the last 7 80 % of each day"
    assert text.index(heads) < text.index("north") < text.index("7 steps of 3 series")
    assert HOSTILE in text
    assert HOSTILE not in page
