"""P9: from which level shift on RevIN pays, beside the theory's answer."""

import math

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    Column,
    Frame,
    Tables,
    dataset_errors,
    format_shift,
    list_backbone_names,
    list_shifts,
    order_names,
)
from revin_forecast.reports.benchmark.plots.base import Plot, build_legend, round_values
from revin_forecast.reports.benchmark.plots.panels import (
    PanelSizes,
    axis_names,
    log_axis,
    make_panels,
    root_axis,
    signed_root,
)
from revin_forecast.reports.benchmark.plots.scatter import build_backbone_legend
from revin_forecast.reports.benchmark.plots.traces import line_with_band, reference_line
from revin_forecast.reports.benchmark.style import COLOURS, Styles, marker_fill
from revin_forecast.reports.formatting import format_number, format_tick

BREAK_EVEN_TEXT = (
    "P9",
    "Break-even of RevIN under a level shift",
    "E(RevIN) - E(Identity), MASE*, of linear backbones against the size of a steady level shift; "
    "both axes are square-root scaled, so that small values stay apart. Below 0 RevIN has less "
    "error. The dashed line is the theory's break-even δ* = (1'Σ⁻¹1)^(-1/2), the sd of a window's "
    "best estimate of its level, median over channels. Good: the curve is above 0 to the left of "
    "δ*, below 0 to its right. Theory holds for squared errors of a series that is stationary but "
    "for this shift; where levels move by themselves between training and test, RevIN pays from "
    "the start. At δ = 0 stands the clean series. Bars: 95 % intervals of the two errors, joined "
    "as if independent, so too wide: the windows are paired.",
)
LINEAR_BACKBONES = ("Ridge", "Linear")
NORMALIZER = "RevIN"


def plot_break_even(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel a data set, a line a linear backbone."""
    gaps = _error_differences(tables["cells"])
    if gaps.empty:
        words = f"Needs finished level shifts of {' or '.join(LINEAR_BACKBONES)} with {NORMALIZER} and {BASELINE}."
        return Plot(*BREAK_EVEN_TEXT, missing_reason=words)
    theory = tables["shiftcards"].groupby("dataset")["delta_star"].median()
    if theory.dropna().empty:
        return Plot(*BREAK_EVEN_TEXT, missing_reason="No shift card has a break-even δ*.")
    names, models = (
        order_names(gaps["dataset"], ()),
        order_names(gaps["backbone"], LINEAR_BACKBONES),
    )
    sizes = root_axis([float(gaps["displacement"].max())], (0.0, 0.5, 1.0, 2.0, 4.0))
    reach = root_axis(pd.concat([gaps["gap"] - gaps["reach"], gaps["gap"] + gaps["reach"]]))
    figure = make_panels(
        names,
        {"title": "level shift |δ|, train sd", **sizes},
        {"title": "E(RevIN) - E(Identity), MASE*", **reach},
        PanelSizes(max_columns=3, height=220, margin_left=66, min_width=200),
    )
    for number, name in enumerate(names):
        for place, model in enumerate(models):
            own = gaps[(gaps["dataset"] == name) & (gaps["backbone"] == model)]
            _draw_line(figure, own.sort_values("displacement"), number, place, styles)
        _draw_theory_line(figure, float(theory.get(name, np.nan)), number)
        figure.add_trace(reference_line((-1.0, 9.0), (0.0, 0.0), number))
    return Plot(*BREAK_EVEN_TEXT, figures={"": figure}, legend=build_backbone_legend(models))


def _error_differences(cells: Frame) -> Frame:
    """Return dataset, backbone, displacement, gap and reach, of clean and of shifted levels."""
    steady = (
        (cells["shift"] == "level") & (cells["placement"] == "steady") & (cells["severity"] > 0)
    )
    kept = cells[(steady | (cells["placement"] == "clean")) & (cells["role"] == "model")]
    kept = kept[
        kept["backbone"].isin(LINEAR_BACKBONES) & kept["normalizer"].isin((NORMALIZER, BASELINE))
    ]
    errors = dataset_errors(kept)
    place = ["dataset", "backbone", "severity"]
    errors = errors.assign(reach=errors["mase"] * (errors["above"] + errors["below"]) / 2)
    parts = errors.groupby([*place, "line"])[["mase", "reach"]].mean().unstack("line").dropna()
    there = set(parts.columns.get_level_values("line"))
    if parts.empty or not {NORMALIZER, BASELINE} <= there:
        return pd.DataFrame(columns=[*place, "displacement", "gap", "reach"])
    sizes = kept.assign(size=kept["displacement"].abs()).groupby(place)["size"].median()
    gaps = pd.DataFrame(
        {
            "gap": parts["mase"][NORMALIZER] - parts["mase"][BASELINE],
            "reach": np.hypot(parts["reach"][NORMALIZER], parts["reach"][BASELINE]),
            "displacement": sizes,
        }
    ).reset_index()
    gaps.loc[gaps["severity"] == 0, "displacement"] = 0.0
    gaps = gaps.dropna(subset=["gap", "displacement"])
    highest: Column = gaps.groupby("dataset")["severity"].transform("max")
    return gaps[highest > 0]


def _draw_line(figure: Figure, own: Frame, panel: int, backbone_index: int, styles: Styles) -> None:
    look, middle = styles[NORMALIZER], signed_root(own["gap"])
    ends = signed_root(own["gap"] + own["reach"]), signed_root(own["gap"] - own["reach"])
    figure.add_trace(
        {
            "type": "scatter",
            "x": round_values(signed_root(own["displacement"])),
            "y": round_values(middle),
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": round_values(ends[0] - middle),
                "arrayminus": round_values(middle - ends[1]),
                "color": look.to_rgba(0.5),
                "thickness": 1.2,
                "width": 3,
            },
            "mode": "lines+markers",
            "line": {
                "color": look.colour,
                "dash": ("solid", "dash")[backbone_index % 2],
                "width": 1.6,
            },
            "marker": {
                "color": look.colour,
                "symbol": f"circle{marker_fill(backbone_index)}",
                "size": 7,
            },
            "meta": [str(name) for name in own["backbone"].head(1)],
            "customdata": [
                [format_number(size), format_number(gap)]
                for size, gap in zip(own["displacement"], own["gap"], strict=True)
            ],
            "hovertemplate": "δ %{customdata[0]}: %{customdata[1]}<extra></extra>",
            **axis_names(panel),
        }
    )


def _draw_theory_line(figure: Figure, delta: float, panel: int) -> None:
    if np.isnan(delta):
        return
    x, place = float(np.sqrt(delta)), axis_names(panel)
    figure.add_shape(
        type="line",
        xref=place["xaxis"],
        yref=f"{place['yaxis']} domain",
        x0=x,
        x1=x,
        y0=0,
        y1=1,
        line={"color": COLOURS["vermillion"], "width": 1.5, "dash": "dash"},
    )
    figure.add_annotation(
        text=f"δ* {format_tick(float(f'{delta:.2g}'))}",
        xref=place["xaxis"],
        yref=f"{place['yaxis']} domain",
        x=x,
        y=0.02,
        xanchor="left",
        yanchor="bottom",
        xshift=3,
        showarrow=False,
        font={"size": 11, "color": COLOURS["vermillion"]},
    )


NATURAL_SHIFT_TEXT = (
    "P6",
    "Natural shift: error by decile",
    "Nothing is perturbed here. Real test windows are sorted by how far their look-back lies from "
    "the training part, in level (|window mean - train mean| / train sd) and in scale (log(window "
    "sd / train sd)), and cut into ten equal parts. MASE* (log scale, lower is better) with 95 % "
    "bands. Good: a flat line that starts low. For scale, the first deciles are calmer than the "
    "training part and the last ones wilder. In brackets: the median displacement of the decile.",
)


def plot_natural_shift(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel for each measure and backbone."""
    frame = tables["natural"]
    frame = frame[frame["mase"].notna() & frame["backbone"].isin(list_backbone_names(tables))]
    if frame.empty:
        return Plot(
            *NATURAL_SHIFT_TEXT,
            missing_reason="No real data set with natural deciles is in this suite.",
        )
    shifts, models = list_shifts(frame.assign(arm="")), list_backbone_names(tables)
    parts = [
        (model, shift, own)
        for shift, _ in shifts
        for model in models
        if len(own := frame[(frame["shift"] == shift) & (frame["backbone"] == model)])
    ]
    titles = [f"{format_shift(shift, '')}, {model}" for model, shift, _ in parts]
    reach = log_axis(pd.concat([frame["mase"], frame["lo"], frame["hi"]]))
    figure = make_panels(
        titles,
        {"title": "decile of the look-back's displacement", "range": [-0.4, 11.4]},
        {"title": "MASE*, log scale", **reach},
        PanelSizes(max_columns=len(models), height=210, min_width=200),
    )
    for number, (_, _, own) in enumerate(parts):
        for name, look in styles.items():
            points = own[own["normalizer"] == name].sort_values("decile")
            places = points["decile"] + 1
            if len(points):
                columns = (places, points["mase"], points["lo"], points["hi"])
                figure.add_traces(
                    line_with_band(list(zip(*columns, strict=True)), name, look, number)
                )
        sizes = own.groupby("decile")["displacement"].median()
        places = [1, 5, 10]
        ticks = [
            f"{place} ({format_tick(float(f'{sizes.get(place - 1, math.nan):.2g}'))})"
            for place in places
        ]
        nth = number + 1 if number else ""
        figure.layout[f"xaxis{nth}"].update(tickvals=places, ticktext=ticks)
    return Plot(
        *NATURAL_SHIFT_TEXT, figures={"": figure}, legend=build_legend(frame["normalizer"], styles)
    )
