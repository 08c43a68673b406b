"""The cells that a model lacks: why a row of a table has no figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.panel import FILL_PLACEMENT, MODEL_COLUMNS, Panel

LACKING_COLUMNS = ["dataset", *MODEL_COLUMNS, "column", "n_lacking", "n_required", "what"]
EVERY_MODEL = "every model"
"""In place of a backbone: no model has done these cells, and no figure rests on them."""
ALL_PLACEMENTS = (
    *("clean", "steady", "transition", "horizon", "observation", "natural", FILL_PLACEMENT),
)
ConditionMasks = list[np.ndarray]
"""Mask of conditions for each panel."""


def column_masks(panels: Sequence[Panel], column: str) -> ConditionMasks:
    """Return the mask of a placement's conditions for each panel."""
    return [panel.placement_mask(column) for panel in panels]


def lacking_cells(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return the cells that a model lacks, by data set and placement; empty if none.

    n_required counts the cells that the model needs there, what names their shifts. The rows of
    `every model` count cells that all models failed in: they enter no figure.
    """
    rows: list[tuple[Any, ...]] = []
    for panel in panels:
        for column in ALL_PLACEMENTS:
            mask = panel.placement_mask(column)
            for number, model in enumerate(panel.models):
                counts = panel.lacking_counts(number) * mask
                if counts.any():
                    required = int(panel.required_counts(number)[mask].sum())
                    figures = int(counts.sum()), required, name_shifts(panel, counts > 0)
                    rows.append((panel.dataset, *model, column, *figures))
            # A failed cell of the natural shift is one row, a done one has a row for each decile.
            is_done = panel.required.any(axis=0) | (column == "natural" and panel.has_cells(mask))
            lost = panel.failed_counts.max(axis=0, initial=0) * mask * ~is_done
            if lost.any():
                figures = int(lost.sum()), 0, name_shifts(panel, lost > 0)
                rows.append((panel.dataset, EVERY_MODEL, "", "", column, *figures))
    return pd.DataFrame(rows, columns=LACKING_COLUMNS)


def count_lacking(panels: Sequence[Panel], number: int, masks: ConditionMasks) -> int:
    """Return the number of required cells that a model lacks under some conditions."""
    pairs = zip(panels, masks, strict=True)
    return sum(int(panel.lacking_counts(number)[mask].sum()) for panel, mask in pairs)


def describe_lacking(panels: Sequence[Panel], number: int, masks: ConditionMasks) -> str:
    """Return the cells that a model lacks as text; empty if none.

    For instance "lacks 3 of 96 cells: etth1 2 (level, scale up), sine 1 (spikes)".
    """
    parts, lacking, required = [], 0, 0
    for panel, mask in zip(panels, masks, strict=True):
        counts = panel.lacking_counts(number) * mask
        required += int(panel.required_counts(number)[mask].sum())
        if counts.any():
            lacking += int(counts.sum())
            parts.append(f"{panel.dataset} {counts.sum()} ({name_shifts(panel, counts > 0)})")
    return f"lacks {lacking} of {required} cells: {', '.join(parts)}" if parts else ""


def name_shifts(panel: Panel, mask: np.ndarray) -> str:
    """Return the shifts of some conditions with their arms, at most four by name."""
    chosen = panel.conditions.loc[mask]
    # Clean and natural cells have no shift: their placement names them.
    labels = chosen["shift"].where(chosen["shift"] != "none", chosen["placement"])
    pairs = zip(labels, chosen["arm"], strict=True)
    names = list(dict.fromkeys(f"{label} {arm}".strip() for label, arm in pairs))
    rest = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + rest
