"""What else was measured: AUSC, recovery ages, worst cases, tests, effective robustness."""

import math

from revin_forecast.report.benchmark.looks import models_of
from revin_forecast.report.benchmark.plots.heat_map import BLOCKS
from revin_forecast.report.benchmark.reading import Frame, Tables, shift_name, shifts_of
from revin_forecast.report.benchmark.tables.gaps import equivariance_gaps, regrets
from revin_forecast.report.markup import (
    Cell,
    count,
    folded,
    heads,
    measured,
    name,
    number,
    paragraph,
    table,
)


def further(tables: Tables) -> str:
    """Return the tables that are not empty, each folded away."""
    parts = {
        "Area under the severity curves (AUSC)": _areas(tables),
        "Recovery ages k90": _recovery(tables),
        "Regret against the best possible forecast": regrets(tables),
        "Equivariance gaps": equivariance_gaps(tables),
        "Worst cases": _worst(tables),
        "Wilcoxon signed-rank tests over data sets": _tests(tables["tests"]),
        "Effective robustness": _effective(tables),
    }
    return "".join(folded(title, html) for title, html in parts.items() if html)


def _areas(tables: Tables) -> str:
    frame = tables["ausc"]
    models = models_of(frame, tables)
    if not models:
        return ""
    means = frame.groupby(["semantics", "placement", "backbone", "normalizer"])[["ausc", "mean_r"]]
    values = means.mean()
    blocks = [b for b in BLOCKS if b in {key[:2] for key in values.index}]
    rows = []
    for model in models:
        row = [name(model[0]), name(model[1])]
        for block in blocks:
            key = (*block, *model)
            both = (
                values.loc[key] if key in values.index else {"ausc": math.nan, "mean_r": math.nan}
            )
            row += [number(float(both["ausc"])), number(float(both["mean_r"]))]
        rows.append(row)
    top = [
        [Cell("", span=2), *(Cell(BLOCKS[block], "group", 2) for block in blocks)],
        [
            name("backbone"),
            name("normalizer"),
            *(name(t) for _ in blocks for t in ("AUSC", "mean R")),
        ],
    ]
    words = paragraph(
        "R = log(E_s/E_0), mean over shifts and data sets: AUSC over measured displacement on a "
        "log axis, mean R over the severities. 0 is no degradation, .69 is twice the error. Never "
        "a ranking by itself: a constant forecaster has 0."
    )
    return words + table(top, rows)


def _recovery(tables: Tables) -> str:
    frame = tables["recovery"]
    models = models_of(frame, tables)
    if not models:
        return ""
    rows = []
    for shift in shifts_of(frame):
        row = [name(shift_name(*shift))]
        for backbone, normalizer in models:
            own = frame[(frame["backbone"] == backbone) & (frame["normalizer"] == normalizer)]
            row.append(_age(own[(own["shift"] == shift[0]) & (own["arm"] == shift[1])]))
        rows.append(row)
    spans = {b: sum(model[0] == b for model in models) for b, _ in models}
    top = [
        [Cell(""), *(Cell(b, "group", span) for b, span in spans.items())],
        [name("shift"), *(name(normalizer) for _, normalizer in models)],
    ]
    words = paragraph(
        "k90: steps after the onset until nine tenths of the loss are made good, E <= E_0 + .1 "
        "(E_age0 - E_0), median over the data sets where the shift did harm; 'never' where most "
        "of them don't get there within the look-back. Lower is better."
    )
    return words + table(top, rows)


def _age(rows: Frame) -> Cell:
    hurt = rows[rows["degrades"] == 1]
    if hurt.empty:
        return number(math.nan)
    median = float(hurt["k90"].fillna(math.inf).median())
    return Cell("never", "number") if math.isinf(median) else count(median)


def _worst(tables: Tables) -> str:
    cells = tables["cells"]
    cells = cells[(cells["status"] == "done") & (cells["role"] == "model") & cells["r_log"].notna()]
    cells = cells[cells["semantics"].isin(("process", "observation"))]
    rows = []
    for backbone, normalizer in models_of(cells, tables):
        own = cells[(cells["backbone"] == backbone) & (cells["normalizer"] == normalizer)]
        for semantics in ("process", "observation"):
            part = own[own["semantics"] == semantics]
            if part.empty:
                continue
            worst = part.loc[part["r_log"].idxmax()]
            place = shift_name(worst["shift"], worst["arm"])
            value, low, high = (math.exp(worst[key]) for key in ("r_log", "ci_lo", "ci_hi"))
            row = [name(text) for text in (backbone, normalizer, semantics)]
            where = f"{place}, {worst['placement']}, severity {worst['severity']:.0f}"
            row += [measured(value, low, high), name(where), name(worst["dataset"])]
            rows.append([*row, number(worst["cvar10"])])
    if not rows:
        return ""
    words = paragraph(
        "The cell with the largest E_s/E_0 of each model, its 95 % interval, and the mean MASE* of "
        "the worst tenth of its windows (CVaR). The largest of many is large by chance, too; it "
        "ranks nobody."
    )
    top = heads("backbone", "normalizer", "semantics", "E_s / E_0", "where", "data set", "CVaR10")
    return words + table(top, rows)


def _tests(frame: Frame) -> str:
    if frame.empty:
        return ""
    rows = [
        [
            *(name(row[key]) for key in ("normalizer_a", "normalizer_b", "column")),
            count(row["n_datasets"]),
            number(math.exp(row["median_log_ratio"])),
            number(row["p"], 2),
            number(row["p_holm"], 2),
            name(row["note"]),
        ]
        for row in frame.to_dict("records")
    ]
    words = paragraph(
        "E_a/E_b: median over data sets, below 1 the first has less error. Read the size before p. "
        "Below six data sets no p can be small enough, and none is given."
    )
    top = heads("a", "b", "column", "data sets", "E_a / E_b", "p", "p (Holm)", "note")
    return words + table(top, rows)


def _effective(tables: Tables) -> str:
    frame = tables["effective"]
    if frame.empty:
        return ""
    rows = [
        [
            *(name(row[key]) for key in ("backbone", "normalizer", "column")),
            number(row["effective"]),
        ]
        for row in frame.to_dict("records")
    ]
    words = paragraph(
        "Residual of log E_s from the line log E_s over log E_0 fitted on the models without a "
        "normalizer: below 0 is more robust than its clean error lets expect."
    )
    return words + table(heads("backbone", "normalizer", "column", "residual"), rows)
