"""P5: does the removable fraction of a data set tell whether a normalizer helps there?"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.looks import Looks
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, legend_of, rounded
from revin_forecast.report.benchmark.plots.grid import TOP, Sizes, panels
from revin_forecast.report.benchmark.plots.traces import guide, spread
from revin_forecast.report.benchmark.reading import Column, Frame, Tables, backbones, data_sets
from revin_forecast.report.benchmark.twins import against_twin
from revin_forecast.report.wording import label

LEVELS = 5
"""Of names above the panel."""

WORDS = (
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


def removable_against_gain(tables: Tables, looks: Looks) -> Plot:
    """Draw the clean ratio to the twin of every model over the data set's shift card."""
    pairs = against_twin(tables["pairs"])
    pairs = pairs[pairs["column"] == "clean"]
    cards = tables["shiftcards"].groupby("dataset")["removable"].median()
    names = [
        name for name in data_sets(tables) if name in cards.index and name in set(pairs["dataset"])
    ]
    if not names:
        return Plot(*WORDS, missing="No data set has both a shift card and a pair of twins.")
    places, ticks = _places(cards[names])
    pairs = pairs[pairs["dataset"].isin(names)]
    figures = {
        model: _figure(own, places, ticks, looks)
        for model in backbones(tables)
        if len(own := pairs[pairs["backbone"] == model])
    }
    legend = legend_of(pairs["normalizer"], looks)
    return Plot(*WORDS, figures=figures, choice="Backbone", legend=legend)


def _figure(
    pairs: Frame, places: Mapping[str, float], ticks: Mapping[str, Any], looks: Looks
) -> Figure:
    ends = (min(places.values()) - 0.15, max(places.values()) + 0.15)
    figure = panels(
        [""],
        {"title": "removable fraction, median over channels", "range": list(ends), **ticks},
        {"title": "E / E_twin, clean, log scale", **log_axis([*_reach(pairs), 1.0])},
        Sizes(height=330),
    )
    names = [name for name in looks if (pairs["normalizer"] == name).any()]
    spacing = 0.012 * (ends[1] - ends[0])
    for number, name in enumerate(names):
        own = pairs[pairs["normalizer"] == name]
        aside = (number - (len(names) - 1) / 2) * spacing
        value, low, high = (np.exp(own[column]) for column in ("log_ratio", "lo", "hi"))
        look = looks[name]
        figure.add_trace(
            {
                "type": "scatter",
                "x": rounded(places[data] + aside for data in own["dataset"]),
                "y": rounded(value),
                "error_y": spread(value, low, high, look.faded(0.6)),
                "mode": "markers",
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 9},
                "meta": [name],
                "customdata": [label(data) for data in own["dataset"]],
                "name": label(name),
                "hovertemplate": "%{customdata}: E/E_twin %{y:.3g}",
            }
        )
    figure.add_trace(guide(ends, (1.0, 1.0), 0))
    _name_data_sets(figure, places)
    return figure


def _reach(pairs: Frame) -> Column:
    return np.exp(pd.concat([pairs["log_ratio"], pairs["lo"], pairs["hi"]]))


def _places(cards: Column) -> tuple[dict[str, float], dict[str, Any]]:
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


def _name_data_sets(figure: Figure, places: Mapping[str, float]) -> None:
    """Write the names at the top, neighbours that would overlap on levels of their own."""
    start, width = min(places.values()), max(places.values()) - min(places.values()) + 0.3
    ends = [-math.inf] * LEVELS
    for name in sorted(places, key=places.__getitem__):
        free = [level for level in range(LEVELS) if ends[level] <= places[name]]
        level = free[0] if free else ends.index(min(ends))
        ends[level] = places[name] + 0.3 * width  # what a name takes on a narrow screen
        part = (places[name] - start) / width
        figure.add_annotation(
            text=label(name, 14),
            x=places[name],
            y=1,
            yref="paper",
            xanchor="left" if part < 0.2 else "right" if part > 0.7 else "center",
            yanchor="bottom",
            yshift=2 + 15 * level,
            showarrow=False,
            font={"size": 11},
        )
        figure.add_vline(x=places[name], line={"color": "#ddd", "width": 1}, layer="below")
    more = 15 * sum(end > -math.inf for end in ends) - 15
    layout: Any = figure["layout"]
    height = layout["height"] + more
    figure.update_layout(margin={"t": TOP + more}, height=height)
    layout["meta"]["grids"]["1"]["height"] = height
