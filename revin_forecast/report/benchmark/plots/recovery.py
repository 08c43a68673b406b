"""P2: error against the age of a shift, as its onset moves from the boundary into the past."""

from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.averages import error_curves, dataset_errors
from revin_forecast.report.benchmark.looks import Styles
from revin_forecast.report.benchmark.plots.base import Plot, build_legend
from revin_forecast.report.benchmark.plots.severity import BAND_CAPTION, NAIVE_BASELINE, make_curve_panels
from revin_forecast.report.benchmark.reading import Column, Frame, Tables, list_backbone_names

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
        return Plot(*RECOVERY_TEXT, missing_reason="No cell with an onset inside the window was finished.")
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
