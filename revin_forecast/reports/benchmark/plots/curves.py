"""P1: error against severity, a panel a shift; process and observation never in one figure."""

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
from revin_forecast.reports.benchmark.plots.base import Plot, build_legend
from revin_forecast.reports.benchmark.plots.panels import Axis, PanelSizes, log_axis, make_panels
from revin_forecast.reports.benchmark.plots.traces import Point, line_with_band
from revin_forecast.reports.benchmark.style import Styles

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
    return _plot_severity_curves(
        tables, styles, "steady", ("P1a", "Process shift: error by severity", caption)
    )


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


def _plot_severity_curves(
    tables: Tables, styles: Styles, placement: str, words: tuple[str, str, str]
) -> Plot:
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
    return Plot(
        *words, figures=figures, choice_label="Backbone, data", legend=build_legend(names, styles)
    )


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
        x_axis: its axis.
        styles: of the lines.
        isolated_from: where a point stands that no line reaches.
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
            for piece in (
                [p for p in own if p[0] < isolated_from],
                [p for p in own if p[0] >= isolated_from],
            ):
                if piece:
                    traces += line_with_band(piece, name, look, number)
    figure.add_traces(traces)
    return figure


def _dataset_share_text(count: int, total: int) -> str:
    return "" if count == total else f" {count}/{total}"


RECOVERY_TEXT = (
    "P2",
    "Recovery: error by the age of a shift",
    "MASE* (log scale, lower is better) against age k: the shift began k steps before the "
    "forecast, k given as a part of the look-back L. k = 0 is a control: the onset is at the "
    "boundary, no forecaster can know of it, and all should be about equally bad; who is far "
    "better there sees the future. The point apart is the clean series. Good: a curve that falls "
    "early to its clean point. Theory for a jump of the level: RevIN recovers along a ramp 1 - "
    "k/L, a median in a step near L/2, LastValue at once if the backbone adds nothing to the last "
    "steps, else like RevIN; without a normalizer it may never. Trend and random walk go on "
    "growing, and their curves may "
    "rise. " + BAND_CAPTION,
)
CLEAN_POSITION = 1.25
"""Where the clean series stands on an axis that ends at the whole look-back, 1."""


def plot_recovery_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel a shift; choose backbone and severity."""
    errors = dataset_errors(tables["cells"])
    onset = errors["placement"].isin(("transition", "horizon"))
    rows = errors[onset & (errors["age"] >= 0) & (errors["severity"] > 0)]
    if rows.empty:
        return Plot(
            *RECOVERY_TEXT, missing_reason="No cell with an onset inside the window was finished."
        )
    rows = rows.assign(part=rows["age"] / rows["dataset"].map(_lookbacks(tables, rows)))
    clean = errors[errors["placement"] == "clean"].assign(part=CLEAN_POSITION)
    figures = {}
    for model in list_backbone_names(tables):
        own = (rows["backbone"] == model) | (rows["line"] == NAIVE_BASELINE)
        calm = clean[(clean["backbone"] == model) | (clean["line"] == NAIVE_BASELINE)]
        for severity in sorted(rows.loc[own, "severity"].unique(), reverse=True):
            figure = _recovery_figure(rows[own & (rows["severity"] == severity)], calm, styles)
            if figure is not None:
                figures[f"{model}, severity {severity:.0f}"] = figure
    names = [*rows.loc[rows["role"] == "model", "line"], NAIVE_BASELINE]
    legend = build_legend(names, styles)
    return Plot(*RECOVERY_TEXT, figures=figures, choice_label="Backbone, severity", legend=legend)


def _lookbacks(tables: Tables, rows: Frame) -> Column:
    """Return a data set's look-back; where runs don't say, the highest age is all of it."""
    known = tables["runs"].groupby("dataset")["lookback"].max()
    return known.reindex(rows["dataset"].unique()).fillna(rows.groupby("dataset")["age"].max())


def _recovery_figure(rows: Frame, clean: Frame, styles: Styles) -> Figure | None:
    points = error_curves(rows, clean, "part")
    if points.empty:
        return None
    across = {
        "title": "age k of the shift, parts of the look-back L",
        "range": [-0.05, CLEAN_POSITION + 0.12],
        "tickvals": [0, 0.5, 1, CLEAN_POSITION],
        "ticktext": ["0", "L/2", "L", "clean"],
    }
    return make_curve_panels(points, "part", across, styles, CLEAN_POSITION)
