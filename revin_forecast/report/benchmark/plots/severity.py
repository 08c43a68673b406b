"""P1: error against severity, a panel a shift; process and observation never in one figure."""

import math

import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.averages import curves, data_set_errors
from revin_forecast.report.benchmark.looks import Looks
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, legend_of
from revin_forecast.report.benchmark.plots.grid import Axis, Sizes, panels
from revin_forecast.report.benchmark.plots.traces import Point, line
from revin_forecast.report.benchmark.reading import (
    Frame,
    Tables,
    backbones,
    data_sets,
    shift_name,
    shifts_of,
)

REFERENCE = "SeasonalNaive"
MOST_CHOICES = 18

BAND = (
    "Lines: geometric mean over the data sets that all normalizers finished, or, with 1/4 in a "
    "title, on 1 of 4; bands: 95 % moving-block bootstrap interval of log(E_s/E_0), data sets "
    "taken for independent."
)


def process_curves(tables: Tables, looks: Looks) -> Plot:
    """Draw the steady process shifts."""
    caption = (
        "Error of the pulled-back forecast, MASE* (no unit, log scale, lower is better), against "
        "severity: 0 is the clean series, 1 to 5 grow as the shift's own knob does (for a level "
        "¼, ½, 1, 2, 4 training sd). The whole window and the truth are shifted. Good: a flat "
        "line that starts low; flat but high is a forecaster that ignores its input. Above "
        f"SeasonalNaive a model is of no use. {BAND}"
    )
    return _curves(tables, looks, "steady", ("P1a", "Process shift: error by severity", caption))


def observation_curves(tables: Tables, looks: Looks) -> Plot:
    """Draw the corruptions of the look-back."""
    caption = (
        "The same for observation corruption: the look-back is corrupted, the truth stays clean. "
        "Good: a flat line that starts low. Expect the order of P1a to turn round for sensor "
        "offset and gain: who follows the level of the look-back follows the broken sensor. "
        f"{BAND}"
    )
    words = ("P1b", "Observation corruption: error by severity", caption)
    return _curves(tables, looks, "observation", words)


def _curves(tables: Tables, looks: Looks, placement: str, words: tuple[str, str, str]) -> Plot:
    errors = data_set_errors(tables["cells"])
    shifted = errors[(errors["placement"] == placement) & (errors["severity"] > 0)]
    clean = errors[errors["placement"] == "clean"].assign(severity=0.0)
    if shifted.empty:
        return Plot(*words, missing=f"No cell of placement {placement} was finished.")
    shown_data, models = data_sets(tables), backbones(tables)
    parts = [None, *shown_data] if len(shown_data) > 1 else [None]
    if len(parts) * len(models) > MOST_CHOICES:
        parts = [None]
    figures = {}
    for model in models:
        for part in parts:
            rows = (_chosen(errors, model, part) for errors in (shifted, clean))
            figure = _figure(*rows, looks=looks)
            if figure is not None:
                figures[f"{model}, {part or 'mean over data sets'}"] = figure
    names = [*shifted.loc[shifted["role"] == "model", "line"], REFERENCE]
    return Plot(*words, figures=figures, choice="Backbone, data", legend=legend_of(names, looks))


def _chosen(errors: Frame, backbone: str, data_set: str | None) -> Frame:
    model = (errors["role"] == "model") & (errors["backbone"] == backbone)
    rows = errors[model | (errors["line"] == REFERENCE)]
    return rows if data_set is None else rows[rows["dataset"] == data_set]


def _figure(shifted: Frame, clean: Frame, looks: Looks) -> Figure | None:
    points = curves(shifted, clean, "severity")
    if points.empty:
        return None
    across = {
        "title": "severity (0: clean)",
        "range": [-0.3, 5.3],
        "tickvals": [0, 1, 2, 3, 4, 5],
    }
    return curve_panels(points, "severity", across, looks)


def curve_panels(
    points: Frame, column: str, across: Axis, looks: Looks, apart: float = math.inf
) -> Figure:
    """Draw the result of `curves`, a panel a shift.

    Args:
        points: columns shift, arm, line, `column`, mase, lo, hi.
        column: along the curve.
        across: its axis.
        looks: of the lines.
        apart: where a point stands that no line reaches.
    """
    shifts = shifts_of(points)
    reach = log_axis(pd.concat([points["mase"], points["lo"], points["hi"]]))
    counts = points.groupby(["shift", "arm"])["data_sets"].max().to_dict()
    total = max(counts.values())
    titles = [shift_name(*shift) + _share(counts[shift], total) for shift in shifts]
    figure = panels(titles, across, {"title": "MASE*, log scale", **reach}, Sizes())
    lines: dict[tuple[str, str, str], list[Point]] = {}
    columns = ["shift", "arm", "line", column, "mase", "lo", "hi"]
    for shift, arm, name, *point in points[columns].itertuples(index=False):
        lines.setdefault((shift, arm, name), []).append(tuple(point))
    traces = []
    for number, shift in enumerate(shifts):
        for name, look in looks.items():
            own = lines.get((*shift, name), [])
            for piece in ([p for p in own if p[0] < apart], [p for p in own if p[0] >= apart]):
                if piece:
                    traces += line(piece, name, look, number)
    figure.add_traces(traces)
    return figure


def _share(count: int, total: int) -> str:
    return "" if count == total else f" {count}/{total}"
