"""What else was measured: AUSC, recovery ages, worst cases, tests, effective robustness."""

import math

from revin_forecast.reports.benchmark.input_tables import Frame, Tables, format_shift, list_shifts
from revin_forecast.reports.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.reports.benchmark.style import ordered_models
from revin_forecast.reports.html import (
    Cell,
    count_cell,
    header_row,
    interval_cell,
    number_cell,
    render_collapsible,
    render_paragraph,
    render_table,
    text_cell,
)


def render_regrets(tables: Tables) -> str:
    """Return what each model loses to the oracle, on processes that have one; empty: none has."""
    cells = _finished_cells(tables, "regret")
    rows = []
    places = {("clean", "clean"): "clean", **BLOCK_TITLES}
    for backbone, normalizer in ordered_models(cells, tables):
        for (semantics, placement), title in places.items():
            part = cells[
                (cells["backbone"] == backbone)
                & (cells["normalizer"] == normalizer)
                & (cells["semantics"] == semantics)
                & (cells["placement"] == placement)
            ]
            if len(part):
                means = part[["mase_pb", "oracle", "regret"]].mean()
                figures = [number_cell(float(value)) for value in means]
                rows.append(
                    [text_cell(backbone), text_cell(normalizer), text_cell(title), *figures]
                )
    if not rows:
        return ""
    words = render_paragraph(
        "Mean MASE* over the cells of synthetic data whose best forecast is known (the conditional "
        "expectation of who knows process and shift), that forecast's own error, and the "
        "difference. Good: near 0; below 0 is luck, or a leak."
    )
    top = header_row("backbone", "normalizer", "where", "MASE*", "oracle", "regret")
    return words + render_table(top, rows)


def render_equivariance_gaps(tables: Tables) -> str:
    """Return the equivariance gap of each model; empty: no cell has one."""
    cells = _finished_cells(tables, "eg")
    rows = []
    for backbone, normalizer in ordered_models(cells, tables):
        own = cells[(cells["backbone"] == backbone) & (cells["normalizer"] == normalizer)]
        by_shift = [own[own["shift"] == shift]["eg"] for shift in ("level", "scale")]
        figures = [
            number_cell(float(one)) for part in by_shift for one in (part.mean(), part.max())
        ]
        rows.append([text_cell(backbone), text_cell(normalizer), *figures])
    if not rows:
        return ""
    words = render_paragraph(
        "mean |f(Tx) - T f(x)| / (a q), q the unit of MASE*: how far forecasts move otherwise than "
        "the data. It needs no truth. 0 but for rounding (float32: about 1e-6) for a model that "
        "moves exactly along; mean and largest over severities, seeds and data sets."
    )
    top = header_row("backbone", "normalizer", "level, mean", "largest", "scale, mean", "largest")
    return words + render_table(top, rows)


def _finished_cells(tables: Tables, column: str) -> Frame:
    cells = tables["cells"]
    done = (cells["status"] == "done") & (cells["role"] == "model")
    return cells[done & cells[column].notna()]


def render_detail_tables(tables: Tables) -> str:
    """Return the tables that are not empty, each folded away."""
    parts = {
        "Area under the severity curves (AUSC)": _render_curve_areas(tables),
        "Recovery ages k90": _render_recovery_ages(tables),
        "Regret against the best possible forecast": render_regrets(tables),
        "Equivariance gaps": render_equivariance_gaps(tables),
        "Worst cases": _render_worst_cells(tables),
        "Wilcoxon signed-rank tests over data sets": _render_tests(tables["tests"]),
        "Effective robustness": _render_effective_robustness(tables),
    }
    return "".join(render_collapsible(title, html) for title, html in parts.items() if html)


def _render_curve_areas(tables: Tables) -> str:
    frame = tables["ausc"]
    models = ordered_models(frame, tables)
    if not models:
        return ""
    means = frame.groupby(["semantics", "placement", "backbone", "normalizer"])[["ausc", "mean_r"]]
    values = means.mean()
    blocks = [b for b in BLOCK_TITLES if b in {key[:2] for key in values.index}]
    rows = []
    for model in models:
        row = [text_cell(model[0]), text_cell(model[1])]
        for block in blocks:
            key = (*block, *model)
            both = (
                values.loc[key] if key in values.index else {"ausc": math.nan, "mean_r": math.nan}
            )
            row += [number_cell(float(both["ausc"])), number_cell(float(both["mean_r"]))]
        rows.append(row)
    top = [
        [Cell("", span=2), *(Cell(BLOCK_TITLES[block], "group", 2) for block in blocks)],
        [
            text_cell("backbone"),
            text_cell("normalizer"),
            *(text_cell(t) for _ in blocks for t in ("AUSC", "mean R")),
        ],
    ]
    words = render_paragraph(
        "R = log(E_s/E_0), mean over shifts and data sets: AUSC over measured displacement on a "
        "log axis, mean R over the severities. 0 is no degradation, .69 is twice the error. Never "
        "a ranking by itself: a constant forecaster has 0."
    )
    return words + render_table(top, rows)


def _render_recovery_ages(tables: Tables) -> str:
    frame = tables["recovery"]
    models = ordered_models(frame, tables)
    if not models:
        return ""
    rows = []
    for shift in list_shifts(frame):
        row = [text_cell(format_shift(*shift))]
        for backbone, normalizer in models:
            own = frame[(frame["backbone"] == backbone) & (frame["normalizer"] == normalizer)]
            row.append(
                _recovery_age_cell(own[(own["shift"] == shift[0]) & (own["arm"] == shift[1])])
            )
        rows.append(row)
    spans = {b: sum(model[0] == b for model in models) for b, _ in models}
    top = [
        [Cell(""), *(Cell(b, "group", span) for b, span in spans.items())],
        [text_cell("shift"), *(text_cell(normalizer) for _, normalizer in models)],
    ]
    words = render_paragraph(
        "k90: steps after the onset until nine tenths of the loss are made good, E <= E_0 + .1 "
        "(E_age0 - E_0), median over the data sets where the shift did harm; 'never' where most "
        "of them don't get there within the look-back. Lower is better."
    )
    return words + render_table(top, rows)


def _recovery_age_cell(rows: Frame) -> Cell:
    hurt = rows[rows["degrades"] == 1]
    if hurt.empty:
        return number_cell(math.nan)
    median = float(hurt["k90"].fillna(math.inf).median())
    return Cell("never", "number") if math.isinf(median) else count_cell(median)


def _render_worst_cells(tables: Tables) -> str:
    cells = tables["cells"]
    cells = cells[(cells["status"] == "done") & (cells["role"] == "model") & cells["r_log"].notna()]
    cells = cells[cells["semantics"].isin(("process", "observation"))]
    rows = []
    for backbone, normalizer in ordered_models(cells, tables):
        own = cells[(cells["backbone"] == backbone) & (cells["normalizer"] == normalizer)]
        for semantics in ("process", "observation"):
            part = own[own["semantics"] == semantics]
            if part.empty:
                continue
            worst = part.loc[part["r_log"].idxmax()]
            place = format_shift(worst["shift"], worst["arm"])
            value, low, high = (math.exp(worst[key]) for key in ("r_log", "ci_lo", "ci_hi"))
            row = [text_cell(text) for text in (backbone, normalizer, semantics)]
            where = f"{place}, {worst['placement']}, severity {worst['severity']:.0f}"
            row += [interval_cell(value, low, high), text_cell(where), text_cell(worst["dataset"])]
            rows.append([*row, number_cell(worst["cvar10"])])
    if not rows:
        return ""
    words = render_paragraph(
        "The cell with the largest E_s/E_0 of each model, its 95 % interval, and the mean MASE* of "
        "the worst tenth of its windows (CVaR). The largest of many is large by chance, too; it "
        "ranks nobody."
    )
    top = header_row(
        "backbone", "normalizer", "semantics", "E_s / E_0", "where", "data set", "CVaR10"
    )
    return words + render_table(top, rows)


def _render_tests(frame: Frame) -> str:
    if frame.empty:
        return ""
    rows = [
        [
            *(text_cell(row[key]) for key in ("normalizer_a", "normalizer_b", "column")),
            count_cell(row["n_datasets"]),
            number_cell(math.exp(row["median_log_ratio"])),
            number_cell(row["p"], 2),
            number_cell(row["p_holm"], 2),
            text_cell(row["note"]),
        ]
        for row in frame.to_dict("records")
    ]
    words = render_paragraph(
        "E_a/E_b: median over data sets, below 1 the first has less error. Read the size before p. "
        "Below six data sets no p can be small enough, and none is given."
    )
    top = header_row("a", "b", "column", "data sets", "E_a / E_b", "p", "p (Holm)", "note")
    return words + render_table(top, rows)


def _render_effective_robustness(tables: Tables) -> str:
    frame = tables["effective"]
    if frame.empty:
        return ""
    rows = [
        [
            *(text_cell(row[key]) for key in ("backbone", "normalizer", "column")),
            number_cell(row["effective"]),
        ]
        for row in frame.to_dict("records")
    ]
    words = render_paragraph(
        "Residual of log E_s from the line log E_s over log E_0 fitted on the models without a "
        "normalizer: below 0 is more robust than its clean error lets expect."
    )
    return words + render_table(header_row("backbone", "normalizer", "column", "residual"), rows)
