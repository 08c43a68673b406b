"""P3: a heat map of nCE with a block for each kind and placement of shift."""

import math
from typing import Any

import numpy as np
from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    BLOCK_TITLES,
    PLACEMENT_ORDER,
    Frame,
    Tables,
    format_shift,
    list_backbone_names,
    list_shifts,
)
from revin_forecast.reports.benchmark.plots.plot import Plot, build_layout
from revin_forecast.reports.benchmark.style import Styles
from revin_forecast.reports.formatting import format_label, format_number

HEAT_MAP_TEXT = (
    "P3",
    "Gain of each normalizer: nCE",
    "Each number is nCE: the error divided by that of the same backbone without a normalizer, as "
    "a geometric mean over severities, seeds and data sets. Blue, below 1: less error. Orange, "
    "above 1: more. Colours end at a factor of 10. Good: blue in the process blocks and not "
    "orange in the observation block; no known normalizer is blue everywhere. An asterisk: some "
    "cells failed for every model. A dash: the model lacks cells.",
)
COLOUR_SCALE = (
    (0, "#0b5a94"),
    (0.25, "#7fb5d8"),
    (0.5, "#ffffff"),
    (0.75, "#f2b27a"),
    (1, "#c25400"),
)
MAX_RATIO = 10.0
"""Ratio at which the colours saturate: one extreme cell must not wash out the others."""
ROW_HEIGHT, HEADER_HEIGHT, BLOCK_GAP, MARGIN_LEFT, MARGIN_BOTTOM = 24, 104, 34, 168, 12
"""Heights and widths in pixels: row, space above the first block, gap between blocks, margins."""

ModelKey = tuple[str, str]
"""Backbone and normalizer."""


def plot_heat_map(tables: Tables, styles: Styles) -> Plot:
    """Draw nCE with a column for each model that has a twin."""
    frame = tables["nce"]
    has_twin = frame["backbone"].isin(list_backbone_names(tables))
    has_twin &= ~frame["normalizer"].isin((BASELINE, ""))
    frame = frame[has_twin]
    if frame["nce"].notna().sum() == 0:
        return Plot(
            *HEAT_MAP_TEXT,
            missing_reason="No model was finished together with its twin without a normalizer.",
        )
    names = set(zip(frame["backbone"], frame["normalizer"], strict=True))
    models = [(b, n) for b in list_backbone_names(tables) for n in styles if (b, n) in names]
    order = {placement: number for number, placement in enumerate(PLACEMENT_ORDER)}
    blocks = sorted(
        {(str(s), str(p)) for s, p in zip(frame["semantics"], frame["placement"], strict=True)},
        # Process blocks first; unknown placements last.
        key=lambda block: (block[0] != "process", order.get(block[1], 9)),
    )
    return Plot(*HEAT_MAP_TEXT, figures={"": _heat_map_figure(frame, blocks, models)})


def _heat_map_figure(frame: Frame, blocks: list[tuple[str, str]], models: list[ModelKey]) -> Figure:
    parts = [frame[(frame["semantics"] == s) & (frame["placement"] == p)] for s, p in blocks]
    rows = [list_shifts(part) for part in parts]
    plot_height = ROW_HEIGHT * sum(map(len, rows)) + BLOCK_GAP * (len(rows) - 1)
    titles = [BLOCK_TITLES.get(block, ", ".join(block)) for block in blocks]
    figure = make_subplots(
        len(blocks),
        row_heights=[len(shifts) for shifts in rows],
        vertical_spacing=BLOCK_GAP / plot_height if len(blocks) > 1 else 0,
        subplot_titles=[f"<b>{format_label(title, 60)}</b>" for title in titles],
    )
    figure.update_annotations(x=0, xanchor="left", yshift=2, font={"size": 12})
    figure.update_layout(
        build_layout(
            plot_height + HEADER_HEIGHT + MARGIN_BOTTOM,
            {"l": MARGIN_LEFT, "r": 12, "t": HEADER_HEIGHT, "b": MARGIN_BOTTOM},
        ),
        # Limits of the width in pixels, for page.js.
        meta={
            "least": MARGIN_LEFT + 12 + 46 * len(models),
            "most": MARGIN_LEFT + 12 + 100 * len(models),
        },
    )
    for number, (part, shifts) in enumerate(zip(parts, rows, strict=True), start=1):
        figure.add_trace(_block_trace(part, shifts, models), row=number, col=1)
        labels = [format_label(format_shift(*shift), 24) for shift in shifts]
        tickvals = list(range(len(shifts)))
        figure.update_yaxes(tickvals=tickvals, ticktext=labels, row=number, col=1)
    figure.update_xaxes(
        side="top",
        tickvals=list(range(len(models))),
        ticktext=[format_label(normalizer, 14) for _, normalizer in models],
        tickangle=-45,
        ticklabelshift=0,
        ticklabelstandoff=16,
        showticklabels=False,
        range=[-0.5, len(models) - 0.5],
    )
    figure.update_xaxes(showticklabels=True, row=1)  # the first block labels the columns of all
    figure.update_yaxes(autorange="reversed")
    figure.for_each_xaxis(_hide_grid).for_each_yaxis(_hide_grid)
    _mark_backbones(figure, [backbone for backbone, _ in models])
    return figure


def _hide_grid(axis: Any) -> None:
    axis.update(showgrid=False, ticks="")


def _block_trace(
    part: Frame, shifts: list[tuple[str, str]], models: list[ModelKey]
) -> dict[str, Any]:
    cells = {
        (row.shift, row.arm, row.backbone, row.normalizer): (float(row.nce), float(row.n_failed))
        for row in part.itertuples()
    }
    missing = (math.nan, 0.0)
    grid = [[cells.get((*shift, *model), missing) for model in models] for shift in shifts]
    values = np.array([[value for value, _ in row] for row in grid])
    texts = [
        [format_number(value, 2) + ("*" if failed > 0 else "") for value, failed in row]
        for row in grid
    ]
    with np.errstate(divide="ignore"):  # an nCE of 0 becomes -inf, which is then clipped
        log_ratios = np.clip(np.log10(values), -math.log10(MAX_RATIO), math.log10(MAX_RATIO))
    return {
        "type": "heatmap",
        # The colour is symmetric in log10(nCE); plotly leaves None blank.
        "z": [[None if math.isnan(z) else round(float(z), 4) for z in row] for row in log_ratios],
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
    }


def _mark_backbones(figure: Figure, backbones: list[str]) -> None:
    """Add the names of the backbones above the middle of their columns, and lines between them."""
    for backbone in dict.fromkeys(backbones):
        first, count = backbones.index(backbone), backbones.count(backbone)
        figure.add_annotation(
            text=f"<b>{format_label(backbone, 7 * count)}</b>",  # about 7 letters fit a column
            x=(first + count / 2) / len(backbones),
            xref="paper",
            xanchor="center",
            y=1,
            yref="paper",
            yanchor="top",
            yshift=HEADER_HEIGHT - 2,
            showarrow=False,
        )
        if first:
            figure.add_vline(x=first - 0.5, line={"color": "#666666", "width": 1.2})
