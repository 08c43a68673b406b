"""Cells -> curves: first over seeds, then as a geometric mean over data sets."""

import numpy as np
import pandas as pd

from revin_forecast.report.benchmark.reading import Frame

MIN_ERROR = 1e-12
"""A perfect forecast has no logarithm."""

GROUP_COLUMNS = ["backbone", "line", "role", "placement", "shift", "arm", "severity", "age", "dataset"]


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
