"""Table 3: nCE shift by shift, a table for each semantics and placement."""

import math
from collections.abc import Mapping, Sequence

from revin_forecast.report.benchmark.looks import looks_of
from revin_forecast.report.benchmark.plots.heat_map import BLOCKS
from revin_forecast.report.benchmark.reading import (
    TWIN,
    Frame,
    Tables,
    backbones,
    shift_name,
    shifts_of,
)
from revin_forecast.report.markup import Cell, folded, name, number, paragraph, ratio, table
from revin_forecast.report.wording import shown

MOST = 6
"""Columns of a table: more are not read, and don't fit on paper."""

Model = tuple[str, str]
"""Backbone and normalizer."""


def by_shift(tables: Tables) -> str:
    """Return the tables; the first of each kind of shift open, placements beside it folded."""
    frame = tables["nce"]
    frame = frame[frame["backbone"].isin(backbones(tables)) & (frame["normalizer"] != TWIN)]
    words = paragraph(
        "nCE = exp(mean of log(E/E_twin)) over severities, seeds and data sets, with its 95 % "
        "interval. ▼ (blue): less error than the same backbone without a normalizer; ▲ (orange): "
        "more. Process shift and observation corruption stand in tables of their own: their signs "
        "are expected to differ, and a mean of the two has no meaning. mCE, the last row, is the "
        "geometric mean over arms, then over the shifts that every model has."
    )
    parts = []
    for (semantics, placement), title in BLOCKS.items():
        own = frame[(frame["semantics"] == semantics) & (frame["placement"] == placement)]
        if own.empty:
            continue
        block = _block(own, tables["mce"], tables)
        if placement in ("steady", "observation"):
            parts.append(f"<h3>{title[0].upper()}{title[1:]}</h3>{block}")
        else:
            parts.append(folded(f"{title[0].upper()}{title[1:]}", block))
    return words + ("".join(parts) or table([], []))


def _block(frame: Frame, means: Frame, tables: Tables) -> str:
    looks = looks_of(frame["normalizer"], ())
    found = set(zip(frame["backbone"], frame["normalizer"], strict=True))
    models = [(b, n) for b in backbones(tables) for n in looks if (b, n) in found]
    cells = {
        (row["shift"], row["arm"], row["backbone"], row["normalizer"]): _cell(row)
        for row in frame.to_dict("records")
    }
    place = frame.iloc[0]
    own = means[(means["semantics"] == place["semantics"])]
    own = own[own["placement"] == place["placement"]]
    cells |= {
        ("mCE", "", row["backbone"], row["normalizer"]): Cell(shown(row["mce"]), "number total")
        for row in own.to_dict("records")
    }
    return "".join(_columns(cells, part, shifts_of(frame)) for part in _parts(models))


def _parts(models: Sequence[Model]) -> list[list[Model]]:
    """Cut models into tables of at most `MOST` columns, a backbone in one where it fits."""
    parts: list[list[Model]] = []
    for backbone in dict.fromkeys(backbone for backbone, _ in models):
        own = [model for model in models if model[0] == backbone]
        if parts and len(parts[-1]) + len(own) <= MOST:
            parts[-1] += own
        else:
            parts += [own[first : first + MOST] for first in range(0, len(own), MOST)]
    return parts


def _columns(
    cells: Mapping[tuple[str, ...], Cell],
    models: Sequence[Model],
    shifts: Sequence[tuple[str, str]],
) -> str:
    nothing = number(math.nan)
    rows = [
        [name(shift_name(*shift)), *(cells.get((*shift, *model), nothing) for model in models)]
        for shift in shifts
    ]
    last = [cells.get(("mCE", "", *model), nothing) for model in models]
    spans = {b: sum(model[0] == b for model in models) for b, _ in models}
    top = [
        [Cell(""), *(Cell(b, "group", span) for b, span in spans.items())],
        [name("shift"), *(name(normalizer) for _, normalizer in models)],
    ]
    return table(top, [*rows, [Cell("mCE", "total"), *last]])


def _cell(row: dict) -> Cell:
    cell = ratio(row["nce"], row["lo"], row["hi"])
    if row["n_failed"] > 0:
        return Cell(cell.text, cell.kind, small=f"{cell.small} {row['n_failed']:.0f} failed")
    return cell
