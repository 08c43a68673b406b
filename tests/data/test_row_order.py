"""Notes on rows that are not in time order, and on infinite values."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.data.reading.read_series import read_series

DAYS = pd.date_range("2024-01-01", periods=30)
WIDE = pd.DataFrame({"date": DAYS, "x": np.arange(30.0)})
LONG = pd.concat(
    [pd.DataFrame({"unique_id": name, "ds": DAYS, "y": np.arange(30.0)}) for name in "ab"],
    ignore_index=True,
)
SWAPPED = [0, 1, 3, 2, *range(4, 30)]


@pytest.mark.parametrize(
    ("frame", "note"),
    [
        (WIDE, None),
        (WIDE[::-1], "the table: the rows are from new to old; they were sorted by time"),
        (
            WIDE.iloc[SWAPPED],
            "the table, row 4: 2024-01-03 is below 2024-01-04; the rows were sorted by time",
        ),
        (LONG, None),
        (LONG.sort_values("ds", kind="stable"), None),
        (
            LONG[::-1],
            "the table: the rows of each series are from new to old; they were sorted by time",
        ),
        (
            LONG.iloc[[*range(30), *(30 + row for row in SWAPPED)]],
            "the table, row 34: 2024-01-03 is below 2024-01-04; the rows of its series were sorted "
            "by time",
        ),
    ],
)
def test_rows_that_are_sorted_are_noted(frame, note):
    series = read_series(frame)
    assert series.notes == (() if note is None else (note,))
    assert (np.diff(series.values, axis=0) == 1).all()


def test_infinite_values_are_noted(tmp_path):
    path = tmp_path / "table.csv"
    lines = WIDE.to_csv(index=False).splitlines()
    for row, cell in ((4, "inf"), (8, "-Infinity")):
        lines[row] = f"{lines[row].partition(',')[0]},{cell}"
    path.write_text("\n".join(lines))
    frame = WIDE.assign(x=WIDE.x.where(~WIDE.index.isin([3, 7]), [np.inf, -np.inf] * 15))
    for table, position in ((path, f"{path}, line 5"), (frame, "the table, row 4")):
        series = read_series(table)
        assert np.flatnonzero(~series.observed[:, 0]).tolist() == [3, 7]
        (note,) = series.notes
        assert note.startswith(f"{position}, column 'x': ")
        assert note.endswith("inf counts as not observed, like 1 more infinite cells")
