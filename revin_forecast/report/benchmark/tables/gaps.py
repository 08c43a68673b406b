"""How far models are from what can be had: the best forecast, and exact equivariance."""

from revin_forecast.report.benchmark.looks import models_of
from revin_forecast.report.benchmark.plots.heat_map import BLOCKS
from revin_forecast.report.benchmark.reading import Frame, Tables
from revin_forecast.report.markup import heads, name, number, paragraph, table


def regrets(tables: Tables) -> str:
    """Return what each model loses to the oracle, on processes that have one; empty: none has."""
    cells = _measured(tables, "regret")
    rows = []
    places = {("clean", "clean"): "clean", **BLOCKS}
    for backbone, normalizer in models_of(cells, tables):
        for (semantics, placement), title in places.items():
            part = cells[
                (cells["backbone"] == backbone)
                & (cells["normalizer"] == normalizer)
                & (cells["semantics"] == semantics)
                & (cells["placement"] == placement)
            ]
            if len(part):
                means = part[["mase_pb", "oracle", "regret"]].mean()
                figures = [number(float(value)) for value in means]
                rows.append([name(backbone), name(normalizer), name(title), *figures])
    if not rows:
        return ""
    words = paragraph(
        "Mean MASE* over the cells of synthetic data whose best forecast is known (the conditional "
        "expectation of who knows process and shift), that forecast's own error, and the "
        "difference. Good: near 0; below 0 is luck, or a leak."
    )
    top = heads("backbone", "normalizer", "where", "MASE*", "oracle", "regret")
    return words + table(top, rows)


def equivariance_gaps(tables: Tables) -> str:
    """Return the equivariance gap of each model; empty: no cell has one."""
    cells = _measured(tables, "eg")
    rows = []
    for backbone, normalizer in models_of(cells, tables):
        own = cells[(cells["backbone"] == backbone) & (cells["normalizer"] == normalizer)]
        by_shift = [own[own["shift"] == shift]["eg"] for shift in ("level", "scale")]
        figures = [number(float(one)) for part in by_shift for one in (part.mean(), part.max())]
        rows.append([name(backbone), name(normalizer), *figures])
    if not rows:
        return ""
    words = paragraph(
        "mean |f(Tx) - T f(x)| / (a q), q the unit of MASE*: how far forecasts move otherwise than "
        "the data. It needs no truth. 0 but for rounding (float32: about 1e-6) for a model that "
        "moves exactly along; mean and largest over severities, seeds and data sets."
    )
    top = heads("backbone", "normalizer", "level, mean", "largest", "scale, mean", "largest")
    return words + table(top, rows)


def _measured(tables: Tables, column: str) -> Frame:
    cells = tables["cells"]
    done = (cells["status"] == "done") & (cells["role"] == "model")
    return cells[done & cells[column].notna()]
