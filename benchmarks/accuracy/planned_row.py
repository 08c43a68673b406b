"""One row of an accuracy table before it is measured."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.evidence import Row


class PlannedRow(NamedTuple):
    """A row of an accuracy table before it is measured.

    Key and measurement are apart so that a run with `--missing` can skip the rows it has.
    """

    key: Row
    """First columns: the setting that is measured."""
    measure: Callable[[], Row]
    """Measures the other columns."""
    published: Row = {}  # noqa: RUF012 - never written to
    """Last columns: published figures, looked up at each run."""
