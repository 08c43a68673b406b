"""The key figure: the error of each normalizer relative to none, in every column."""

from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    Frame,
    Tables,
)
from revin_forecast.reports.benchmark.plots.panels import (
    PanelSizes,
    axis_names,
    log_axis,
    make_panels,
)
from revin_forecast.reports.benchmark.plots.plot import Plot, round_values
from revin_forecast.reports.benchmark.plots.traces import error_bars, reference_line
from revin_forecast.reports.benchmark.result import name_model
from revin_forecast.reports.benchmark.style import COLOURS, GREY, Style, Styles, ordered_models
from revin_forecast.reports.formatting import format_label

GAINS_TEXT = (
    "Gain",
    "Error with a normalizer, relative to none",
    "Each point is the error of a model divided by that of the same backbone without a normalizer, "
    "with its 95 % interval. Left of the dotted line the normalizer helps, right of it it hurts. "
    "Good: left of the line in the first three panels and not right of it in the last. All panels "
    "have the same logarithmic axis, so they can be compared.",
)
DIRECTIONS = {
    "clearly less error": Style(COLOURS["blue"], "", "triangle-down"),
    "no clear difference": Style(GREY, "", "circle"),
    "clearly more error": Style(COLOURS["vermillion"], "", "triangle-up"),
}
"""Style by the side of 1 on which the interval of a ratio is."""
LABEL_LENGTH = 26
PANEL_TITLES = {
    "clean": "clean data",
    "steady": "steady shift",
    "transition": "soon after a shift",
    "observation": "observation wrong",
}


def plot_gains(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel for each column of the headline, with a row for each model."""
    frame = tables["headline"]
    frame = frame[
        (frame["role"] == "model")
        & (frame["normalizer"] != BASELINE)
        & frame["against_twin"].notna()
    ]
    if frame.empty:
        return Plot(*GAINS_TEXT, missing_reason="No model was also measured without a normalizer.")
    models = ordered_models(frame, tables)
    columns = [column for column in LEADERBOARD_COLUMNS if (frame["column"] == column).any()]
    ratios = np.exp(pd.concat([frame["against_twin"], frame["twin_lo"], frame["twin_hi"]]))
    labels = [format_label(name_model(*model), LABEL_LENGTH) for model in models]
    figure = make_panels(
        [PANEL_TITLES[column] for column in columns],
        {"title": "error relative to no normalizer (left of 1 is better)"}
        | log_axis([*ratios, 1.0], max_ticks=4),
        {
            "title": "",
            "range": [len(models) - 0.4, -0.6],  # reversed: the first model is at the top
            "tickvals": list(range(len(models))),
            "ticktext": labels,
            "showgrid": False,
        },
        PanelSizes(
            height=17 * len(models) + 14,
            margin_left=20 + 6 * max(map(len, labels)),  # 6 pixels a letter
            min_width=130,
        ),
    )
    for number, column in enumerate(columns):
        figure.add_trace(reference_line((1.0, 1.0), (-0.6, len(models) - 0.4), number))
        figure.add_traces(
            _direction_traces(frame[frame["column"] == column], models, number, labels)
        )
    return Plot(*GAINS_TEXT, figures={"": figure}, legend=DIRECTIONS)


def _direction_traces(
    rows: Frame, models: list[tuple[str, str]], panel: int, labels: list[str]
) -> list[dict[str, Any]]:
    signs = (rows["twin_lo"] > 0).astype(int) - (rows["twin_hi"] < 0).astype(int)
    traces = []
    for sign, (name, style) in zip((-1, 0, 1), DIRECTIONS.items(), strict=True):
        part = rows[signs == sign]
        if part.empty:
            continue
        ratio, low, high = (np.exp(part[key]) for key in ("against_twin", "twin_lo", "twin_hi"))
        places = [
            models.index(model) for model in zip(part["backbone"], part["normalizer"], strict=True)
        ]
        traces.append(
            {
                "type": "scatter",
                "x": round_values(ratio, 4),
                "y": places,
                "error_x": error_bars(ratio, low, high, style.to_rgba(0.8)),
                "mode": "markers",
                "marker": {"color": style.colour, "symbol": style.symbol, "size": 8},
                "meta": [name],
                "name": name,
                "customdata": [labels[place] for place in places],
                "hovertemplate": "%{customdata}: %{x:.3g}<extra></extra>",
                **axis_names(panel),
            }
        )
    return traces
