"""Further tables: AUSC, recovery, regret, equivariance gaps, worst cases, tests and robustness."""

import math
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark.cell_summaries import read_summary
from revin_forecast.reports.benchmark.input_tables import (
    BLOCK_TITLES,
    Frame,
    Tables,
    format_shift,
    list_shifts,
)
from revin_forecast.reports.benchmark.style import ordered_models
from revin_forecast.reports.benchmark.tables.scores import ModelKey, count_columns, split_models
from revin_forecast.reports.formatting import MISSING
from revin_forecast.reports.templates import render_template

MAX_COLUMNS = 14
"""Models in a table of recovery ages."""


def render_detail_tables(tables: Tables) -> Markup:
    """Return the tables of regret, equivariance gaps, worst cases and effective robustness."""
    return render_template(
        "benchmark/tables/details.html.jinja",
        regrets=_list_regrets(tables),
        gaps=_list_equivariance_gaps(tables),
        worst_cells=_list_worst_cells(tables),
        effective=tables["effective"].to_dict("records"),
    )


def render_curve_areas(tables: Tables) -> Markup:
    """Return the area under the severity curves of each model; an empty text without any."""
    return render_template(
        "benchmark/tables/curve_areas.html.jinja", curve_areas=_list_curve_areas(tables)
    )


def render_recovery_ages(tables: Tables) -> Markup:
    """Return the age at which each model has recovered; an empty text without any."""
    return render_template(
        "benchmark/tables/recovery.html.jinja", recovery=_list_recovery_ages(tables)
    )


def render_tests(tables: Tables) -> Markup:
    """Return the tests over data sets; an empty text without any."""
    return render_template(
        "benchmark/tables/tests.html.jinja", tests=tables["tests"].to_dict("records")
    )


def _list_regrets(tables: Tables) -> list[tuple[tuple[str, ...], list[float]]]:
    """Return model, place, error, oracle and regret, for processes that have an oracle."""
    frame = read_summary(tables, "oracle_regrets")
    titles = {("clean", "clean"): "clean", **BLOCK_TITLES}
    rows = {
        (row["backbone"], row["normalizer"], row["semantics"], row["placement"]): [
            row[name] for name in ("mase_pb", "oracle", "regret")
        ]
        for row in frame.to_dict("records")
    }
    return [
        ((*model, title), rows[*model, *block])
        for model in ordered_models(frame, tables)
        for block, title in titles.items()
        if (*model, *block) in rows
    ]


def _list_equivariance_gaps(tables: Tables) -> list[tuple[ModelKey, list[float]]]:
    """Return each model with the mean and largest gap of level and of scale."""
    frame = read_summary(tables, "equivariance_gaps")
    gaps = {
        (row["backbone"], row["normalizer"], row["shift"]): [row["mean_gap"], row["max_gap"]]
        for row in frame.to_dict("records")
    }
    missing = [math.nan, math.nan]
    return [
        (model, [gap for shift in ("level", "scale") for gap in gaps.get((*model, shift), missing)])
        for model in ordered_models(frame, tables)
    ]


def _select_model(frame: Frame, model: ModelKey) -> Frame:
    return frame[(frame["backbone"] == model[0]) & (frame["normalizer"] == model[1])]


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


def _list_recovery_ages(tables: Tables) -> list[dict[str, Any]]:
    """Return tables of at most `MAX_COLUMNS` models: groups of columns, normalizers and rows."""
    frame = tables["recovery"]
    return [
        {
            "groups": count_columns(models),
            "normalizers": [normalizer for _, normalizer in models],
            "rows": [(format_shift(*s), _list_ages(frame, s, models)) for s in list_shifts(frame)],
        }
        for models in split_models(ordered_models(frame, tables), MAX_COLUMNS)
    ]


def _list_ages(frame: Frame, shift: tuple[str, str], models: list[ModelKey]) -> list[str]:
    rows = frame[(frame["shift"] == shift[0]) & (frame["arm"] == shift[1])]
    return [_describe_recovery_age(_select_model(rows, model)) for model in models]


def _describe_recovery_age(rows: Frame) -> str:
    degraded = rows[rows["degrades"] == 1]
    if degraded.empty:
        return MISSING
    # NaN means that the model did not recover; as infinity it counts in the median.
    median = float(degraded["k90"].fillna(math.inf).median())
    return "never" if math.isinf(median) else f"{median:.0f}"


def _list_worst_cells(tables: Tables) -> list[dict[str, Any]]:
    """Return the cell with the largest growth of the error, of each model and semantics."""
    frame = read_summary(tables, "worst_cells")
    rows = []
    for model in ordered_models(frame, tables):
        part = _select_model(frame, model)
        for semantics in ("process", "observation"):
            for worst in part[part["semantics"] == semantics].to_dict("records"):
                shift = format_shift(worst["shift"], worst["arm"])
                where = f"{shift}, {worst['placement']}, severity {worst['severity']:.0f}"
                rows.append(worst | {"where": where})
    return rows
