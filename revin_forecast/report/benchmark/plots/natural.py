"""P6: error over the deciles of the shift that real windows have by themselves."""

import math

import pandas as pd

from revin_forecast.report.benchmark.looks import Looks
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, legend_of
from revin_forecast.report.benchmark.plots.grid import Sizes, panels
from revin_forecast.report.benchmark.plots.traces import line
from revin_forecast.report.benchmark.reading import Tables, backbones, shift_name, shifts_of
from revin_forecast.report.wording import tick

WORDS = (
    "P6",
    "Natural shift: error by decile",
    "Nothing is perturbed here. Real test windows are sorted by how far their look-back lies from "
    "the training part, in level (|window mean - train mean| / train sd) and in scale (log(window "
    "sd / train sd)), and cut into ten equal parts. MASE* (log scale, lower is better) with 95 % "
    "bands. Good: a flat line that starts low. For scale, the first deciles are calmer than the "
    "training part and the last ones wilder. In brackets: the median displacement of the decile.",
)


def natural_deciles(tables: Tables, looks: Looks) -> Plot:
    """Draw a panel for each measure and backbone."""
    frame = tables["natural"]
    frame = frame[frame["mase"].notna() & frame["backbone"].isin(backbones(tables))]
    if frame.empty:
        return Plot(*WORDS, missing="No real data set with natural deciles is in this suite.")
    shifts, models = shifts_of(frame.assign(arm="")), backbones(tables)
    parts = [
        (model, shift, own)
        for shift, _ in shifts
        for model in models
        if len(own := frame[(frame["shift"] == shift) & (frame["backbone"] == model)])
    ]
    titles = [f"{shift_name(shift, '')}, {model}" for model, shift, _ in parts]
    reach = log_axis(pd.concat([frame["mase"], frame["lo"], frame["hi"]]))
    figure = panels(
        titles,
        {"title": "decile of the look-back's displacement", "range": [-0.4, 11.4]},
        {"title": "MASE*, log scale", **reach},
        Sizes(columns=len(models), height=210, narrowest=200),
    )
    for number, (_, _, own) in enumerate(parts):
        for name, look in looks.items():
            points = own[own["normalizer"] == name].sort_values("decile")
            places = points["decile"] + 1
            if len(points):
                columns = (places, points["mase"], points["lo"], points["hi"])
                figure.add_traces(line(list(zip(*columns, strict=True)), name, look, number))
        sizes = own.groupby("decile")["displacement"].median()
        places = [1, 5, 10]
        ticks = [
            f"{place} ({tick(float(f'{sizes.get(place - 1, math.nan):.2g}'))})" for place in places
        ]
        nth = number + 1 if number else ""
        figure.layout[f"xaxis{nth}"].update(tickvals=places, ticktext=ticks)
    return Plot(*WORDS, figures={"": figure}, legend=legend_of(frame["normalizer"], looks))
