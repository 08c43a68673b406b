"""How far models are from what can be had: the best forecast, and exact equivariance."""

from revin_forecast.report.benchmark.looks import ordered_models
from revin_forecast.report.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.report.benchmark.reading import Frame, Tables
from revin_forecast.report.markup import header_row, text_cell, number_cell, render_paragraph, render_table


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
                rows.append([text_cell(backbone), text_cell(normalizer), text_cell(title), *figures])
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
        figures = [number_cell(float(one)) for part in by_shift for one in (part.mean(), part.max())]
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
