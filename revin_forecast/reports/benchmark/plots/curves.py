"""P1a, P1b and P2: error by severity and by age of a shift, with a panel for each shift."""

import math

import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.reports.benchmark.cell_summaries import CLEAN_POSITION, read_summary
from revin_forecast.reports.benchmark.input_tables import Frame, Tables, format_shift, list_shifts
from revin_forecast.reports.benchmark.plots.panels import Axis, PanelSizes, log_axis, make_panels
from revin_forecast.reports.benchmark.plots.plot import Plot, build_legend
from revin_forecast.reports.benchmark.plots.traces import Point, line_with_band
from revin_forecast.reports.benchmark.style import Styles

SEVERITY_AXIS: Axis = {
    "title": "severity (0: clean)",
    "range": [-0.3, 5.3],
    "tickvals": [0, 1, 2, 3, 4, 5],
}
AGE_AXIS: Axis = {
    "title": "age k of the shift, parts of the look-back L",
    "range": [-0.05, CLEAN_POSITION + 0.12],
    "tickvals": [0, 0.5, 1, CLEAN_POSITION],
    "ticktext": ["0", "L/2", "L", "clean"],
}

BAND_CAPTION = (
    "Lines are geometric means over the data sets that all normalizers finished, or on 1 of 4 "
    "where a title says 1/4. Bands are 95 % intervals."
)


def plot_process_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw the error by severity under steady process shift."""
    caption = (
        "Error (MASE*, log scale, lower is better) against the size of the shift: severity 0 is "
        "the clean series, 5 the largest shift (level: ¼, ½, 1, 2, 4 training sd). Past and truth "
        "are both shifted. Good: a flat line that starts low. A flat but high line is a model that "
        f"ignores its input. Above SeasonalNaive a model is of no use. {BAND_CAPTION}"
    )
    return _plot_severity_curves(
        tables, styles, "steady", ("P1a", "Process shift: error by severity", caption)
    )


def plot_observation_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw the error by severity under observation corruption."""
    caption = (
        "The same where only the observation is wrong: the past is corrupted, the truth is not. "
        "Good: a flat line that starts low. Expect the reverse order of figure P1a for sensor "
        "offset and gain: a model that follows the level of its window follows the broken sensor. "
        f"{BAND_CAPTION}"
    )
    texts = ("P1b", "Observation corruption: error by severity", caption)
    return _plot_severity_curves(tables, styles, "observation", texts)


def _plot_severity_curves(
    tables: Tables, styles: Styles, placement: str, texts: tuple[str, str, str]
) -> Plot:
    curves = read_summary(tables, "curves")
    curves = curves[curves["kind"] == placement]
    if curves.empty:
        return Plot(*texts, missing_reason=f"No cell of placement {placement} was finished.")
    figures = {
        f"{backbone}, {dataset or 'mean over data sets'}": make_curve_panels(
            points, SEVERITY_AXIS, styles
        )
        for (backbone, dataset), points in curves.groupby(["backbone", "dataset"], sort=False)
    }
    legend = build_legend(curves["line"], styles)
    return Plot(*texts, figures=figures, choice_label="Backbone, data", legend=legend)


def make_curve_panels(
    points: Frame, x_axis: Axis, styles: Styles, isolated_from: float = math.inf
) -> Figure:
    """Draw rows of the summary `curves`, with a panel for each shift.

    Args:
        points: columns shift, arm, line, position, mase, lo, hi, data_sets.
        x_axis: the horizontal axis.
        styles: styles of the lines.
        isolated_from: position from which points are not connected to the line before.
    """
    shifts = list_shifts(points)
    y_axis = log_axis(pd.concat([points["mase"], points["lo"], points["hi"]]))
    counts = points.groupby(["shift", "arm"])["data_sets"].max().astype(int).to_dict()
    total = max(counts.values())
    titles = [format_shift(*shift) + _dataset_share_text(counts[shift], total) for shift in shifts]
    figure = make_panels(titles, x_axis, {"title": "MASE*, log scale", **y_axis}, PanelSizes())
    # Points grouped once for all panels and lines.
    lines: dict[tuple[str, str, str], list[Point]] = {}
    columns = ["shift", "arm", "line", "position", "mase", "lo", "hi"]
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
    "Error (MASE*, log scale, lower is better) against the age of a shift, which is the number of "
    "steps since it began, as a part of the look-back L. At age 0 the shift begins with the "
    "forecast: no model can know of it, so all should be about equally bad. The separate point is "
    "the clean series. Good: a curve that falls early to its clean point. For a jump of the level "
    "the theory expects a ramp with RevIN, a step near L/2 with a median, and recovery at once "
    "with LastValue; without a normalizer a model may never recover. Trend and random walk go on "
    "growing, so their curves may rise. " + BAND_CAPTION,
)


def plot_recovery_curves(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel for each shift, and a figure for each backbone and severity."""
    curves = read_summary(tables, "curves")
    curves = curves[curves["kind"] == "onset"]
    if curves.empty:
        return Plot(
            *RECOVERY_TEXT, missing_reason="No cell with an onset inside the window was finished."
        )
    figures = {
        f"{backbone}, severity {severity:.0f}": make_curve_panels(
            points, AGE_AXIS, styles, CLEAN_POSITION
        )
        for (backbone, severity), points in curves.groupby(["backbone", "severity"], sort=False)
    }
    legend = build_legend(curves["line"], styles)
    return Plot(*RECOVERY_TEXT, figures=figures, choice_label="Backbone, severity", legend=legend)
