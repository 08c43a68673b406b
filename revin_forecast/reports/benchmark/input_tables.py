"""The input tables of the report: their columns, the order of their names, and error curves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    # pandas declares most selections as "Series | DataFrame", which no function accepts.
    Frame = Any
    Column = Any
else:
    Frame = pd.DataFrame
    Column = pd.Series

Tables = Mapping[str, Frame]
"""Every table of `TABLE_COLUMNS` by name; a missing one is empty."""

BASELINE = "Identity"
"""The normalizer that does nothing: a model's twin has it, with the same backbone and seed."""

REFERENCE = "reference"
"""Entry of reference models, such as SeasonalNaive, in the column of normalizers."""

REFERENCE_LABELS = {"reference": "(reference)", "zero-shot": "(zero-shot, no training)"}
"""Label of a reference in the place of a normalizer, by its role."""

ONLINE = "online"
"""Role of a model that learns from the test rows that it has already forecast."""

_MODEL_COLUMNS = "dataset backbone normalizer seed role"
_SHIFT_COLUMNS = "semantics placement shift arm"
_COLUMN_LISTS = {
    "runs": f"run_key {_MODEL_COLUMNS} data_sha lookback horizon n_params epochs_run val_loss "
    "status error",
    "costs": "run_key train_s eval_s peak_mb",
    "cells": f"run_key {_MODEL_COLUMNS} {_SHIFT_COLUMNS} severity displacement age n_windows "
    "n_excl_channels mase_pb eg cvar10 r_log ci_lo ci_hi oracle regret status error",
    "shiftcards": "dataset channel d_mu d_sigma w1 energy_raw energy_inst removable floor gap_mu "
    "gap_logsd residual delta_star verdict reason",
    "checks": "name claim predicted measured tol passed",
    "examples": "dataset backbone normalizer shift arm severity kind rank channel t0_index "
    "past truth clean shifted",
    "headline": "backbone normalizer role column mase lo hi degradation against_twin twin_lo "
    "twin_hi clean_gain clean_gain_lo clean_gain_hi shift_effect shift_effect_lo shift_effect_hi "
    "undamped regret regret_lo regret_hi skilled on_front ranked rank note n_datasets n_failed "
    "n_lacking",
    "dataset_errors": "dataset backbone normalizer role column mase lo hi against_twin twin_lo "
    "twin_hi note",
    "channel_errors": "dataset channel backbone normalizer role column mase lo hi",
    "fills": "backbone normalizer role severity mase lo hi against_twin twin_lo twin_hi "
    "against_level level_lo level_hi note",
    "intervals": "backbone normalizer role source column coverage_80 coverage_80_lo coverage_80_hi "
    "coverage_95 coverage_95_lo coverage_95_hi width_80 wql against_twin twin_lo twin_hi",
    "online": "backbone normalizer role column mase against_frozen lo hi note",
    "lacking": "dataset backbone normalizer role column n_lacking n_required what",
    "nce": f"backbone normalizer {_SHIFT_COLUMNS} nce lo hi nce_naive relative n n_failed note",
    "mce": "backbone normalizer semantics placement mce lo hi note",
    "ausc": f"dataset backbone normalizer {_SHIFT_COLUMNS} ausc mean_r n_seeds",
    "recovery": "dataset backbone normalizer shift arm k90 degrades",
    "natural": "backbone normalizer shift decile displacement mase lo hi",
    "pairs": "normalizer_a normalizer_b backbone column dataset log_ratio lo hi",
    "tests": "normalizer_a normalizer_b column n_datasets median_log_ratio p p_holm needed note",
    "effective": "backbone normalizer column effective",
}
_SUMMARY_LISTS = {
    "curves": "kind backbone dataset severity shift arm line position mase lo hi data_sets",
    "level_gaps": "dataset backbone severity displacement gap reach",
    "oracle_regrets": "backbone normalizer semantics placement mase_pb oracle regret",
    "equivariance_gaps": "backbone normalizer shift mean_gap max_gap",
    "worst_cells": "backbone normalizer semantics placement shift arm severity dataset r_log ci_lo "
    "ci_hi cvar10",
    "statuses": "dataset status error shift arm n n_excl_channels",
}
SUMMARY_COLUMNS = {name: tuple(columns.split()) for name, columns in _SUMMARY_LISTS.items()}
"""Columns of the tables that summarize the cells, see `cell_summaries`."""
_COLUMN_LISTS |= _SUMMARY_LISTS
TABLE_COLUMNS = {name: tuple(columns.split()) for name, columns in _COLUMN_LISTS.items()}

_TEXT_COLUMNS = frozenset(
    f"run_key {_MODEL_COLUMNS} data_sha {_SHIFT_COLUMNS} status error channel verdict reason name "
    "claim kind column source line note what normalizer_a normalizer_b".split()
) - {"seed"}
_UNCONVERTED_COLUMNS = frozenset(
    (
        *("predicted", "measured", "tol", "passed", "past", "truth", "clean", "shifted"),
        *("ranked", "skilled", "on_front"),
    )
)

BACKBONE_ORDER = ("Ridge", "Linear")
NORMALIZER_ORDER = (BASELINE, "RevIN", "LastValue", "Robust", "DishTS", "SAN", "FAN", "Stationary")
SHIFT_ORDER = (
    "level",
    "scale",
    "noise",
    "trend",
    "random_walk",
    "frequency",
    "phase",
    "amplitude",
    "regime",
    "tails",
    "channels",
    "concept",
    "level_dependent",
    "spikes",
    "missing",
    "sensor_offset",
    "sensor_gain",
    "level_decile",
    "scale_decile",
)
PLACEMENT_ORDER = ("clean", "steady", "transition", "horizon", "observation", "fill", "natural")
LEADERBOARD_COLUMNS = ("clean", "steady", "transition", "observation")
"""Columns of the headline: one placement each, never an average of several."""

BLOCK_TITLES = {
    ("process", "steady"): "process shift, steady",
    ("process", "transition"): "process shift, transition",
    ("process", "horizon"): "process shift, horizon (control)",
    ("observation", "observation"): "observation corruption",
}
"""Titles by (semantics, placement), in page order."""

MIN_ERROR = 1e-6
"""Lower bound of an error before its logarithm, as in the aggregates."""
GROUP_COLUMNS = [
    "backbone",
    "line",
    "role",
    "placement",
    "shift",
    "arm",
    "severity",
    "age",
    "dataset",
]
"""Columns that identify a row of `dataset_errors`."""


def fill_tables(tables: Tables) -> dict[str, Frame]:
    """Return every table with every column, numbers as floats; a missing table is empty."""
    filled = {}
    for name, columns in TABLE_COLUMNS.items():
        frame = tables.get(name)
        frame = pd.DataFrame() if frame is None else frame
        # Unknown columns are dropped, missing ones are added as NaN.
        frame = frame.reindex(columns=list(columns)).reset_index(drop=True)
        for column in columns:
            if column in _TEXT_COLUMNS:
                frame[column] = frame[column].astype(object).fillna("").astype(str)
            elif column not in _UNCONVERTED_COLUMNS:
                numbers: Column = pd.to_numeric(frame[column], errors="coerce")
                frame[column] = numbers.astype(np.float64)
        if "normalizer" in columns and "role" not in columns:
            frame = frame[frame["normalizer"] != REFERENCE]  # references have no twin, no panel
        filled[name] = frame
    return filled


def order_names(names: Iterable[str], first: Sequence[str]) -> list[str]:
    """Return each name once: those of `first` in its order, then the others alphabetically.

    >>> order_names(["b", "RevIN", "a", "b"], ["Identity", "RevIN"])
    ['RevIN', 'a', 'b']
    """
    unique = {str(name) for name in names}
    return [name for name in first if name in unique] + sorted(unique - set(first))


def list_dataset_names(tables: Tables) -> list[str]:
    """Return the names of all data sets in alphabetical order."""
    return order_names(
        [name for key in ("runs", "cells") for name in tables[key]["dataset"].unique()], ()
    )


def list_backbone_names(tables: Tables) -> list[str]:
    """Return the names of the models' backbones, without references such as SeasonalNaive."""
    frames = [tables[name] for name in ("runs", "cells", "headline")]
    return order_names(
        [
            name
            for frame in frames
            for name in frame.loc[frame["role"] == "model", "backbone"].unique()
        ],
        BACKBONE_ORDER,
    )


def format_shift(shift: str, arm: str) -> str:
    """Return the name of a shift and its arm as text.

    >>> format_shift("random_walk", ""), format_shift("scale", "up")
    ('random walk', 'scale, up')
    """
    return shift.replace("_", " ") + (f", {arm}" if arm else "")


def list_shifts(frame: Frame) -> list[tuple[str, str]]:
    """Return the pairs (shift, arm) of a table in the order of `SHIFT_ORDER`."""
    pairs = {
        (str(shift), str(arm)) for shift, arm in zip(frame["shift"], frame["arm"], strict=True)
    }
    order = order_names((shift for shift, _ in pairs), SHIFT_ORDER)
    # The arm "down" comes after the other arms, so that "up" precedes it.
    return sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1] == "down", pair[1]))


def dataset_errors(cells: Frame) -> Frame:
    """Return the geometric mean error over seeds, one row per data set and finished cell.

    Columns: `GROUP_COLUMNS`; `mase`; `below` and `above`, the distances of log(E_s/E_0) from the
    bounds of its 95 % interval. `line` is the name of a line in a plot: the normalizer, or the
    name of a reference model.
    """
    done = cells[(cells["status"] == "done") & cells["mase_pb"].notna() & (cells["role"] != ONLINE)]
    done = done.assign(
        mase=np.log(done["mase_pb"].clip(lower=MIN_ERROR)),
        line=done["normalizer"].where(done["role"] == "model", done["backbone"]).astype(str),
        below=(done["r_log"] - done["ci_lo"]).fillna(0),
        above=(done["ci_hi"] - done["r_log"]).fillna(0),
    )
    groups = done.groupby(GROUP_COLUMNS, as_index=False, observed=True)
    # Seeds share their windows, so their intervals are dependent: the distances are averaged, not
    # divided by the root of the number of seeds.
    means = groups.agg(mase=("mase", "mean"), below=("below", "mean"), above=("above", "mean"))
    return means.assign(mase=np.exp(means["mase"]))


def error_curves(errors: Frame, clean: Frame, axis: str) -> Frame:
    """Return the curves of all panels: shift, arm, line, `axis`, mase, lo, hi, data_sets.

    A point is the geometric mean over the data sets that have every line of the panel at every
    point. Data sets are treated as independent: the distance of a bound from a mean of n logarithms
    is the root of the sum of their squared distances, divided by n.

    Args:
        errors: rows of `dataset_errors`; a panel is a shift with its arm.
        clean: rows of the clean series, which are a point of every panel.
        axis: name of the column along the curve.
    """
    panel, point = ["shift", "arm"], ["line", axis]
    panels = errors.loc[errors["role"] == "model", panel].drop_duplicates()
    clean_rows = panels.merge(clean.drop(columns=panel), how="cross")
    rows = pd.concat([errors.merge(panels, on=panel), clean_rows], ignore_index=True)
    # Only complete data sets: a mean over other data sets at some points would bend the curves.
    points = rows.drop_duplicates([*panel, *point]).groupby(panel).agg(point_count=("line", "size"))
    counts = rows.groupby([*panel, "dataset"]).agg(row_count=("line", "size"))
    complete = counts.reset_index().merge(points.reset_index(), on=panel)
    complete = complete.loc[complete["row_count"] == complete["point_count"], [*panel, "dataset"]]
    rows = rows.merge(complete, on=[*panel, "dataset"])
    rows = rows.assign(
        mase=np.log(rows["mase"].clip(lower=MIN_ERROR)),
        below=rows["below"] ** 2,
        above=rows["above"] ** 2,
    )
    means = rows.groupby([*panel, *point], as_index=False).agg(
        mase=("mase", "mean"),
        below=("below", "sum"),
        above=("above", "sum"),
        data_sets=("dataset", "nunique"),
    )
    return means.assign(
        mase=np.exp(means["mase"]),
        lo=np.exp(means["mase"] - np.sqrt(means["below"]) / means["data_sets"]),
        hi=np.exp(means["mase"] + np.sqrt(means["above"]) / means["data_sets"]),
    )


def ratios_to_baseline(pairs: Frame) -> Frame:
    """Return log(E/E_twin) for the pairs that contain `BASELINE`; below 0 is less error.

    Columns: normalizer, backbone, column, dataset, log_ratio, lo, hi.
    """
    second = pairs[pairs["normalizer_b"] == BASELINE].rename(columns={"normalizer_a": "normalizer"})
    first = pairs[pairs["normalizer_a"] == BASELINE].rename(columns={"normalizer_b": "normalizer"})
    # log(E_twin/E) = -log(E/E_twin): the bounds of the interval change sides.
    negated = first.assign(log_ratio=-first["log_ratio"], lo=-first["hi"], hi=-first["lo"])
    columns = ["normalizer", "backbone", "column", "dataset", "log_ratio", "lo", "hi"]
    pairs_with_twin: Frame = pd.concat([second[columns], negated[columns]], ignore_index=True)
    is_pair = (pairs_with_twin["normalizer"] != BASELINE) & pairs_with_twin["log_ratio"].notna()
    return pairs_with_twin[is_pair].drop_duplicates(columns[:4])
