"""Names in messages stay short, whatever a damaged file calls a column."""

from revin_forecast.data.formatting import MAX_NAME_CHARACTERS, format_names


def test_long_names_are_cut():
    text = format_names(["a", "b" * 10_000])
    assert text == f"['a', '{'b' * MAX_NAME_CHARACTERS}...']"


def test_of_many_names_the_first_are_listed():
    assert (
        format_names([str(number) for number in range(20)], limit=2) == "['0', '1', ... 20 in all]"
    )
