"""`FileTable`: the cells of a file that is not delimited text."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class FileTable:
    """Cells as a file format stores them, and their positions."""

    frame: pd.DataFrame
    name: str
    """Name of the table in messages."""
    row_numbers: Sequence[int] | None = None
    """Number of each row in the file; None: they count from 1."""
    row_word: str = "row"
    """Word for a row in messages."""
    notes: tuple[str, ...] = ()
    """Sentences on everything that reading left out."""
