"""P4, P5 and P10: robustness, removable shift and cost as scatter plots."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.input_tables import (
    BLOCK_TITLES,
    LEADERBOARD_COLUMNS,
    ONLINE,
    PLACEMENT_ORDER,
    Column,
    Frame,
    Tables,
    list_backbone_names,
    list_dataset_names,
    ratios_to_baseline,
)
from revin_forecast.reports.benchmark.plots.panels import (
    MARGIN_TOP,
    PanelSizes,
    axis_names,
    log_axis,
    make_panels,
)
from revin_forecast.reports.benchmark.plots.plot import Plot, build_legend, round_values
from revin_forecast.reports.benchmark.plots.traces import error_bars, reference_line
from revin_forecast.reports.benchmark.style import GREY, Style, Styles, marker_fill
from revin_forecast.reports.formatting import format_label

ROBUSTNESS_TEXT = (
    "P4",
    "Clean against shifted error",
    "One point for each model: its error (MASE*) under a shift against that on clean data, both "
    "on log scales, with 95 % intervals. On the dotted line the shift makes no difference. Good: "
    "low and to the left, near the line. A point on the line but far to the right is bad "
    "everywhere. Grey: reference models. Open or dotted symbols: further backbones.",
)


def plot_robustness(tables: Tables, styles: Styles) -> Plot:
    """Draw the headline as points, with a panel for each shifted column."""
    frame = tables["headline"]
    frame = frame[(frame["mase"] > 0) & (frame["role"] != ONLINE)]
    clean = frame[frame["column"] == "clean"].set_index(["backbone", "normalizer", "role"])
    columns = [c for c in LEADERBOARD_COLUMNS[1:] if (frame["column"] == c).any()]
    if clean.empty or not columns:
        reason = "The headline has no clean and shifted errors to compare."
        return Plot(*ROBUSTNESS_TEXT, missing_reason=reason)
    backbones = list_backbone_names(tables)
    shifted = frame[frame["column"].isin(columns)]
    shifted_values = pd.concat([shifted["mase"], shifted["lo"], shifted["hi"], clean["lo"]])
    clean_values = pd.concat([clean["mase"], clean["lo"], clean["hi"]])
    figure = make_panels(
        columns,
        {"title": "clean MASE*, log scale", **log_axis(clean_values)},
        {"title": "shifted MASE*, log scale", **log_axis(shifted_values)},
        PanelSizes(max_columns=3, height=280, min_width=200),
    )
    values = ["mase", "lo", "hi"]
    for number, column in enumerate(columns):
        rows = frame[frame["column"] == column].set_index(clean.index.names)
        joined = rows[values].join(clean[values].add_suffix("_clean"), how="inner").reset_index()
        _draw_robustness_panel(figure, joined, number, backbones, styles)
    for number in range(len(columns)):
        # Longer than any axis: the reference line crosses the whole panel.
        figure.add_trace(reference_line((1e-9, 1e9), (1e-9, 1e9), number))
    names = frame["normalizer"].where(frame["role"] == "model", frame["backbone"])
    legend = {**build_legend(names, styles), **build_backbone_legend(backbones)}
    return Plot(*ROBUSTNESS_TEXT, figures={"": figure}, legend=legend)


def build_backbone_legend(backbones: Sequence[str]) -> dict[str, Style]:
    """Return the legend of the backbones' symbols, empty for a single backbone."""
    if len(backbones) < 2:
        return {}
    return {name: Style(GREY, "", f"circle{marker_fill(i)}") for i, name in enumerate(backbones)}


def _draw_robustness_panel(
    figure: Figure, rows: Frame, panel: int, backbones: Sequence[str], styles: Styles
) -> None:
    for (backbone, normalizer, role), points in rows.groupby(["backbone", "normalizer", "role"]):
        is_model = role == "model"
        name = str(normalizer if is_model else backbone)
        style = styles[name]
        suffix = marker_fill(backbones.index(str(backbone))) if is_model else ""
        figure.add_trace(
            {
                "type": "scatter",
                "x": round_values(points["mase_clean"]),
                "y": round_values(points["mase"]),
                "error_x": error_bars(
                    points["mase_clean"], points["lo_clean"], points["hi_clean"], style.to_rgba(0.6)
                ),
                "error_y": error_bars(
                    points["mase"], points["lo"], points["hi"], style.to_rgba(0.6)
                ),
                "mode": "markers",
                "marker": {"color": style.colour, "symbol": style.symbol + suffix, "size": 10},
                "meta": [name, str(backbone)],
                "name": f"{format_label(str(normalizer))} on {format_label(str(backbone))}"
                if is_model
                else format_label(name),
                "hovertemplate": "clean %{x:.3g}, shifted %{y:.3g}",
                **axis_names(panel),
            }
        )


COST_TEXT = (
    "P10",
    "Cost against mCE",
    "Seconds to train and measure one model, against the mean gain mCE (both on log scales; below "
    "1, the dotted line: less error than without a normalizer). Good: low and to the left. Open "
    "or dotted symbols: further backbones. Seconds depend on the machine and enter no rank.",
)


def plot_cost(tables: Tables, styles: Styles) -> Plot:
    """Draw seconds against mCE, with a panel for each kind and placement of shift."""
    costs = tables["runs"].merge(tables["costs"], on="run_key")
    costs = costs.assign(seconds=costs["train_s"].fillna(0) + costs["eval_s"].fillna(0))
    costs = costs[(costs["seconds"] > 0) & (costs["status"] == "done")]
    # The mean of logarithms is the logarithm of the geometric mean.
    costs = costs.assign(seconds=np.log(costs["seconds"]))
    means = np.exp(costs.groupby(["backbone", "normalizer"])["seconds"].mean())
    frame = tables["mce"].merge(means.reset_index(), on=["backbone", "normalizer"])
    backbones = list_backbone_names(tables)
    frame = frame[frame["mce"].gt(0) & frame["backbone"].isin(backbones)]
    if frame.empty:
        return Plot(*COST_TEXT, missing_reason="No model has both a cost and an mCE.")
    blocks = sorted(
        {(str(s), str(p)) for s, p in zip(frame["semantics"], frame["placement"], strict=True)},
        key=lambda block: PLACEMENT_ORDER.index(block[1]) if block[1] in PLACEMENT_ORDER else 9,
    )
    titles = [BLOCK_TITLES.get(block, ", ".join(block)) for block in blocks]
    figure = make_panels(
        titles,
        {"title": "seconds per model, log scale", **log_axis(frame["seconds"], max_ticks=5)},
        {"title": "mCE, log scale", **log_axis([*frame["mce"], 1.0])},
        PanelSizes(max_columns=2, height=220, min_width=300),
    )
    for number, block in enumerate(blocks):
        rows = frame[(frame["semantics"] == block[0]) & (frame["placement"] == block[1])]
        figure.add_trace(reference_line((1e-9, 1e9), (1.0, 1.0), number))
        for _, row in rows.iterrows():
            style = styles[row["normalizer"]]
            suffix = marker_fill(backbones.index(row["backbone"]))
            figure.add_trace(
                {
                    "type": "scatter",
                    "x": round_values([row["seconds"]]),
                    "y": round_values([row["mce"]]),
                    "mode": "markers",
                    "marker": {"color": style.colour, "symbol": style.symbol + suffix, "size": 10},
                    "meta": [row["normalizer"], row["backbone"]],
                    "name": f"{format_label(row['normalizer'])} on {format_label(row['backbone'])}",
                    "hovertemplate": "%{x:.3g} s, mCE %{y:.3g}",
                    **axis_names(number),
                }
            )
    legend = {**build_legend(frame["normalizer"], styles), **build_backbone_legend(backbones)}
    return Plot(*COST_TEXT, figures={"": figure}, legend=legend)


LABEL_ROWS = 5
"""Rows of data set names above the panel."""

REMOVABILITY_TEXT = (
    "P5",
    "Removable fraction against gain",
    "Does the shift card predict the gain? Each column of points is a data set. Horizontal: the "
    "fraction of its own shift that normalizing removes (1: all, below 0: normalized windows "
    "differ more than raw ones). Vertical: clean error relative to no normalizer, log scale, with "
    "95 % intervals; below 1 the normalizer helps. Good (for the card): points fall from left to "
    "right. Data sets without a shift above the noise are at the left, under 'no shift'.",
)


def plot_removability(tables: Tables, styles: Styles) -> Plot:
    """Draw the clean error ratio to the twin against the removable fraction of the data set."""
    pairs = ratios_to_baseline(tables["pairs"])
    pairs = pairs[pairs["column"] == "clean"]
    cards = tables["shiftcards"].groupby("dataset")["removable"].median()
    names = [
        name
        for name in list_dataset_names(tables)
        if name in cards.index and name in set(pairs["dataset"])
    ]
    if not names:
        reason = "No data set has both a shift card and a pair of twins."
        return Plot(*REMOVABILITY_TEXT, missing_reason=reason)
    positions, ticks = _dataset_positions(cards[names])
    pairs = pairs[pairs["dataset"].isin(names)]
    figures = {
        backbone: _removability_figure(rows, positions, ticks, styles)
        for backbone in list_backbone_names(tables)
        if len(rows := pairs[pairs["backbone"] == backbone])
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
        rows = pairs[pairs["normalizer"] == name]
        offset = (number - (len(names) - 1) / 2) * spacing  # separates points of a data set
        value, low, high = (np.exp(rows[column]) for column in ("log_ratio", "lo", "hi"))
        style = styles[name]
        figure.add_trace(
            {
                "type": "scatter",
                "x": round_values(positions[dataset] + offset for dataset in rows["dataset"]),
                "y": round_values(value),
                "error_y": error_bars(value, low, high, style.to_rgba(0.6)),
                "mode": "markers",
                "marker": {"color": style.colour, "symbol": style.symbol, "size": 9},
                "meta": [name],
                "customdata": [format_label(dataset) for dataset in rows["dataset"]],
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
    """Return the horizontal position of each data set, and the ticks.

    Data sets without a fraction are placed to the left of the others.
    """
    # Fractions below -1 are drawn at -1: one outlier would compress all others.
    known = {str(name): max(float(value), -1.0) for name, value in cards.dropna().items()}
    low = min([0.0, *known.values()])
    unknown = [str(name) for name in cards.index if str(name) not in known]
    step = 0.12
    positions = known | {name: low - 0.3 - step * i for i, name in enumerate(unknown)}
    values = [value for value in (-1.0, -0.5, 0.0, 0.5, 1.0) if value >= low]
    texts = [f"{value:g}" for value in values]
    if unknown:
        values.insert(0, low - 0.3 - step * (len(unknown) - 1) / 2)
        texts.insert(0, "no shift")
    return positions, {"tickvals": list(values), "ticktext": list(texts)}


def _annotate_datasets(figure: Figure, positions: Mapping[str, float]) -> None:
    """Add the names above the panel; neighbours that would overlap go into different rows."""
    start, width = min(positions.values()), max(positions.values()) - min(positions.values()) + 0.3
    ends = [-math.inf] * LABEL_ROWS
    for name in sorted(positions, key=positions.__getitem__):
        free_rows = [row for row in range(LABEL_ROWS) if ends[row] <= positions[name]]
        row = free_rows[0] if free_rows else ends.index(min(ends))
        ends[row] = positions[name] + 0.3 * width  # the share of a narrow screen that a name needs
        part = (positions[name] - start) / width
        figure.add_annotation(
            text=format_label(name, 14),
            x=positions[name],
            y=1,
            yref="paper",
            xanchor="left" if part < 0.2 else "right" if part > 0.7 else "center",
            yanchor="bottom",
            yshift=2 + 15 * row,
            showarrow=False,
            font={"size": 11},
        )
        figure.add_vline(x=positions[name], line={"color": "#dddddd", "width": 1}, layer="below")
    extra_height = 15 * sum(end > -math.inf for end in ends) - 15
    layout: Any = figure["layout"]
    height = layout["height"] + extra_height
    figure.update_layout(margin={"t": MARGIN_TOP + extra_height}, height=height)
    # page.js sets the height of the grid again when it fits the figure to the screen.
    layout["meta"]["grids"]["1"]["height"] = height
