"""The headline of each data set, and what models do with gaps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import NO_ESTIMATE, Estimate, pool_estimates
from revin_forecast.shift.aggregates.lacking import describe_lacking
from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS, twin_indices
from revin_forecast.shift.aggregates.panel import FILL_PLACEMENT, MODEL_COLUMNS, Panel

ERROR_COLUMNS = ["mase", "lo", "hi", "against_twin", "twin_lo", "twin_hi"]
DATASET_COLUMNS = ["dataset", *MODEL_COLUMNS, "column", *ERROR_COLUMNS, "n_cells", "note"]
FILL_COLUMNS = [
    *(*MODEL_COLUMNS, "severity", *ERROR_COLUMNS),
    *("against_level", "level_lo", "level_hi", "n_datasets", "note"),
]
LEVEL_ARM = "level"
"""Arm of the shift `missing` whose gaps are filled with the level of the window."""


def dataset_errors(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error and ratio to its twin on each data set, by placement.

    As in the headline: mase is the geometric mean over the cells, against_twin the logarithm of its
    ratio to the twin. The headline is their mean over data sets. n_cells counts the cells.
    """
    rows: list[tuple[Any, ...]] = []
    for panel in panels:
        twins = twin_indices(panel.models)
        for number, model in enumerate(panel.models):
            for column in PLACEMENTS:
                mask = panel.placement_mask(column)
                if panel.has_cells(mask):
                    figures = _error_figures([panel], number, twins[number], [mask])
                    count = int(panel.required_counts(number)[mask].sum())
                    note = describe_lacking([panel], number, [mask])
                    rows.append((panel.dataset, *model, column, *figures, count, note))
    return pd.DataFrame(rows, columns=DATASET_COLUMNS)


def fill_errors(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return what each model does with gaps that it has to fill by itself, by their share.

    mase and against_twin as in the headline. against_level is log(error / the model's own error if
    the gaps are filled with the level of the window): below 0 its own way is better.
    """
    masks_by_severity: dict[int, list[tuple[Panel, np.ndarray]]] = {}
    for panel in panels:
        is_fill = panel.placement_mask(FILL_PLACEMENT)
        for severity in np.unique(panel.conditions.severity.to_numpy()[is_fill]):
            mask = is_fill & (panel.conditions.severity == severity).to_numpy()
            if panel.has_cells(mask):
                masks_by_severity.setdefault(int(severity), []).append((panel, mask))
    rows: list[tuple[Any, ...]] = []
    for number, model in enumerate(panels[0].models if panels else ()):
        twin = twin_indices(panels[0].models)[number]
        for severity, pairs in sorted(masks_by_severity.items()):
            used, masks = [panel for panel, _ in pairs], [mask for _, mask in pairs]
            figures = _error_figures(used, number, twin, masks)
            effects = [_effect_of_own_fill(panel, number, mask) for panel, mask in pairs]
            note = describe_lacking(used, number, masks)
            against_level = pool_estimates(effects)
            rows.append((*model, severity, *figures, *against_level, len(used), note))
    return pd.DataFrame(rows, columns=FILL_COLUMNS)


def _effect_of_own_fill(panel: Panel, number: int, mask: np.ndarray) -> Estimate | None:
    """Return log(error / error with the level of the window as fill); None if a cell is lacking."""
    conditions = panel.conditions
    severity = conditions.severity.to_numpy()[mask][0]
    is_missing = conditions["shift"] == conditions["shift"].to_numpy()[mask][0]
    is_level = is_missing & (conditions.arm == LEVEL_ARM) & (conditions.severity == severity)
    own, level = panel.log_mean(number, mask), panel.log_mean(number, is_level.to_numpy())
    return None if own is None or level is None else own.minus(level)


def _error_figures(
    panels: Sequence[Panel], number: int, twin: int | None, masks: list[np.ndarray]
) -> tuple[float, ...]:
    """Return error and log-ratio to the twin with their intervals, by `ERROR_COLUMNS`."""
    pairs = list(zip(panels, masks, strict=True))
    error = pool_estimates([panel.log_mean(number, mask) for panel, mask in pairs]).exp()
    if twin is None:
        return *error, *NO_ESTIMATE
    return *error, *pool_estimates([panel.log_ratio(number, twin, mask) for panel, mask in pairs])
