"""Expanding origins: where the models of a short series are evaluated."""

from collections.abc import Iterator

import numpy as np

MAX_ORIGINS = 40
"""Most origins at which a series is forecast."""
MIN_ROWS = 8
"""Fewest rows before the first origin, if the series has more."""
MAX_LENGTH_RATIO = 1.25
"""Largest ratio of the lengths of series that share their origins."""


def choose_origins(rows: int, season: int) -> list[int]:
    """Return evenly spaced numbers of rows, at most one less than all.

    The first origin is after two seasons if there are at least four, otherwise after a third of the
    rows, so that a series of a few rows has origins, too.

    >>> choose_origins(12, season=1)
    [8, 9, 10, 11]
    >>> choose_origins(120, season=12)[:3], len(choose_origins(120, season=12))
    ([43, 45, 47], 40)
    """
    if rows < 2:
        return []
    first = max(2 * season if rows >= 4 * season else 0, rows // 3 + 3, MIN_ROWS)
    first = min(first, rows - 1)
    count = min(MAX_ORIGINS, rows - first)
    return sorted({int(origin) for origin in np.linspace(first, rows - 1, count).round()})


def split_by_length(begin: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    """Yield the indices of series of similar length, longest first.

    Args:
        begin: (series,) first row of each series.
        rows: number of rows; every series ends in the last one.

    >>> [group.tolist() for group in split_by_length(np.array([0, 80, 10, 82]), rows=100)]
    [[0, 2], [1, 3]]
    """
    lengths = rows - begin
    order = np.argsort(-lengths, kind="stable")
    start = 0
    for stop in range(1, len(order) + 1):
        longest = lengths[order[start]]
        if stop == len(order) or lengths[order[stop]] * MAX_LENGTH_RATIO < longest:
            yield np.sort(order[start:stop])
            start = stop
