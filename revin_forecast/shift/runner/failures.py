"""Group the cells that could not be measured by the reason and the model."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class FailureGroup:
    """Failed cells of one model with the same reason, apart from numbers in it."""

    reason: str
    """Reason of the first cell."""
    cells: int
    """Number of cells."""
    dataset: str
    """Data set of the first cell."""
    model: str
    """Backbone and normalizer of all cells, and seed of the first one."""

    def __str__(self) -> str:
        """Return the group on one line."""
        return f"{self.cells} x {self.reason} (first: {self.model} on {self.dataset})"


def group_failures(cells: pd.DataFrame) -> list[FailureGroup]:
    """Return the reasons of failed cells by model, the most frequent one first.

    Args:
        cells: table of cells, in the order of the plan.
    """
    columns = ["error", "dataset", "backbone", "normalizer", "seed"]
    failed = cells.loc[cells.status == "failed", columns].to_dict("records")
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in map(dict, failed):
        key = NUMBER.sub("#", row["error"]), row["backbone"], row["normalizer"]
        groups.setdefault(key, []).append(row)
    found = [
        FailureGroup(
            rows[0]["error"],
            len(rows),
            rows[0]["dataset"],
            "{backbone} in {normalizer}, seed {seed}".format(**rows[0]),
        )
        for rows in groups.values()
    ]
    return sorted(found, key=lambda group: -group.cells)
