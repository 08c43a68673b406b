"""The tables a report is made from: their columns, and the order of what they name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    # pandas declares most selections as "Series or DataFrame", which nothing accepts.
    Frame = Any
    Column = Any
else:
    Frame = pd.DataFrame
    Column = pd.Series

Tables = Mapping[str, Frame]
"""Every table of `COLUMNS` by name; one that was not handed over is empty."""

BASELINE = "Identity"
"""The normalizer that does nothing; a model's twin has it, the same backbone and the same seed."""

REFERENCE = "reference"
"""Stands in the column of normalizers for models that are there to compare with."""

_MODEL_COLUMNS = "dataset backbone normalizer seed role"
_SHIFT_COLUMNS = "semantics placement shift arm"
_COLUMN_LISTS = {
    "runs": f"run_key {_MODEL_COLUMNS} data_sha lookback horizon n_params epochs_run val_loss status error",
    "costs": "run_key train_s eval_s peak_mb",
    "cells": f"run_key {_MODEL_COLUMNS} {_SHIFT_COLUMNS} severity displacement age n_windows n_excl_channels "
    "mase_pb eg cvar10 r_log ci_lo ci_hi oracle regret status error",
    "shiftcards": "dataset channel d_mu d_sigma w1 energy_raw energy_inst removable floor gap_mu "
    "gap_logsd residual delta_star verdict reason",
    "checks": "name claim predicted measured tol passed",
    "examples": "dataset backbone normalizer shift arm severity kind rank channel t0_index "
    "past truth clean shifted",
    "headline": "backbone normalizer role column mase lo hi degradation against_twin twin_lo "
    "twin_hi ranked rank note n_datasets n_failed",
    "nce": f"backbone normalizer {_SHIFT_COLUMNS} nce lo hi nce_naive relative n n_failed",
    "mce": "backbone normalizer semantics placement mce",
    "ausc": f"dataset backbone normalizer {_SHIFT_COLUMNS} ausc mean_r n_seeds",
    "recovery": "dataset backbone normalizer shift arm k90 degrades",
    "natural": "backbone normalizer shift decile displacement mase lo hi",
    "pairs": "normalizer_a normalizer_b backbone column dataset log_ratio lo hi",
    "tests": "normalizer_a normalizer_b column n_datasets median_log_ratio p p_holm note",
    "effective": "backbone normalizer column effective",
}
TABLE_COLUMNS = {name: tuple(columns.split()) for name, columns in _COLUMN_LISTS.items()}

_TEXT_COLUMNS = frozenset(
    f"run_key {_MODEL_COLUMNS} data_sha {_SHIFT_COLUMNS} status error channel verdict reason name claim kind "
    "column note normalizer_a normalizer_b".split()
) - {"seed"}
_UNCONVERTED_COLUMNS = frozenset(
    ("predicted", "measured", "tol", "passed", "past", "truth", "clean", "shifted", "ranked")
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
PLACEMENT_ORDER = ("clean", "steady", "transition", "horizon", "observation", "natural")
LEADERBOARD_COLUMNS = ("clean", "steady", "transition", "observation")
"""Columns of the headline: one placement each, never an average of several."""


def fill_tables(tables: Tables) -> dict[str, Frame]:
    """Return every table with every column: a missing one empty, numbers as floats."""
    whole = {}
    for name, columns in TABLE_COLUMNS.items():
        given = tables.get(name)
        frame = pd.DataFrame() if given is None else given
        frame = frame.reindex(columns=list(columns)).reset_index(drop=True)
        for column in columns:
            if column in _TEXT_COLUMNS:
                frame[column] = frame[column].astype(object).fillna("").astype(str)
            elif column not in _UNCONVERTED_COLUMNS:
                numbers: Column = pd.to_numeric(frame[column], errors="coerce")
                frame[column] = numbers.astype(np.float64)
        if "normalizer" in columns and "role" not in columns:
            frame = frame[frame["normalizer"] != REFERENCE]  # they have no twin and no panel
        whole[name] = frame
    return whole


def order_names(names: Iterable[str], first: Sequence[str]) -> list[str]:
    """Return each name once: those of `first` in its order, then the others by the alphabet.

    >>> in_order(["b", "RevIN", "a", "b"], ["Identity", "RevIN"])
    ['RevIN', 'a', 'b']
    """
    found = {str(name) for name in names}
    return [name for name in first if name in found] + sorted(found - set(first))


def list_dataset_names(tables: Tables) -> list[str]:
    """Return the names of all data sets."""
    return order_names(
        [n for key in ("runs", "cells") for n in tables[key]["dataset"].unique()], ()
    )


def list_backbone_names(tables: Tables) -> list[str]:
    """Return the backbones of models; references such as SeasonalNaive are none."""
    frames = [tables[name] for name in ("runs", "cells", "headline")]
    return order_names(
        [n for frame in frames for n in frame.loc[frame["role"] == "model", "backbone"].unique()],
        BACKBONE_ORDER,
    )


def format_shift(shift: str, arm: str) -> str:
    """Name a shift and its arm for people.

    >>> shift_name("random_walk", ""), shift_name("scale", "up")
    ('random walk', 'scale, up')
    """
    return shift.replace("_", " ") + (f", {arm}" if arm else "")


def list_shifts(frame: Frame) -> list[tuple[str, str]]:
    """Return the pairs (shift, arm) of a table in the order of the taxonomy."""
    pairs = {
        (str(shift), str(arm)) for shift, arm in zip(frame["shift"], frame["arm"], strict=True)
    }
    order = order_names((shift for shift, _ in pairs), SHIFT_ORDER)
    return sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1] == "down", pair[1]))


MIN_ERROR = 1e-12
"""A perfect forecast has no logarithm."""

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


def dataset_errors(cells: Frame) -> Frame:
    """Return one row a data set and cell, the mean over seeds, of the cells that are done.

    Columns: `KEYS`, `mase`, `below` and `above`: the 95 % interval's reach on either side of
    log(E_s/E_0). Seeds share their windows, so the reach is averaged, not divided by their root.
    `line` is what a plot tells apart: the normalizer, or the name of a reference model.
    """
    done = cells[(cells["status"] == "done") & cells["mase_pb"].notna()]
    done = done.assign(
        line=done["normalizer"].where(done["role"] == "model", done["backbone"]).astype(str),
        below=(done["r_log"] - done["ci_lo"]).fillna(0),
        above=(done["ci_hi"] - done["r_log"]).fillna(0),
    )
    parts = done.groupby(GROUP_COLUMNS, as_index=False, observed=True)
    return parts.agg(mase=("mase_pb", "mean"), below=("below", "mean"), above=("above", "mean"))


def error_curves(errors: Frame, clean: Frame, axis: str) -> Frame:
    """Return the curves of all panels: shift, arm, line, `axis`, mase, lo, hi, data_sets.

    A point is the geometric mean over the data sets that every line of its panel has at every
    point. Data sets are taken for independent: the interval of a mean of n logarithms reaches the
    root of the summed squares over n.

    Args:
        errors: rows of `data_set_errors`; a panel is a shift with its arm.
        clean: rows of the clean series, a point of every panel.
        axis: the column along the curve.
    """
    panel, point = ["shift", "arm"], ["line", axis]
    places = errors.loc[errors["role"] == "model", panel].drop_duplicates()
    everywhere = places.merge(clean.drop(columns=panel), how="cross")
    rows = pd.concat([errors.merge(places, on=panel), everywhere], ignore_index=True)
    points = rows.drop_duplicates([*panel, *point]).groupby(panel).agg(wanted=("line", "size"))
    counts = rows.groupby([*panel, "dataset"]).agg(got=("line", "size"))
    whole = counts.reset_index().merge(points.reset_index(), on=panel)
    whole = whole.loc[whole["got"] == whole["wanted"], [*panel, "dataset"]]
    rows = rows.merge(whole, on=[*panel, "dataset"])
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
    """Return the pairs one side of which is `TWIN`, as log(E/E_twin); below 0 is less error.

    Columns: normalizer, backbone, column, dataset, log_ratio, lo, hi.
    """
    second = pairs[pairs["normalizer_b"] == BASELINE].rename(columns={"normalizer_a": "normalizer"})
    first = pairs[pairs["normalizer_a"] == BASELINE].rename(columns={"normalizer_b": "normalizer"})
    turned = first.assign(log_ratio=-first["log_ratio"], lo=-first["hi"], hi=-first["lo"])
    kept = ["normalizer", "backbone", "column", "dataset", "log_ratio", "lo", "hi"]
    both: Frame = pd.concat([second[kept], turned[kept]], ignore_index=True)
    both = both[(both["normalizer"] != BASELINE) & both["log_ratio"].notna()]
    return both.drop_duplicates(kept[:4])
