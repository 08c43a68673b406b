"""P7: example forecasts, the three worst and three median windows of a shift."""

import math
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.input_tables import (
    BACKBONE_ORDER,
    NORMALIZER_ORDER,
    Frame,
    Tables,
    format_shift,
    list_backbone_names,
    list_shifts,
    order_names,
)
from revin_forecast.reports.benchmark.plots.panels import PanelSizes, axis_names, make_panels
from revin_forecast.reports.benchmark.plots.plot import REFERENCE_LINE_STYLE, Plot, round_values
from revin_forecast.reports.benchmark.style import COLOURS, Style, Styles

EXAMPLE_WINDOWS_TEXT = (
    "P7",
    "Example windows: the worst and the typical",
    "Top: three windows with the largest error. Below: three typical ones. Left of the dotted "
    "boundary is the shifted look-back, right of it the truth and two forecasts, in training sd. "
    "'Clean forecast, moved along' is the forecast of the clean window after the same shift; a "
    "model that moves with its data forecasts the same. Good: both forecasts on the truth. Where "
    "only the observation is wrong, the truth is clean, and a forecast that follows the look-back "
    "is wrong.",
)
MAX_VALUES = 100_000
"""Values drawn at most: the page, with plotly.js, must not exceed 8 MB."""
MAX_CHOICES = 22
"""Choices offered: one model for each of 22 shifts."""

LINE_STYLES = {
    "past": ("look-back (shifted)", Style("#888888", "solid", "")),
    "truth": ("truth", Style("#000000", "solid", "")),
    "clean": ("clean forecast, moved along", Style(COLOURS["sky"], "dash", "")),
    "shifted": ("forecast of the shifted window", Style(COLOURS["vermillion"], "solid", "")),
}
CHOICE_COLUMNS = ["shift", "arm", "severity", "backbone", "normalizer", "dataset"]


def plot_example_windows(tables: Tables, styles: Styles) -> Plot:
    """Draw six windows, and a figure for each shift, model and data set."""
    frame = tables["examples"]
    frame = frame[frame["backbone"].isin(list_backbone_names(tables))]
    if frame.empty:
        return Plot(*EXAMPLE_WINDOWS_TEXT, missing_reason="No example windows were saved.")
    choices = _select_choices(frame)
    figures = {_choice_title(key): _windows_figure(rows) for key, rows in choices.items()}
    title, caption = EXAMPLE_WINDOWS_TEXT[1], EXAMPLE_WINDOWS_TEXT[2]
    omitted_count = frame.groupby(CHOICE_COLUMNS).ngroups - len(choices)
    if omitted_count:
        caption += (
            f" {omitted_count} further choices are in the examples table only, to keep the page "
            "small."
        )
    legend = dict(LINE_STYLES.values())
    return Plot(EXAMPLE_WINDOWS_TEXT[0], title, caption, figures, "Shift, model, data", legend)


def _select_choices(frame: Frame) -> dict[tuple[Any, ...], Frame]:
    """Return the groups of windows in the order of the list, limited to the page's size.

    Every shift gets its first choice before any shift gets its second.
    """
    shifts = list_shifts(frame)
    normalizers = order_names(frame["normalizer"], NORMALIZER_ORDER)
    models = order_names(frame["backbone"], BACKBONE_ORDER)
    ranked: list[tuple[tuple[int, ...], tuple[Any, ...], Frame]] = []
    choice_rank: dict[tuple[str, str], int] = {}  # by shift, of its latest choice
    groups = dict(list(frame.groupby(CHOICE_COLUMNS)))
    for key in sorted(
        groups, key=lambda k: (models.index(k[3]), k[5], normalizers.index(k[4]), k[2])
    ):
        shift_index = shifts.index((key[0], key[1]))
        choice_rank[key[:2]] = choice_rank.get(key[:2], -1) + 1
        ranked.append(((choice_rank[key[:2]], shift_index), key, groups[key]))
    selected, value_count = [], 0
    for rank, key, rows in sorted(ranked, key=lambda item: item[0]):
        value_count += sum(len(values) for name in LINE_STYLES for values in rows[name])
        if selected and (value_count > MAX_VALUES or len(selected) == MAX_CHOICES):
            break
        selected.append((rank, key, rows))
    # Selected by rank, listed by shift.
    selected.sort(key=lambda item: (item[0][1], item[0][0]))
    return {key: rows for _, key, rows in selected}


def select_examples(frame: Frame) -> Frame:
    """Return the rows of the choices that the page offers."""
    choices = _select_choices(frame) if len(frame) else {}
    return pd.concat([*choices.values()], ignore_index=True) if choices else frame


def _choice_title(key: tuple[Any, ...]) -> str:
    shift, arm, severity, backbone, normalizer, dataset = key
    shift_name = format_shift(shift, arm)
    return f"{shift_name}, severity {severity:.0f}: {normalizer} on {backbone}, {dataset}"


def _windows_figure(rows: Frame) -> Figure:
    kinds = {"worst": 0, "median": 1}  # rows of the grid
    rows = rows.assign(order=rows["kind"].map(kinds)).sort_values(["order", "rank"])
    titles = [
        f"{kind} {rank + 1:.0f}: {channel}"
        for kind, rank, channel in zip(rows["kind"], rows["rank"], rows["channel"], strict=True)
    ]
    x_axis = {"title": "steps from the boundary", "nticks": 5}
    y_axis = {"title": "value, train sd", "nticks": 5}
    sizes = PanelSizes(max_columns=3, height=170, min_width=200, shared_yaxes=False)
    figure = make_panels(titles, x_axis, y_axis, sizes)
    traces, shapes = [], []
    for number, row in enumerate(rows.to_dict("records")):
        for name, (label, style) in LINE_STYLES.items():
            values = round_values(np.asarray(row[name], dtype=np.float64), 4)
            start = -len(values) if name == "past" else 0
            traces.append(
                {
                    "type": "scatter",
                    "x0": start,
                    "dx": 1,
                    "y": [None if math.isnan(value) else value for value in values],
                    "mode": "lines",
                    "line": {"color": style.colour, "dash": style.dash, "width": 1.5},
                    "meta": [label],
                    "name": label,
                    "hovertemplate": "%{x}: %{y:.3g}",
                    **axis_names(number),
                }
            )
        axes = axis_names(number)
        references = {"xref": axes["xaxis"], "yref": f"{axes['yaxis']} domain"}
        # The boundary is between the last step of the look-back, -1, and the first of the truth, 0.
        ends = {"x0": -0.5, "x1": -0.5, "y0": 0, "y1": 1}
        shapes.append({"type": "line", "line": dict(REFERENCE_LINE_STYLE), **references, **ends})
    figure.add_traces(traces)
    figure.update_layout(shapes=shapes)
    return figure
