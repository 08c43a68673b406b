"""P9 and P6: break-even of RevIN by size of a level shift, and error by natural shift."""

import math

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.cell_summaries import (
    BREAK_EVEN_NORMALIZER,
    LINEAR_BACKBONES,
    read_summary,
)
from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    Frame,
    Tables,
    format_shift,
    list_backbone_names,
    list_shifts,
    order_names,
)
from revin_forecast.reports.benchmark.plots.panels import (
    PanelSizes,
    axis_names,
    log_axis,
    make_panels,
    root_axis,
    signed_root,
)
from revin_forecast.reports.benchmark.plots.plot import Plot, build_legend, round_values
from revin_forecast.reports.benchmark.plots.scatter import build_backbone_legend
from revin_forecast.reports.benchmark.plots.traces import line_with_band, reference_line
from revin_forecast.reports.benchmark.style import COLOURS, Styles, marker_fill
from revin_forecast.reports.formatting import format_number, format_tick

BREAK_EVEN_TEXT = (
    "P9",
    "Break-even of RevIN under a level shift",
    "Error with RevIN less the error without, for linear backbones, against the size of a steady "
    "level shift. Below 0 RevIN has less error. The dashed line is the size δ* from which the "
    "theory expects RevIN to help: (1'Σ⁻¹1)^(-1/2), with Σ the autocovariances of the training "
    "part (median over channels). Good (for the theory): the curve is above 0 to the left of δ* "
    "and below 0 to its right. The theory assumes squared errors and a series that is stationary "
    "except for this shift; where levels move by themselves, RevIN helps from the start. Both "
    "axes are square-root scaled. Bars are 95 % intervals, too wide because the windows are "
    "paired.",
)


def plot_break_even(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel for each data set, with a line for each linear backbone."""
    gaps = read_summary(tables, "level_gaps")
    if gaps.empty:
        reason = (
            f"This plot needs finished level shifts of {' or '.join(LINEAR_BACKBONES)} with "
            f"{BREAK_EVEN_NORMALIZER} and {BASELINE}."
        )
        return Plot(*BREAK_EVEN_TEXT, missing_reason=reason)
    theory = tables["shiftcards"].groupby("dataset")["delta_star"].median()
    if theory.dropna().empty:
        return Plot(*BREAK_EVEN_TEXT, missing_reason="No shift card has a break-even δ*.")
    names = order_names(gaps["dataset"], ())
    backbones = order_names(gaps["backbone"], LINEAR_BACKBONES)
    sizes = root_axis([float(gaps["displacement"].max())], (0.0, 0.5, 1.0, 2.0, 4.0))
    gap_axis = root_axis(pd.concat([gaps["gap"] - gaps["reach"], gaps["gap"] + gaps["reach"]]))
    figure = make_panels(
        names,
        {"title": "level shift |δ|, train sd", **sizes},
        {"title": "E(RevIN) - E(Identity), MASE*", **gap_axis},
        PanelSizes(max_columns=3, height=220, margin_left=66, min_width=200),
    )
    for number, name in enumerate(names):
        for index, backbone in enumerate(backbones):
            rows = gaps[(gaps["dataset"] == name) & (gaps["backbone"] == backbone)]
            _draw_line(figure, rows.sort_values("displacement"), number, index, styles)
        _draw_theory_line(figure, float(theory.get(name, np.nan)), number)
        figure.add_trace(reference_line((-1.0, 9.0), (0.0, 0.0), number))
    return Plot(*BREAK_EVEN_TEXT, figures={"": figure}, legend=build_backbone_legend(backbones))


def _draw_line(
    figure: Figure, rows: Frame, panel: int, backbone_index: int, styles: Styles
) -> None:
    style, middle = styles[BREAK_EVEN_NORMALIZER], signed_root(rows["gap"])
    high, low = signed_root(rows["gap"] + rows["reach"]), signed_root(rows["gap"] - rows["reach"])
    figure.add_trace(
        {
            "type": "scatter",
            "x": round_values(signed_root(rows["displacement"])),
            "y": round_values(middle),
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": round_values(high - middle),
                "arrayminus": round_values(middle - low),
                "color": style.to_rgba(0.5),
                "thickness": 1.2,
                "width": 3,
            },
            "mode": "lines+markers",
            "line": {
                "color": style.colour,
                "dash": ("solid", "dash")[backbone_index % 2],
                "width": 1.6,
            },
            "marker": {
                "color": style.colour,
                "symbol": f"circle{marker_fill(backbone_index)}",
                "size": 7,
            },
            "meta": [str(name) for name in rows["backbone"].head(1)],
            "customdata": [
                [format_number(size), format_number(gap)]
                for size, gap in zip(rows["displacement"], rows["gap"], strict=True)
            ],
            # The hover text has the values before the root.
            "hovertemplate": "δ %{customdata[0]}: %{customdata[1]}<extra></extra>",
            **axis_names(panel),
        }
    )


def _draw_theory_line(figure: Figure, delta: float, panel: int) -> None:
    if np.isnan(delta):
        return
    x, axes = float(np.sqrt(delta)), axis_names(panel)  # the axis is square-root scaled
    figure.add_shape(
        type="line",
        xref=axes["xaxis"],
        yref=f"{axes['yaxis']} domain",
        x0=x,
        x1=x,
        y0=0,
        y1=1,
        line={"color": COLOURS["vermillion"], "width": 1.5, "dash": "dash"},
    )
    figure.add_annotation(
        text=f"δ* {format_tick(float(f'{delta:.2g}'))}",
        xref=axes["xaxis"],
        yref=f"{axes['yaxis']} domain",
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
    "Nothing is added here. Real test windows are sorted by their distance from the training "
    "part, in level and in scale, and cut into ten equal parts. Error (MASE*, log scale, lower is "
    "better) with 95 % bands. Good: a flat line that starts low. For scale, the first parts vary "
    "less than the training part and the last ones more. In brackets: the median distance of the "
    "part, in training sd.",
)


def plot_natural_shift(tables: Tables, styles: Styles) -> Plot:
    """Draw the error by decile, with a panel for each measure and backbone."""
    frame = tables["natural"]
    frame = frame[frame["mase"].notna() & frame["backbone"].isin(list_backbone_names(tables))]
    if frame.empty:
        return Plot(
            *NATURAL_SHIFT_TEXT,
            missing_reason="This suite has no real data set with natural deciles.",
        )
    shifts, backbones = list_shifts(frame.assign(arm="")), list_backbone_names(tables)
    parts = [
        (backbone, shift, rows)
        for shift, _ in shifts
        for backbone in backbones
        if len(rows := frame[(frame["shift"] == shift) & (frame["backbone"] == backbone)])
    ]
    titles = [f"{format_shift(shift, '')}, {backbone}" for backbone, shift, _ in parts]
    y_axis = log_axis(pd.concat([frame["mase"], frame["lo"], frame["hi"]]))
    figure = make_panels(
        titles,
        {"title": "decile of the look-back's displacement", "range": [-0.4, 11.4]},
        {"title": "MASE*, log scale", **y_axis},
        PanelSizes(max_columns=len(backbones), height=210, min_width=200),
    )
    for number, (_, _, rows) in enumerate(parts):
        for name, style in styles.items():
            points = rows[rows["normalizer"] == name].sort_values("decile")
            if len(points):
                columns = (points["decile"] + 1, points["mase"], points["lo"], points["hi"])
                figure.add_traces(
                    line_with_band(list(zip(*columns, strict=True)), name, style, number)
                )
        sizes = rows.groupby("decile")["displacement"].median()
        # Numbered from 1 for readers; the table counts deciles from 0.
        deciles = [1, 5, 10]
        ticks = [
            f"{decile} ({format_tick(float(f'{sizes.get(decile - 1, math.nan):.2g}'))})"
            for decile in deciles
        ]
        suffix = number + 1 if number else ""
        figure.layout[f"xaxis{suffix}"].update(tickvals=deciles, ticktext=ticks)
    return Plot(
        *NATURAL_SHIFT_TEXT, figures={"": figure}, legend=build_legend(frame["normalizer"], styles)
    )
