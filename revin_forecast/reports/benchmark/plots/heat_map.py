"""P3: the heat map of nCE, one block a semantics and placement."""

import math
from typing import Any

import numpy as np
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    PLACEMENT_ORDER,
    Frame,
    Tables,
    format_shift,
    list_backbone_names,
    list_shifts,
)
from revin_forecast.reports.benchmark.plots.base import Plot, build_layout
from revin_forecast.reports.benchmark.plots.panels import axis_names
from revin_forecast.reports.benchmark.style import Styles
from revin_forecast.reports.formatting import format_label, format_number

HEAT_MAP_TEXT = (
    "P3",
    "What each normalizer bought: nCE",
    "nCE = exp(mean of log(E/E_twin)) over severities, seeds and data sets; the twin is the same "
    "backbone with the same seed and no normalizer (Identity, 1 by definition, not drawn). Below 1 "
    "(blue): less error than the twin; above 1 (orange): more. The colours are symmetric in the "
    "logarithm and end at 10-fold. Good: blue in the process blocks without orange in the "
    "observation block; no normalizer is known that is blue everywhere. Blocks are never averaged "
    "over. An asterisk: some cells failed and are left out; -: all did.",
)
COLOUR_SCALE = (
    (0, "#0b5a94"),
    (0.25, "#7fb5d8"),
    (0.5, "#ffffff"),
    (0.75, "#f2b27a"),
    (1, "#c25400"),
)
MAX_RATIO = 10.0
ROW_HEIGHT, HEADER_HEIGHT, BLOCK_GAP, MARGIN_LEFT, MARGIN_BOTTOM = 24, 104, 34, 168, 12
"""Pixels: a row, above the first block, between blocks, row labels, below."""

BLOCK_TITLES = {
    ("process", "steady"): "process shift, steady",
    ("process", "transition"): "process shift, transition",
    ("process", "horizon"): "process shift, horizon (control)",
    ("observation", "observation"): "observation corruption",
}

ModelKey = tuple[str, str]


def plot_heat_map(tables: Tables, styles: Styles) -> Plot:
    """Draw every model that has a twin, one column each."""
    frame = tables["nce"]
    own = frame["backbone"].isin(list_backbone_names(tables)) & (frame["normalizer"] != BASELINE)
    frame = frame[own & (frame["normalizer"] != "")]
    if frame["nce"].notna().sum() == 0:
        return Plot(
            *HEAT_MAP_TEXT,
            missing_reason="No model and its twin without a normalizer were both finished.",
        )
    found = set(zip(frame["backbone"], frame["normalizer"], strict=True))
    models = [(b, n) for b in list_backbone_names(tables) for n in styles if (b, n) in found]
    order = {place: number for number, place in enumerate(PLACEMENT_ORDER)}
    blocks = sorted(
        {(str(s), str(p)) for s, p in zip(frame["semantics"], frame["placement"], strict=True)},
        key=lambda block: (block[0] != "process", order.get(block[1], 9)),
    )
    return Plot(*HEAT_MAP_TEXT, figures={"": _heat_map_figure(frame, blocks, models)})


def _heat_map_figure(frame: Frame, blocks: list[tuple[str, str]], models: list[ModelKey]) -> Figure:
    parts = [frame[(frame["semantics"] == s) & (frame["placement"] == p)] for s, p in blocks]
    rows = [list_shifts(part) for part in parts]
    inner = ROW_HEIGHT * sum(map(len, rows)) + BLOCK_GAP * (len(rows) - 1)
    layout = build_layout(
        inner + HEADER_HEIGHT + MARGIN_BOTTOM,
        {"l": MARGIN_LEFT, "r": 12, "t": HEADER_HEIGHT, "b": MARGIN_BOTTOM},
    )
    layout["meta"] = {
        "least": MARGIN_LEFT + 12 + 46 * len(models),
        "most": MARGIN_LEFT + 12 + 100 * len(models),
    }
    layout["annotations"] = _backbone_annotations(models, inner)
    layout["shapes"] = _separator_shapes(models)
    traces, above = [], 0
    for number, (part, shifts) in enumerate(zip(parts, rows, strict=True)):
        traces.append(_block_trace(part, shifts, models, number))
        own, nth = ROW_HEIGHT * len(shifts), str(number + 1) if number else ""
        layout[f"xaxis{nth}"] = _column_axis(models, number)
        layout[f"yaxis{nth}"] = {
            "domain": [max(1 - (above + own) / inner, 0), 1 - above / inner],
            "anchor": f"x{nth}",
            "tickvals": list(range(len(shifts))),
            "ticktext": [format_label(format_shift(*shift), 24) for shift in shifts],
            "autorange": "reversed",
            "showgrid": False,
            "ticks": "",
        }
        place = BLOCK_TITLES.get(blocks[number], ", ".join(blocks[number]))
        head = {"text": f"<b>{format_label(place, 60)}</b>", "y": 1 - above / inner, "x": 0}
        layout["annotations"].append(
            {**_PAPER_ANNOTATION, **head, "xanchor": "left", "yanchor": "bottom"}
        )
        above += own + BLOCK_GAP
    return Figure(data=traces, layout=layout)


_PAPER_ANNOTATION: dict[str, Any] = {
    "xref": "paper",
    "yref": "paper",
    "showarrow": False,
    "yshift": 2,
}


def _block_trace(
    part: Frame, shifts: list[tuple[str, str]], models: list[ModelKey], number: int
) -> dict[str, Any]:
    cells = {
        (row.shift, row.arm, row.backbone, row.normalizer): (float(row.nce), float(row.n_failed))
        for row in part.itertuples()
    }
    none = (math.nan, 0.0)
    found = [[cells.get((*shift, *model), none) for model in models] for shift in shifts]
    values = np.array([[value for value, _ in row] for row in found])
    texts = [
        [format_number(v, 2) + ("*" if failed > 0 else "") for v, failed in row] for row in found
    ]
    with np.errstate(divide="ignore"):
        strength = np.clip(np.log10(values), -math.log10(MAX_RATIO), math.log10(MAX_RATIO))
    return {
        "type": "heatmap",
        "z": [[None if math.isnan(z) else round(float(z), 4) for z in row] for row in strength],
        "text": texts,
        "texttemplate": "%{text}",
        "textfont": {"size": 11},
        "zmin": -math.log10(MAX_RATIO),
        "zmax": math.log10(MAX_RATIO),
        "colorscale": COLOUR_SCALE,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "customdata": [
            [f"{format_label(n)} on {format_label(b)}" for b, n in models] for _ in shifts
        ],
        "hovertemplate": "%{customdata}, %{y}: nCE %{text}<extra></extra>",
        **axis_names(number),
    }


def _column_axis(models: list[ModelKey], number: int) -> dict[str, Any]:
    return {
        "anchor": f"y{number + 1 if number else ''}",
        "side": "top",
        "tickvals": list(range(len(models))),
        "ticktext": [format_label(normalizer, 14) for _, normalizer in models],
        "tickangle": -45,
        "ticklabelshift": 0,
        "ticklabelstandoff": 16,
        "showticklabels": number == 0,
        "showgrid": False,
        "ticks": "",
        "range": [-0.5, len(models) - 0.5],
    }


def _backbone_annotations(models: list[ModelKey], inner: int) -> list[dict[str, Any]]:
    """Return the names of the backbones above the middle of their columns."""
    notes = []
    for backbone in dict.fromkeys(backbone for backbone, _ in models):
        own = [i for i, (name, _) in enumerate(models) if name == backbone]
        middle = (own[0] + own[-1] + 1) / 2 / len(models)
        words = {"text": f"<b>{format_label(backbone, 7 * len(own))}</b>", "x": middle, "y": 1}
        shift = {"xanchor": "center", "yanchor": "top", "yshift": HEADER_HEIGHT - 2}
        notes.append({**_PAPER_ANNOTATION, **words, **shift})
    return notes


def _separator_shapes(models: list[ModelKey]) -> list[dict[str, Any]]:
    """Return a line wherever the backbone changes."""
    changes = [i for i in range(1, len(models)) if models[i][0] != models[i - 1][0]]
    return [
        {
            "type": "line",
            "xref": "paper",
            "yref": "paper",
            "x0": i / len(models),
            "x1": i / len(models),
            "y0": 0,
            "y1": 1,
            "line": {"color": "#666", "width": 1.2},
        }
        for i in changes
    ]
