"""Signs around numbers are left out where all cells agree, with a note."""

import numpy as np
import pytest

from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import make_table


@pytest.mark.parametrize(
    ("cells", "values", "note"),
    [
        (["$1,234.50", "$2.00", "-$3.10"], [1234.5, 2, -3.1], "the sign $ of all values was left"),
        (["1.234,50 \u20ac", "2,00 \u20ac"], [1234.5, 2], "the sign \u20ac of all values was left"),
        (["R$ 1.234,50", "R$ 2,00"], [1234.5, 2], "the sign R$ of all values was left"),
        (["EUR 12", "EUR 13"], [12, 13], "the sign EUR of all values was left out"),
        (["12,345.00 USD", "1.50 USD"], [12345, 1.5], "the sign USD of all values was left out"),
        (["12 %", "7.5 %"], [12, 7.5], "the sign % of all values was left out"),
        (["(123)", "5", "6"], [-123, 5, 6], "'(123)' was read as a negative number"),
        (["123-", "5", "+6"], [-123, 5, 6], "'123-' was read as a negative number"),
        (["5", "-", "6", "7"], [5, np.nan, 6, 7], "'-' and 2 more like it were treated as missing"),
        (["5", "n.a.", "6", "7"], [5, np.nan, 6, 7], "'n.a.' and 2 more like it were treated as"),
    ],
)
def test_signs_that_all_cells_have_are_left_out(write_file, cells, values, note):
    repeats = 12 // len(cells)
    series = read_series(write_file(make_table(cells * repeats, separator=";")))
    assert series.values[: len(cells), 0].tolist() == pytest.approx(values, nan_ok=True)
    assert len(series.notes) == 1
    assert series.notes[0].startswith("line ")
    assert f", column 'x': {note}" in series.notes[0]


def test_plain_numbers_have_no_note(write_file):
    series = read_series(write_file(make_table(["1,5", "1 234,5", "-7"] * 4, separator=";")))
    assert series.notes == ()
