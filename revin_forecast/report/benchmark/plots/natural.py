"""P6: error over the deciles of the shift that real windows have by themselves."""

import math

import pandas as pd

from revin_forecast.report.benchmark.looks import Styles
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, build_legend
from revin_forecast.report.benchmark.plots.grid import PanelSizes, make_panels
from revin_forecast.report.benchmark.plots.traces import line_with_band
from revin_forecast.report.benchmark.reading import Tables, list_backbone_names, format_shift, list_shifts
from revin_forecast.report.wording import format_tick

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
        return Plot(*NATURAL_SHIFT_TEXT, missing_reason="No real data set with natural deciles is in this suite.")
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
                figure.add_traces(line_with_band(list(zip(*columns, strict=True)), name, look, number))
        sizes = own.groupby("decile")["displacement"].median()
        places = [1, 5, 10]
        ticks = [
            f"{place} ({format_tick(float(f'{sizes.get(place - 1, math.nan):.2g}'))})" for place in places
        ]
        nth = number + 1 if number else ""
        figure.layout[f"xaxis{nth}"].update(tickvals=places, ticktext=ticks)
    return Plot(*NATURAL_SHIFT_TEXT, figures={"": figure}, legend=build_legend(frame["normalizer"], styles))
