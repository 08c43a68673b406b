"""Degradation along an axis: over the size of a shift, and over its age."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from revin_forecast.shift.aggregates.estimates import group_means, iter_group_slices, select_rows
from revin_forecast.shift.aggregates.panel import (
    FILL_PLACEMENT,
    UNSHIFTED_PLACEMENTS,
    Panel,
)

CURVE_COLUMNS = ["dataset", "backbone", "normalizer", "semantics", "placement", "shift", "arm"]
AUSC_COLUMNS = [*CURVE_COLUMNS, "ausc", "mean_r", "n_seeds", "note"]
JUMP_COLUMNS = ["dataset", "backbone", "normalizer", "shift", "arm"]
RECOVERY_COLUMNS = [*JUMP_COLUMNS, "k90", "degrades", "note"]
REPLICATE_COLUMNS = ["seed", "severity", "shift_seed"]
LACKS_CELLS = "lacks cells, named in the table of lacking cells"
RECOVERED_SHARE = 0.1
"""Share of the excess error at age 0 below which a model counts as recovered."""


def comparable_cells(panels: Sequence[Panel], curve: Sequence[str]) -> pd.DataFrame:
    """Return the cells with a shift that are compared, one a row.

    is_lacking marks the cells of a curve in which the model lacks a cell.

    Args:
        panels: the data sets.
        curve: columns of the conditions that a curve has in common.
    """
    parts = []
    for panel in panels:
        placement, severity = panel.conditions.placement, panel.conditions.severity
        is_shifted = ~placement.isin((*UNSHIFTED_PLACEMENTS, FILL_PLACEMENT)) & (severity > 0)
        groups = panel.conditions.groupby(list(curve), sort=True).ngroup().to_numpy()
        for number in range(len(panel.models)):
            rows, conditions = panel.done_rows(number, is_shifted.to_numpy())
            lacking = groups[panel.lacking_counts(number) * is_shifted.to_numpy() > 0]
            is_lacking = np.isin(groups[conditions], lacking)
            parts.append(panel.table.iloc[rows].assign(is_lacking=is_lacking))
    return pd.concat(parts, ignore_index=True)


def area_under_shift_curve(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return the area under each curve of R = log(E_s / E_0) over the size of the shift.

    ausc is the mean of R over the logarithm of the displacement, by trapezoids: NaN without two
    displacements. mean_r is the plain mean over severities. Seeds and ages are averaged first. A
    curve in which the model lacks a cell has no figures.
    """
    if not panels:
        return pd.DataFrame(columns=AUSC_COLUMNS)
    table = comparable_cells(panels, ["placement", "shift", "arm"])
    columns = ["displacement", "r_log", "is_lacking"]
    points = group_means(table, [*CURVE_COLUMNS, "severity"], columns)
    displacement, ratios, is_lacking = (points[name].to_numpy() for name in columns)
    seeds = table.groupby(CURVE_COLUMNS, sort=True).seed.nunique().to_numpy()
    rows = []
    for (key, part), count in zip(iter_group_slices(points, CURVE_COLUMNS), seeds, strict=True):
        if is_lacking[part].any():
            rows.append((*key, np.nan, np.nan, count, LACKS_CELLS))
            continue
        finite = ratios[part][np.isfinite(ratios[part])]
        mean = float(finite.mean()) if len(finite) else np.nan
        area = area_under_curve(displacement[part], ratios[part])
        rows.append((*key, area, mean, count, ""))
    return pd.DataFrame(rows, columns=AUSC_COLUMNS)


def area_under_curve(
    displacement: Float[np.ndarray, " points"], ratios: Float[np.ndarray, " points"]
) -> float:
    """Return the mean of a curve over log displacement; points without either value are left out.

    >>> area_under_curve(np.array([0.5, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    1.0
    """
    valid = (displacement > 0) & np.isfinite(displacement) & np.isfinite(ratios)
    order = np.argsort(displacement[valid], kind="stable")
    positions, heights = np.log(displacement[valid][order]), ratios[valid][order]
    if len(positions) < 2 or positions[0] == positions[-1]:
        return np.nan
    return float(np.trapezoid(heights, positions) / (positions[-1] - positions[0]))


def recovery_ages(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return the steps of a shift that a model must see until a tenth of its cost remains.

    k90 is the first age with E <= E_0 + .1 (E_age0 - E_0), E the mean over severities and seeds
    that have every age. It is NaN if the error stays higher, or if the shift has no cost at age 0
    (degrades False). A model that lacks a cell has no age.
    """
    if not panels:
        return pd.DataFrame(columns=RECOVERY_COLUMNS)
    table = comparable_cells(panels, ["shift", "arm"])
    table = select_rows(table, table.placement.isin(("horizon", "transition")))
    table = table.sort_values(
        [*JUMP_COLUMNS, *REPLICATE_COLUMNS, "age"], kind="stable", ignore_index=True
    )
    replicate = table.groupby([*JUMP_COLUMNS, *REPLICATE_COLUMNS], sort=True).ngroup().to_numpy()
    age, error, clean = (table[name].to_numpy() for name in ("age", "mase_pb", "e0_ref"))
    is_lacking, rows = table.is_lacking.to_numpy(), []
    for key, part in iter_group_slices(table, JUMP_COLUMNS):
        if is_lacking[part].any():
            rows.append((*key, np.nan, False, LACKS_CELLS))
            continue
        ages = np.unique(age[part])
        replicates, sizes = np.unique(replicate[part], return_counts=True)
        # Only replicates with every age, so that all points of the curve have the same members.
        is_complete = np.isin(replicate[part], replicates[sizes == len(ages)])
        if ages[0] == 0 and is_complete.any():
            errors = error[part][is_complete].reshape(-1, len(ages)).mean(axis=0)
            clean_error = float(clean[part][is_complete].mean())
            recovery = recovery_age(ages.astype(np.float64), errors, clean_error)
            rows.append((*key, *recovery, ""))
    return pd.DataFrame(rows, columns=RECOVERY_COLUMNS)


def recovery_age(
    ages: Float[np.ndarray, " ages"], errors: Float[np.ndarray, " ages"], clean: float
) -> tuple[float, bool]:
    """Return the first age at which an error has recovered, and whether it was raised at age 0.

    Args:
        ages: ages in increasing order, from 0 on.
        errors: error at each age.
        clean: error without the shift.

    >>> recovery_age(np.array([0.0, 24, 48]), np.array([2.0, 1.5, 1.1]), clean=1.0)
    (48.0, True)
    """
    excess = errors - clean
    if not excess[0] > 0:
        return np.nan, False
    # The threshold is often met exactly, and .1 is not exact in binary: allow for rounding.
    recovered = ages[excess <= RECOVERED_SHARE * excess[0] + 1e-12 * errors[0]]
    return (float(recovered[0]) if len(recovered) else np.nan), True
