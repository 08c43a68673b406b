"""Table 3: nCE shift by shift, a table for each semantics and placement."""

import math
from collections.abc import Mapping, Sequence

from revin_forecast.report.benchmark.looks import assign_styles
from revin_forecast.report.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.report.benchmark.reading import (
    BASELINE,
    Frame,
    Tables,
    list_backbone_names,
    format_shift,
    list_shifts,
)
from revin_forecast.report.markup import Cell, render_collapsible, text_cell, number_cell, render_paragraph, ratio_cell, render_table
from revin_forecast.report.wording import format_number

MAX_COLUMNS = 6
"""Columns of a table: more are not read, and don't fit on paper."""

ModelKey = tuple[str, str]
"""Backbone and normalizer."""


def render_shift_tables(tables: Tables) -> str:
    """Return the tables; the first of each kind of shift open, placements beside it folded."""
    frame = tables["nce"]
    frame = frame[frame["backbone"].isin(list_backbone_names(tables)) & (frame["normalizer"] != BASELINE)]
    words = render_paragraph(
        "nCE = exp(mean of log(E/E_twin)) over severities, seeds and data sets, with its 95 % "
        "interval. ▼ (blue): less error than the same backbone without a normalizer; ▲ (orange): "
        "more. Process shift and observation corruption stand in tables of their own: their signs "
        "are expected to differ, and a mean of the two has no meaning. mCE, the last row, is the "
        "geometric mean over arms, then over the shifts that every model has."
    )
    parts = []
    for (semantics, placement), title in BLOCK_TITLES.items():
        own = frame[(frame["semantics"] == semantics) & (frame["placement"] == placement)]
        if own.empty:
            continue
        block = _render_block(own, tables["mce"], tables)
        if placement in ("steady", "observation"):
            parts.append(f"<h3>{title[0].upper()}{title[1:]}</h3>{block}")
        else:
            parts.append(render_collapsible(f"{title[0].upper()}{title[1:]}", block))
    return words + ("".join(parts) or render_table([], []))


def _render_block(frame: Frame, means: Frame, tables: Tables) -> str:
    looks = assign_styles(frame["normalizer"], ())
    found = set(zip(frame["backbone"], frame["normalizer"], strict=True))
    models = [(b, n) for b in list_backbone_names(tables) for n in looks if (b, n) in found]
    cells = {
        (row["shift"], row["arm"], row["backbone"], row["normalizer"]): _nce_cell(row)
        for row in frame.to_dict("records")
    }
    place = frame.iloc[0]
    own = means[(means["semantics"] == place["semantics"])]
    own = own[own["placement"] == place["placement"]]
    cells |= {
        ("mCE", "", row["backbone"], row["normalizer"]): Cell(format_number(row["mce"]), "number total")
        for row in own.to_dict("records")
    }
    return "".join(_render_models(cells, part, list_shifts(frame)) for part in _split_models(models))


def _split_models(models: Sequence[ModelKey]) -> list[list[ModelKey]]:
    """Cut models into tables of at most `MOST` columns, a backbone in one where it fits."""
    parts: list[list[ModelKey]] = []
    for backbone in dict.fromkeys(backbone for backbone, _ in models):
        own = [model for model in models if model[0] == backbone]
        if parts and len(parts[-1]) + len(own) <= MAX_COLUMNS:
            parts[-1] += own
        else:
            parts += [own[first : first + MAX_COLUMNS] for first in range(0, len(own), MAX_COLUMNS)]
    return parts


def _render_models(
    cells: Mapping[tuple[str, ...], Cell],
    models: Sequence[ModelKey],
    shifts: Sequence[tuple[str, str]],
) -> str:
    nothing = number_cell(math.nan)
    rows = [
        [text_cell(format_shift(*shift)), *(cells.get((*shift, *model), nothing) for model in models)]
        for shift in shifts
    ]
    last = [cells.get(("mCE", "", *model), nothing) for model in models]
    spans = {b: sum(model[0] == b for model in models) for b, _ in models}
    top = [
        [Cell(""), *(Cell(b, "group", span) for b, span in spans.items())],
        [text_cell("shift"), *(text_cell(normalizer) for _, normalizer in models)],
    ]
    return render_table(top, [*rows, [Cell("mCE", "total"), *last]])


def _nce_cell(row: dict) -> Cell:
    cell = ratio_cell(row["nce"], row["lo"], row["hi"])
    if row["n_failed"] > 0:
        return Cell(cell.text, cell.css_class, remark=f"{cell.remark} {row['n_failed']:.0f} failed")
    return cell
