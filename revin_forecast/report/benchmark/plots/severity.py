"""P1: error against severity, a panel a shift; process and observation never in one figure."""

import math

import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.averages import error_curves, dataset_errors
from revin_forecast.report.benchmark.looks import Styles
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, build_legend
from revin_forecast.report.benchmark.plots.grid import Axis, PanelSizes, make_panels
from revin_forecast.report.benchmark.plots.traces import Point, line_with_band
from revin_forecast.report.benchmark.reading import (
    Frame,
    Tables,
    list_backbone_names,
    list_dataset_names,
    format_shift,
    list_shifts,
)

NAIVE_BASELINE = "SeasonalNaive"
MAX_CHOICES = 18

BAND_CAPTION = (
    "Lines: geometric mean over the data sets that all normalizers finished, or, with 1/4 in a "
    "title, on 1 of 4; bands: 95 % moving-block bootstrap interval of log(E_s/E_0), data sets "
    "taken for independent."
)


def plot_process_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw the steady process shifts."""
    caption = (
        "Error of the pulled-back forecast, MASE* (no unit, log scale, lower is better), against "
        "severity: 0 is the clean series, 1 to 5 grow as the shift's own knob does (for a level "
        "¼, ½, 1, 2, 4 training sd). The whole window and the truth are shifted. Good: a flat "
        "line that starts low; flat but high is a forecaster that ignores its input. Above "
        f"SeasonalNaive a model is of no use. {BAND_CAPTION}"
    )
    return _plot_severity_curves(tables, styles, "steady", ("P1a", "Process shift: error by severity", caption))


def plot_observation_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw the corruptions of the look-back."""
    caption = (
        "The same for observation corruption: the look-back is corrupted, the truth stays clean. "
        "Good: a flat line that starts low. Expect the order of P1a to turn round for sensor "
        "offset and gain: who follows the level of the look-back follows the broken sensor. "
        f"{BAND_CAPTION}"
    )
    words = ("P1b", "Observation corruption: error by severity", caption)
    return _plot_severity_curves(tables, styles, "observation", words)


def _plot_severity_curves(tables: Tables, styles: Styles, placement: str, words: tuple[str, str, str]) -> Plot:
    errors = dataset_errors(tables["cells"])
    shifted = errors[(errors["placement"] == placement) & (errors["severity"] > 0)]
    clean = errors[errors["placement"] == "clean"].assign(severity=0.0)
    if shifted.empty:
        return Plot(*words, missing_reason=f"No cell of placement {placement} was finished.")
    shown_data, models = list_dataset_names(tables), list_backbone_names(tables)
    parts = [None, *shown_data] if len(shown_data) > 1 else [None]
    if len(parts) * len(models) > MAX_CHOICES:
        parts = [None]
    figures = {}
    for model in models:
        for part in parts:
            rows = (_select_errors(errors, model, part) for errors in (shifted, clean))
            figure = _severity_figure(*rows, styles=styles)
            if figure is not None:
                figures[f"{model}, {part or 'mean over data sets'}"] = figure
    names = [*shifted.loc[shifted["role"] == "model", "line"], NAIVE_BASELINE]
    return Plot(*words, figures=figures, choice_label="Backbone, data", legend=build_legend(names, styles))


def _select_errors(errors: Frame, backbone: str, data_set: str | None) -> Frame:
    model = (errors["role"] == "model") & (errors["backbone"] == backbone)
    rows = errors[model | (errors["line"] == NAIVE_BASELINE)]
    return rows if data_set is None else rows[rows["dataset"] == data_set]


def _severity_figure(shifted: Frame, clean: Frame, styles: Styles) -> Figure | None:
    points = error_curves(shifted, clean, "severity")
    if points.empty:
        return None
    across = {
        "title": "severity (0: clean)",
        "range": [-0.3, 5.3],
        "tickvals": [0, 1, 2, 3, 4, 5],
    }
    return make_curve_panels(points, "severity", across, styles)


def make_curve_panels(
    points: Frame, column: str, x_axis: Axis, styles: Styles, isolated_from: float = math.inf
) -> Figure:
    """Draw the result of `curves`, a panel a shift.

    Args:
        points: columns shift, arm, line, `column`, mase, lo, hi.
        column: along the curve.
        across: its axis.
        looks: of the lines.
        apart: where a point stands that no line reaches.
    """
    shifts = list_shifts(points)
    reach = log_axis(pd.concat([points["mase"], points["lo"], points["hi"]]))
    counts = points.groupby(["shift", "arm"])["data_sets"].max().to_dict()
    total = max(counts.values())
    titles = [format_shift(*shift) + _dataset_share_text(counts[shift], total) for shift in shifts]
    figure = make_panels(titles, x_axis, {"title": "MASE*, log scale", **reach}, PanelSizes())
    lines: dict[tuple[str, str, str], list[Point]] = {}
    columns = ["shift", "arm", "line", column, "mase", "lo", "hi"]
    for shift, arm, name, *point in points[columns].itertuples(index=False):
        lines.setdefault((shift, arm, name), []).append(tuple(point))
    traces = []
    for number, shift in enumerate(shifts):
        for name, look in styles.items():
            own = lines.get((*shift, name), [])
            for piece in ([p for p in own if p[0] < isolated_from], [p for p in own if p[0] >= isolated_from]):
                if piece:
                    traces += line_with_band(piece, name, look, number)
    figure.add_traces(traces)
    return figure


def _dataset_share_text(count: int, total: int) -> str:
    return "" if count == total else f" {count}/{total}"
