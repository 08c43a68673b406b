"""Further tables: AUSC, recovery, regret, equivariance gaps, worst cases, tests and robustness."""

import math

from revin_forecast.reports.benchmark.input_tables import Frame, Tables, format_shift, list_shifts
from revin_forecast.reports.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.reports.benchmark.style import ordered_models
from revin_forecast.reports.html import (
    TableCell,
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
    """Return each model's regret against the oracle; empty without processes that have one."""
    cells = _finished_cells(tables, "regret")
    rows = []
    titles = {("clean", "clean"): "clean", **BLOCK_TITLES}
    for backbone, normalizer in ordered_models(cells, tables):
        for (semantics, placement), title in titles.items():
            part = cells[
                (cells["backbone"] == backbone)
                & (cells["normalizer"] == normalizer)
                & (cells["semantics"] == semantics)
                & (cells["placement"] == placement)
            ]
            if len(part):
                means = part[["mase_pb", "oracle", "regret"]].mean()
                scores = [number_cell(float(value)) for value in means]
                rows.append([text_cell(backbone), text_cell(normalizer), text_cell(title), *scores])
    if not rows:
        return ""
    text = render_paragraph(
        "Mean MASE* over the cells of synthetic data whose best forecast is known (the conditional "
        "expectation given process and shift), the error of that forecast (oracle), and the "
        "difference (regret). Good: near 0; a regret below 0 is chance or a leak."
    )
    headers = header_row("backbone", "normalizer", "where", "MASE*", "oracle", "regret")
    return text + render_table(headers, rows)


def render_equivariance_gaps(tables: Tables) -> str:
    """Return the equivariance gap of each model; empty if no cell has one."""
    cells = _finished_cells(tables, "eg")
    rows = []
    for backbone, normalizer in ordered_models(cells, tables):
        part = cells[(cells["backbone"] == backbone) & (cells["normalizer"] == normalizer)]
        gaps = [part[part["shift"] == shift]["eg"] for shift in ("level", "scale")]
        numbers = [number_cell(float(value)) for gap in gaps for value in (gap.mean(), gap.max())]
        rows.append([text_cell(backbone), text_cell(normalizer), *numbers])
    if not rows:
        return ""
    text = render_paragraph(
        "Mean |f(Tx) - T f(x)| / (a q), q the unit of MASE*: the deviation of the forecast's move "
        "from that of the data. It needs no truth. A model that moves exactly with the data has 0 "
        "up to rounding (float32: about 1e-6). Mean and largest value over severities, seeds and "
        "data sets."
    )
    headers = header_row(
        "backbone", "normalizer", "level, mean", "largest", "scale, mean", "largest"
    )
    return text + render_table(headers, rows)


def _finished_cells(tables: Tables, column: str) -> Frame:
    cells = tables["cells"]
    done = (cells["status"] == "done") & (cells["role"] == "model")
    return cells[done & cells[column].notna()]


def render_detail_tables(tables: Tables) -> str:
    """Return the tables that are not empty, each collapsed."""
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
    keys = ["semantics", "placement", "backbone", "normalizer"]
    values = frame.groupby(keys)[["ausc", "mean_r"]].mean()
    blocks = [block for block in BLOCK_TITLES if block in {key[:2] for key in values.index}]
    rows = []
    for model in models:
        row = [text_cell(model[0]), text_cell(model[1])]
        for block in blocks:
            key = (*block, *model)
            means = (
                values.loc[key] if key in values.index else {"ausc": math.nan, "mean_r": math.nan}
            )
            row += [number_cell(float(means["ausc"])), number_cell(float(means["mean_r"]))]
        rows.append(row)
    headers = [
        [TableCell("", span=2), *(TableCell(BLOCK_TITLES[block], "group", 2) for block in blocks)],
        [
            text_cell("backbone"),
            text_cell("normalizer"),
            *(text_cell(label) for _ in blocks for label in ("AUSC", "mean R")),
        ],
    ]
    text = render_paragraph(
        "R = log(E_s/E_0), mean over shifts and data sets: AUSC over measured displacement on a "
        "log axis, mean R over the severities. 0 means no degradation, .69 twice the error. Not a "
        "ranking by itself: a constant forecast has 0."
    )
    return text + render_table(headers, rows)


def _render_recovery_ages(tables: Tables) -> str:
    frame = tables["recovery"]
    models = ordered_models(frame, tables)
    if not models:
        return ""
    rows = []
    for shift in list_shifts(frame):
        row = [text_cell(format_shift(*shift))]
        for backbone, normalizer in models:
            part = frame[(frame["backbone"] == backbone) & (frame["normalizer"] == normalizer)]
            row.append(
                _recovery_age_cell(part[(part["shift"] == shift[0]) & (part["arm"] == shift[1])])
            )
        rows.append(row)
    spans = {b: sum(model[0] == b for model in models) for b, _ in models}
    headers = [
        [TableCell(""), *(TableCell(b, "group", span) for b, span in spans.items())],
        [text_cell("shift"), *(text_cell(normalizer) for _, normalizer in models)],
    ]
    text = render_paragraph(
        "k90: steps after the onset until nine tenths of the loss are recovered, E <= E_0 + .1 "
        "(E_age0 - E_0), median over the data sets where the shift increased the error; 'never' "
        "if most of them do not recover within the look-back. Lower is better."
    )
    return text + render_table(headers, rows)


def _recovery_age_cell(rows: Frame) -> TableCell:
    degraded = rows[rows["degrades"] == 1]
    if degraded.empty:
        return number_cell(math.nan)
    # NaN means that the model did not recover; as infinity it counts in the median.
    median = float(degraded["k90"].fillna(math.inf).median())
    return TableCell("never", "number") if math.isinf(median) else count_cell(median)


def _render_worst_cells(tables: Tables) -> str:
    cells = tables["cells"]
    cells = cells[(cells["status"] == "done") & (cells["role"] == "model") & cells["r_log"].notna()]
    # Natural deciles are not perturbed, so they have no worst case.
    cells = cells[cells["semantics"].isin(("process", "observation"))]
    rows = []
    for backbone, normalizer in ordered_models(cells, tables):
        model_cells = cells[(cells["backbone"] == backbone) & (cells["normalizer"] == normalizer)]
        for semantics in ("process", "observation"):
            part = model_cells[model_cells["semantics"] == semantics]
            if part.empty:
                continue
            worst = part.loc[part["r_log"].idxmax()]
            shift = format_shift(worst["shift"], worst["arm"])
            value, low, high = (math.exp(worst[key]) for key in ("r_log", "ci_lo", "ci_hi"))
            row = [text_cell(text) for text in (backbone, normalizer, semantics)]
            condition = f"{shift}, {worst['placement']}, severity {worst['severity']:.0f}"
            row += [
                interval_cell(value, low, high),
                text_cell(condition),
                text_cell(worst["dataset"]),
            ]
            rows.append([*row, number_cell(worst["cvar10"])])
    if not rows:
        return ""
    text = render_paragraph(
        "The cell with the largest E_s/E_0 of each model, its 95 % interval, and the mean MASE* of "
        "the worst tenth of its windows (CVaR). The largest of many values is also large by "
        "chance, so this is not a ranking."
    )
    headers = header_row(
        "backbone", "normalizer", "semantics", "E_s / E_0", "where", "data set", "CVaR10"
    )
    return text + render_table(headers, rows)


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
    text = render_paragraph(
        "E_a/E_b: median over data sets; below 1 the first has less error. Read the size before p. "
        "With fewer than six data sets p cannot be small enough, so it is omitted."
    )
    headers = header_row("a", "b", "column", "data sets", "E_a / E_b", "p", "p (Holm)", "note")
    return text + render_table(headers, rows)


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
    text = render_paragraph(
        "Residual of log E_s from the line log E_s over log E_0 fitted on the models without a "
        "normalizer: below 0, a model is more robust than its clean error suggests."
    )
    return text + render_table(header_row("backbone", "normalizer", "column", "residual"), rows)
