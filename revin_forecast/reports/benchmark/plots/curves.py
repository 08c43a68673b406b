"""P1a, P1b and P2: error by severity and by age of a shift, with a panel for each shift."""

import math

import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.input_tables import (
    Column,
    Frame,
    Tables,
    dataset_errors,
    error_curves,
    format_shift,
    list_backbone_names,
    list_dataset_names,
    list_shifts,
)
from revin_forecast.reports.benchmark.plots.panels import Axis, PanelSizes, log_axis, make_panels
from revin_forecast.reports.benchmark.plots.plot import Plot, build_legend
from revin_forecast.reports.benchmark.plots.traces import Point, line_with_band
from revin_forecast.reports.benchmark.style import Styles

NAIVE_BASELINE = "SeasonalNaive"
MAX_CHOICES = 18
"""Figures up to which every data set has its own; beyond, only the mean is drawn."""

BAND_CAPTION = (
    "Lines: geometric mean over the data sets that all normalizers finished, or, with 1/4 in a "
    "title, on 1 of 4; bands: 95 % moving-block bootstrap interval of log(E_s/E_0), data sets "
    "treated as independent."
)


def plot_process_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw the error by severity under steady process shift."""
    caption = (
        "Error of the forecast mapped back, MASE* (no unit, log scale, lower is better), against "
        "severity: 0 is the clean series, 1 to 5 increase the shift's own parameter (level: ¼, ½, "
        "1, 2, 4 training sd). The whole window and the truth are shifted. Good: a flat line that "
        "starts low; a flat but high line is a model that ignores its input. Above SeasonalNaive, "
        f"a model is useless. {BAND_CAPTION}"
    )
    return _plot_severity_curves(
        tables, styles, "steady", ("P1a", "Process shift: error by severity", caption)
    )


def plot_observation_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw the error by severity under observation corruption."""
    caption = (
        "The same for observation corruption: the look-back is corrupted, the truth stays clean. "
        "Good: a flat line that starts low. Expect the order of P1a to reverse for sensor offset "
        "and gain: a model that follows the level of the look-back follows the broken sensor. "
        f"{BAND_CAPTION}"
    )
    texts = ("P1b", "Observation corruption: error by severity", caption)
    return _plot_severity_curves(tables, styles, "observation", texts)


def _plot_severity_curves(
    tables: Tables, styles: Styles, placement: str, texts: tuple[str, str, str]
) -> Plot:
    errors = dataset_errors(tables["cells"])
    shifted = errors[(errors["placement"] == placement) & (errors["severity"] > 0)]
    clean = errors[errors["placement"] == "clean"].assign(severity=0.0)
    if shifted.empty:
        return Plot(*texts, missing_reason=f"No cell of placement {placement} was finished.")
    datasets, backbones = list_dataset_names(tables), list_backbone_names(tables)
    # None is the mean over data sets.
    choices = [None, *datasets] if len(datasets) > 1 else [None]
    if len(choices) * len(backbones) > MAX_CHOICES:
        choices = [None]
    figures = {}
    for backbone in backbones:
        for dataset in choices:
            rows = (_select_errors(errors, backbone, dataset) for errors in (shifted, clean))
            figure = _severity_figure(*rows, styles=styles)
            if figure is not None:
                figures[f"{backbone}, {dataset or 'mean over data sets'}"] = figure
    names = [*shifted.loc[shifted["role"] == "model", "line"], NAIVE_BASELINE]
    return Plot(
        *texts, figures=figures, choice_label="Backbone, data", legend=build_legend(names, styles)
    )


def _select_errors(errors: Frame, backbone: str, dataset: str | None) -> Frame:
    is_model = (errors["role"] == "model") & (errors["backbone"] == backbone)
    # The naive baseline is drawn in the figure of every backbone.
    rows = errors[is_model | (errors["line"] == NAIVE_BASELINE)]
    return rows if dataset is None else rows[rows["dataset"] == dataset]


def _severity_figure(shifted: Frame, clean: Frame, styles: Styles) -> Figure | None:
    points = error_curves(shifted, clean, "severity")
    if points.empty:
        return None
    x_axis = {
        "title": "severity (0: clean)",
        "range": [-0.3, 5.3],
        "tickvals": [0, 1, 2, 3, 4, 5],
    }
    return make_curve_panels(points, "severity", x_axis, styles)


def make_curve_panels(
    points: Frame, column: str, x_axis: Axis, styles: Styles, isolated_from: float = math.inf
) -> Figure:
    """Draw the result of `error_curves`, with a panel for each shift.

    Args:
        points: columns shift, arm, line, `column`, mase, lo, hi, data_sets.
        column: name of the column along the curve.
        x_axis: the horizontal axis.
        styles: styles of the lines.
        isolated_from: position from which points are not connected to the line before.
    """
    shifts = list_shifts(points)
    y_axis = log_axis(pd.concat([points["mase"], points["lo"], points["hi"]]))
    counts = points.groupby(["shift", "arm"])["data_sets"].max().to_dict()
    total = max(counts.values())
    titles = [format_shift(*shift) + _dataset_share_text(counts[shift], total) for shift in shifts]
    figure = make_panels(titles, x_axis, {"title": "MASE*, log scale", **y_axis}, PanelSizes())
    # Points grouped once for all panels and lines.
    lines: dict[tuple[str, str, str], list[Point]] = {}
    columns = ["shift", "arm", "line", column, "mase", "lo", "hi"]
    for shift, arm, name, *point in points[columns].itertuples(index=False):
        lines.setdefault((shift, arm, name), []).append(tuple(point))
    traces = []
    for number, shift in enumerate(shifts):
        for name, style in styles.items():
            line = lines.get((*shift, name), [])
            for connected in (
                [point for point in line if point[0] < isolated_from],
                [point for point in line if point[0] >= isolated_from],
            ):
                if connected:
                    traces += line_with_band(connected, name, style, number)
    figure.add_traces(traces)
    return figure


def _dataset_share_text(count: int, total: int) -> str:
    return "" if count == total else f" {count}/{total}"


RECOVERY_TEXT = (
    "P2",
    "Recovery: error by the age of a shift",
    "MASE* (log scale, lower is better) against age k: the shift began k steps before the "
    "forecast, k given as a part of the look-back L. k = 0 is a control: the onset is at the "
    "boundary, no model can predict it, and all should be about equally bad; a model that is far "
    "better there sees the future. The separate point is the clean series. Good: a curve that "
    "falls early to its clean point. Theory for a jump of the level: RevIN recovers along a ramp "
    "1 - k/L, a median in a step near L/2, LastValue at once if the backbone adds nothing to the "
    "last steps, otherwise like RevIN; without a normalizer a model may never recover. Trend and "
    "random walk keep growing, so their curves may rise. " + BAND_CAPTION,
)
CLEAN_POSITION = 1.25
"""Position of the clean series on an axis whose values end at 1, the whole look-back."""


def plot_recovery_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel for each shift, and a figure for each backbone and severity."""
    errors = dataset_errors(tables["cells"])
    has_onset = errors["placement"].isin(("transition", "horizon"))
    rows = errors[has_onset & (errors["age"] >= 0) & (errors["severity"] > 0)]
    if rows.empty:
        return Plot(
            *RECOVERY_TEXT, missing_reason="No cell with an onset inside the window was finished."
        )
    # As parts of the look-back, ages are comparable between data sets.
    rows = rows.assign(part=rows["age"] / rows["dataset"].map(_lookbacks(tables, rows)))
    clean = errors[errors["placement"] == "clean"].assign(part=CLEAN_POSITION)
    figures = {}
    for backbone in list_backbone_names(tables):
        model_rows = rows[(rows["backbone"] == backbone) | (rows["line"] == NAIVE_BASELINE)]
        clean_rows = clean[(clean["backbone"] == backbone) | (clean["line"] == NAIVE_BASELINE)]
        for severity in sorted(model_rows["severity"].unique(), reverse=True):
            severity_rows = model_rows[model_rows["severity"] == severity]
            figure = _recovery_figure(severity_rows, clean_rows, styles)
            if figure is not None:
                figures[f"{backbone}, severity {severity:.0f}"] = figure
    names = [*rows.loc[rows["role"] == "model", "line"], NAIVE_BASELINE]
    legend = build_legend(names, styles)
    return Plot(*RECOVERY_TEXT, figures=figures, choice_label="Backbone, severity", legend=legend)


def _lookbacks(tables: Tables, rows: Frame) -> Column:
    """Return the look-back of each data set; the highest age replaces a missing one."""
    lookbacks = tables["runs"].groupby("dataset")["lookback"].max()
    return lookbacks.reindex(rows["dataset"].unique()).fillna(rows.groupby("dataset")["age"].max())


def _recovery_figure(rows: Frame, clean: Frame, styles: Styles) -> Figure | None:
    points = error_curves(rows, clean, "part")
    if points.empty:
        return None
    x_axis = {
        "title": "age k of the shift, parts of the look-back L",
        "range": [-0.05, CLEAN_POSITION + 0.12],
        "tickvals": [0, 0.5, 1, CLEAN_POSITION],
        "ticktext": ["0", "L/2", "L", "clean"],
    }
    return make_curve_panels(points, "part", x_axis, styles, CLEAN_POSITION)
