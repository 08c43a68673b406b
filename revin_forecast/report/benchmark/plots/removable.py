"""P5: does the removable fraction of a data set tell whether a normalizer helps there?"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.looks import Styles
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, build_legend, round_values
from revin_forecast.report.benchmark.plots.grid import MARGIN_TOP, PanelSizes, make_panels
from revin_forecast.report.benchmark.plots.traces import reference_line, error_bars
from revin_forecast.report.benchmark.reading import Column, Frame, Tables, list_backbone_names, list_dataset_names
from revin_forecast.report.benchmark.twins import ratios_to_baseline
from revin_forecast.report.wording import format_label

LABEL_ROWS = 5
"""Of names above the panel."""

REMOVABILITY_TEXT = (
    "P5",
    "Removable fraction against gain",
    "Each column of points is a data set, named at the top; horizontal: its removable fraction, "
    "the part of the train-to-test energy distance that instance normalization takes away (median "
    "over channels; 1: all of the shift is level and scale, below 0: normalized windows differ "
    "more than raw ones). Vertical: E/E_twin on the clean test part, log scale, with 95 % "
    "intervals; below 1 the normalizer helps. Good (for the measure): points fall from left to "
    "right. Data sets whose shift is not above the noise floor have no fraction and stand at the "
    "left, under 'no shift'.",
)


def plot_removability(tables: Tables, styles: Styles) -> Plot:
    """Draw the clean ratio to the twin of every model over the data set's shift card."""
    pairs = ratios_to_baseline(tables["pairs"])
    pairs = pairs[pairs["column"] == "clean"]
    cards = tables["shiftcards"].groupby("dataset")["removable"].median()
    names = [
        name for name in list_dataset_names(tables) if name in cards.index and name in set(pairs["dataset"])
    ]
    if not names:
        return Plot(*REMOVABILITY_TEXT, missing_reason="No data set has both a shift card and a pair of twins.")
    places, ticks = _dataset_positions(cards[names])
    pairs = pairs[pairs["dataset"].isin(names)]
    figures = {
        model: _removability_figure(own, places, ticks, styles)
        for model in list_backbone_names(tables)
        if len(own := pairs[pairs["backbone"] == model])
    }
    legend = build_legend(pairs["normalizer"], styles)
    return Plot(*REMOVABILITY_TEXT, figures=figures, choice_label="Backbone", legend=legend)


def _removability_figure(
    pairs: Frame, positions: Mapping[str, float], ticks: Mapping[str, Any], styles: Styles
) -> Figure:
    ends = (min(positions.values()) - 0.15, max(positions.values()) + 0.15)
    figure = make_panels(
        [""],
        {"title": "removable fraction, median over channels", "range": list(ends), **ticks},
        {"title": "E / E_twin, clean, log scale", **log_axis([*_ratios_and_bounds(pairs), 1.0])},
        PanelSizes(height=330),
    )
    names = [name for name in styles if (pairs["normalizer"] == name).any()]
    spacing = 0.012 * (ends[1] - ends[0])
    for number, name in enumerate(names):
        own = pairs[pairs["normalizer"] == name]
        aside = (number - (len(names) - 1) / 2) * spacing
        value, low, high = (np.exp(own[column]) for column in ("log_ratio", "lo", "hi"))
        look = styles[name]
        figure.add_trace(
            {
                "type": "scatter",
                "x": round_values(positions[data] + aside for data in own["dataset"]),
                "y": round_values(value),
                "error_y": error_bars(value, low, high, look.to_rgba(0.6)),
                "mode": "markers",
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 9},
                "meta": [name],
                "customdata": [format_label(data) for data in own["dataset"]],
                "name": format_label(name),
                "hovertemplate": "%{customdata}: E/E_twin %{y:.3g}",
            }
        )
    figure.add_trace(reference_line(ends, (1.0, 1.0), 0))
    _annotate_datasets(figure, positions)
    return figure


def _ratios_and_bounds(pairs: Frame) -> Column:
    return np.exp(pd.concat([pairs["log_ratio"], pairs["lo"], pairs["hi"]]))


def _dataset_positions(cards: Column) -> tuple[dict[str, float], dict[str, Any]]:
    """Return where each data set stands, and the ticks; those without a fraction to the left."""
    known = {str(name): max(float(value), -1.0) for name, value in cards.items() if value == value}
    low = min([0.0, *known.values()])
    unknown = [str(name) for name in cards.index if str(name) not in known]
    step = 0.12
    places = known | {name: low - 0.3 - step * i for i, name in enumerate(unknown)}
    values = [value for value in (-1.0, -0.5, 0.0, 0.5, 1.0) if value >= low]
    texts = [f"{value:g}" for value in values]
    if unknown:
        values.insert(0, low - 0.3 - step * (len(unknown) - 1) / 2)
        texts.insert(0, "no shift")
    return places, {"tickvals": list(values), "ticktext": list(texts)}


def _annotate_datasets(figure: Figure, positions: Mapping[str, float]) -> None:
    """Write the names at the top, neighbours that would overlap on levels of their own."""
    start, width = min(positions.values()), max(positions.values()) - min(positions.values()) + 0.3
    ends = [-math.inf] * LABEL_ROWS
    for name in sorted(positions, key=positions.__getitem__):
        free = [level for level in range(LABEL_ROWS) if ends[level] <= positions[name]]
        level = free[0] if free else ends.index(min(ends))
        ends[level] = positions[name] + 0.3 * width  # what a name takes on a narrow screen
        part = (positions[name] - start) / width
        figure.add_annotation(
            text=format_label(name, 14),
            x=positions[name],
            y=1,
            yref="paper",
            xanchor="left" if part < 0.2 else "right" if part > 0.7 else "center",
            yanchor="bottom",
            yshift=2 + 15 * level,
            showarrow=False,
            font={"size": 11},
        )
        figure.add_vline(x=positions[name], line={"color": "#ddd", "width": 1}, layer="below")
    more = 15 * sum(end > -math.inf for end in ends) - 15
    layout: Any = figure["layout"]
    height = layout["height"] + more
    figure.update_layout(margin={"t": MARGIN_TOP + more}, height=height)
    layout["meta"]["grids"]["1"]["height"] = height
