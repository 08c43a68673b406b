"""Further tables: AUSC, recovery, regret, equivariance gaps, worst cases, tests and robustness."""

import math
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.input_tables import Frame, Tables, format_shift, list_shifts
from revin_forecast.reports.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.reports.benchmark.style import ordered_models
from revin_forecast.reports.benchmark.tables.scores import ModelKey, count_columns
from revin_forecast.reports.formatting import MISSING
from revin_forecast.reports.templates import render_template


def render_detail_tables(tables: Tables) -> Markup:
    """Return the tables that are not empty, each collapsed; an empty text without any."""
    return render_template(
        "benchmark/tables/details.html.jinja",
        curve_areas=_list_curve_areas(tables),
        recovery=_list_recovery_ages(tables),
        regrets=_list_regrets(tables),
        gaps=_list_equivariance_gaps(tables),
        worst_cells=_list_worst_cells(tables),
        tests=tables["tests"].to_dict("records"),
        effective=tables["effective"].to_dict("records"),
    )


def _list_regrets(tables: Tables) -> list[tuple[tuple[str, ...], list[float]]]:
    """Return model, place, error, oracle and regret, for processes that have an oracle."""
    cells = _finished_cells(tables, "regret")
    titles = {("clean", "clean"): "clean", **BLOCK_TITLES}
    return [
        ((*model, title), rows[["mase_pb", "oracle", "regret"]].mean().tolist())
        for model in ordered_models(cells, tables)
        for (semantics, placement), title in titles.items()
        if len(
            rows := _select_model(cells, model).query(
                "semantics == @semantics and placement == @placement"
            )
        )
    ]


def _list_equivariance_gaps(tables: Tables) -> list[tuple[ModelKey, list[float]]]:
    """Return each model with the mean and largest gap of level and of scale."""
    cells = _finished_cells(tables, "eg")
    rows = []
    for model in ordered_models(cells, tables):
        part = _select_model(cells, model)
        gaps = [part[part["shift"] == shift]["eg"] for shift in ("level", "scale")]
        rows.append((model, [float(value) for gap in gaps for value in (gap.mean(), gap.max())]))
    return rows


def _select_model(frame: Frame, model: ModelKey) -> Frame:
    return frame[(frame["backbone"] == model[0]) & (frame["normalizer"] == model[1])]


def _finished_cells(tables: Tables, column: str) -> Frame:
    cells = tables["cells"]
    done = (cells["status"] == "done") & (cells["role"] == "model")
    return cells[done & cells[column].notna()]


def _list_curve_areas(tables: Tables) -> dict[str, Any]:
    """Return the titles of the blocks, and each model with its areas and means."""
    frame = tables["ausc"]
    keys = ["semantics", "placement", "backbone", "normalizer"]
    means = frame.groupby(keys)[["ausc", "mean_r"]].mean()
    values = {key: list(row) for key, row in zip(means.index, means.to_numpy(), strict=True)}
    blocks = [block for block in BLOCK_TITLES if block in {key[:2] for key in values}]
    missing = [math.nan, math.nan]
    return {
        "titles": [BLOCK_TITLES[block] for block in blocks],
        "rows": [
            (model, [area for block in blocks for area in values.get((*block, *model), missing)])
            for model in ordered_models(frame, tables)
        ],
    }


def _list_recovery_ages(tables: Tables) -> dict[str, Any]:
    """Return groups of columns, normalizers, and each shift with the ages of all models."""
    frame = tables["recovery"]
    models = ordered_models(frame, tables)
    rows = []
    for shift in list_shifts(frame):
        part = frame[(frame["shift"] == shift[0]) & (frame["arm"] == shift[1])]
        ages = [_describe_recovery_age(_select_model(part, model)) for model in models]
        rows.append((format_shift(*shift), ages))
    return {
        "groups": count_columns(models),
        "normalizers": [normalizer for _, normalizer in models],
        "rows": rows if models else [],
    }


def _describe_recovery_age(rows: Frame) -> str:
    degraded = rows[rows["degrades"] == 1]
    if degraded.empty:
        return MISSING
    # NaN means that the model did not recover; as infinity it counts in the median.
    median = float(degraded["k90"].fillna(math.inf).median())
    return "never" if math.isinf(median) else f"{median:.0f}"


def _list_worst_cells(tables: Tables) -> list[dict[str, Any]]:
    """Return the cell with the largest growth of the error, of each model and semantics."""
    cells = _finished_cells(tables, "r_log")
    rows = []
    for model in ordered_models(cells, tables):
        # Natural deciles are not perturbed, so they have no worst case.
        for semantics in ("process", "observation"):
            part = _select_model(cells, model)
            part = part[part["semantics"] == semantics]
            if part.empty:
                continue
            worst = part.loc[part["r_log"].idxmax()].to_dict()
            shift = format_shift(worst["shift"], worst["arm"])
            where = f"{shift}, {worst['placement']}, severity {worst['severity']:.0f}"
            rows.append(worst | {"where": where})
    return rows
