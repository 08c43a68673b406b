"""Small tables that summarize the table of cells, from which the page can be made without it.

The table of cells has a row for each measured cell, too many for a repository. A recorded suite has
these summaries instead; `read_summary` returns the same rows in both cases.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    SUMMARY_COLUMNS,
    Column,
    Frame,
    Tables,
    dataset_errors,
    error_curves,
    list_backbone_names,
    list_dataset_names,
)

NAIVE_BASELINE = "SeasonalNaive"
"""Reference model that is drawn with the models of every backbone."""
MAX_CURVE_SETS = 18
"""Sets of curves up to which every data set has its own; beyond, only their mean has."""
CLEAN_POSITION = 1.25
"""Position of the clean series on an axis of ages that ends at 1, the whole look-back."""
LINEAR_BACKBONES = ("Ridge", "Linear")
BREAK_EVEN_NORMALIZER = "RevIN"


def read_summary(tables: Tables, name: str) -> Frame:
    """Return a summary of the cells, computed from them or, where they are absent, as recorded.

    Args:
        tables: every table with every column, as returned by `fill_tables`.
        name: one of `SUMMARY_COLUMNS`.
    """
    if tables["cells"].empty:
        return tables[name]
    rows = _SUMMARIES[name](tables)
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS[name]))


def summarize_cells(tables: Tables) -> dict[str, Frame]:
    """Return every summary by its name."""
    return {name: read_summary(tables, name) for name in SUMMARY_COLUMNS}


def _summarize_curves(tables: Tables) -> Frame:
    """Return the points of the curves over severity and over the age of a shift."""
    errors = dataset_errors(tables["cells"])
    clean = errors[errors["placement"] == "clean"]
    parts = [
        points.assign(kind=kind, **names)
        for kind in ("steady", "observation")
        for names, points in _severity_curves(errors, clean, kind, tables)
    ]
    parts += [
        points.assign(kind="onset", **names) for names, points in _age_curves(errors, clean, tables)
    ]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _severity_curves(
    errors: Frame, clean: Frame, placement: str, tables: Tables
) -> Iterator[tuple[dict[str, Any], Frame]]:
    shifted = errors[(errors["placement"] == placement) & (errors["severity"] > 0)]
    if shifted.empty:
        return
    datasets, backbones = list_dataset_names(tables), list_backbone_names(tables)
    # The empty name is the mean over data sets.
    choices = ["", *datasets] if len(datasets) > 1 else [""]
    if len(choices) * len(backbones) > MAX_CURVE_SETS:
        choices = [""]
    clean = clean.assign(severity=0.0)
    for backbone in backbones:
        for dataset in choices:
            rows = [_select_errors(part, backbone, dataset) for part in (shifted, clean)]
            points = error_curves(*rows, axis="severity").rename(columns={"severity": "position"})
            yield {"backbone": backbone, "dataset": dataset, "severity": math.nan}, points


def _select_errors(errors: Frame, backbone: str, dataset: str = "") -> Frame:
    is_model = (errors["role"] == "model") & (errors["backbone"] == backbone)
    rows = errors[is_model | (errors["line"] == NAIVE_BASELINE)]
    return rows[rows["dataset"] == dataset] if dataset else rows


def _age_curves(
    errors: Frame, clean: Frame, tables: Tables
) -> Iterator[tuple[dict[str, Any], Frame]]:
    has_onset = errors["placement"].isin(("transition", "horizon"))
    rows = errors[has_onset & (errors["age"] >= 0) & (errors["severity"] > 0)]
    if rows.empty:
        return
    # As parts of the look-back, ages are comparable between data sets.
    rows = rows.assign(position=rows["age"] / rows["dataset"].map(_lookbacks(tables, rows)))
    clean = clean.assign(position=CLEAN_POSITION)
    for backbone in list_backbone_names(tables):
        model_rows, clean_rows = (_select_errors(part, backbone) for part in (rows, clean))
        for severity in sorted(model_rows["severity"].unique(), reverse=True):
            severity_rows = model_rows[model_rows["severity"] == severity]
            points = error_curves(severity_rows, clean_rows, "position")
            yield {"backbone": backbone, "dataset": "", "severity": severity}, points


def _lookbacks(tables: Tables, rows: Frame) -> Column:
    """Return the look-back of each data set; the highest age replaces a missing one."""
    lookbacks = tables["runs"].groupby("dataset")["lookback"].max()
    return lookbacks.reindex(rows["dataset"].unique()).fillna(rows.groupby("dataset")["age"].max())


def _summarize_level_gaps(tables: Tables) -> Frame:
    """Return E(RevIN) - E(Identity) of linear backbones by the size of a steady level shift.

    `reach` is half the width of the interval of the difference.
    """
    cells = tables["cells"]
    steady = (
        (cells["shift"] == "level") & (cells["placement"] == "steady") & (cells["severity"] > 0)
    )
    cells = cells[(steady | (cells["placement"] == "clean")) & (cells["role"] == "model")]
    normalizers = (BREAK_EVEN_NORMALIZER, BASELINE)
    cells = cells[cells["backbone"].isin(LINEAR_BACKBONES) & cells["normalizer"].isin(normalizers)]
    errors = dataset_errors(cells)
    keys = ["dataset", "backbone", "severity"]
    # An interval of log E has, to first order, E times its width for E itself.
    errors = errors.assign(reach=errors["mase"] * (errors["above"] + errors["below"]) / 2)
    parts = errors.groupby([*keys, "line"])[["mase", "reach"]].mean().unstack("line").dropna()
    lines = set(parts.columns.get_level_values("line"))
    if parts.empty or not set(normalizers) <= lines:
        return pd.DataFrame()
    sizes = cells.assign(size=cells["displacement"].abs()).groupby(keys)["size"].median()
    gaps = pd.DataFrame(
        {
            "gap": parts["mase"][BREAK_EVEN_NORMALIZER] - parts["mase"][BASELINE],
            "reach": np.hypot(parts["reach"][BREAK_EVEN_NORMALIZER], parts["reach"][BASELINE]),
            "displacement": sizes,
        }
    ).reset_index()
    gaps.loc[gaps["severity"] == 0, "displacement"] = 0.0
    gaps = gaps.dropna(subset=["gap", "displacement"])
    # A data set with the clean series alone has no curve.
    max_severity: Column = gaps.groupby("dataset")["severity"].transform("max")
    return gaps[max_severity > 0]


def _summarize_regrets(tables: Tables) -> Frame:
    """Return the mean error, the oracle's and their difference, by model and placement."""
    cells = _finished_cells(tables, "regret")
    keys = ["backbone", "normalizer", "semantics", "placement"]
    return cells.groupby(keys, as_index=False)[["mase_pb", "oracle", "regret"]].mean()


def _summarize_equivariance_gaps(tables: Tables) -> Frame:
    """Return the mean and the largest equivariance gap of each model, of level and of scale."""
    cells = _finished_cells(tables, "eg")
    cells = cells[cells["shift"].isin(("level", "scale"))]
    groups = cells.groupby(["backbone", "normalizer", "shift"], as_index=False)
    return groups.agg(mean_gap=("eg", "mean"), max_gap=("eg", "max"))


def _summarize_worst_cells(tables: Tables) -> Frame:
    """Return the cell with the largest growth of the error, of each model and semantics."""
    cells = _finished_cells(tables, "r_log")
    # Natural deciles are not perturbed, so they have no worst case.
    cells = cells[cells["semantics"].isin(("process", "observation"))]
    return cells.loc[cells.groupby(["backbone", "normalizer", "semantics"])["r_log"].idxmax()]


def _finished_cells(tables: Tables, column: str) -> Frame:
    cells = tables["cells"]
    done = (cells["status"] == "done") & (cells["role"] == "model")
    return cells[done & cells[column].notna()]


def _summarize_statuses(tables: Tables) -> Frame:
    """Return the number of cells by status and, unless they were done, by shift and reason."""
    cells = tables["cells"]
    done = cells[cells["status"] == "done"].assign(error="", shift="", arm="")
    cells = pd.concat([done, cells[cells["status"] != "done"]])
    keys = ["dataset", "status", "error", "shift", "arm"]
    return cells.groupby(keys, as_index=False).agg(
        n=("status", "size"), n_excl_channels=("n_excl_channels", "max")
    )


_SUMMARIES: dict[str, Callable[[Tables], Frame]] = {
    "curves": _summarize_curves,
    "level_gaps": _summarize_level_gaps,
    "oracle_regrets": _summarize_regrets,
    "equivariance_gaps": _summarize_equivariance_gaps,
    "worst_cells": _summarize_worst_cells,
    "statuses": _summarize_statuses,
}
