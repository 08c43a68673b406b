"""P4: clean against shifted error of every model, one panel a placement."""

from collections.abc import Sequence

import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.looks import GREY, Style, Styles, marker_fill
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, build_legend, round_values
from revin_forecast.report.benchmark.plots.grid import PanelSizes, axis_names, make_panels
from revin_forecast.report.benchmark.plots.traces import reference_line, error_bars
from revin_forecast.report.benchmark.reading import LEADERBOARD_COLUMNS, Frame, Tables, list_backbone_names
from revin_forecast.report.wording import format_label

ROBUSTNESS_TEXT = (
    "P4",
    "Clean against shifted error",
    "One point a model, MASE* with 95 % intervals, both axes logarithmic; the dotted line is y = "
    "x, no degradation. Good: low and to the left, on the line. A point on the line but far to "
    "the right is robust because it is bad everywhere: distance from the line alone ranks "
    "nothing. Grey: reference models. Open or dotted symbols: further backbones.",
)


def plot_robustness(tables: Tables, styles: Styles) -> Plot:
    """Draw the headline as points."""
    frame = tables["headline"]
    frame = frame[frame["mase"] > 0]
    clean = frame[frame["column"] == "clean"].set_index(["backbone", "normalizer", "role"])
    columns = [c for c in LEADERBOARD_COLUMNS[1:] if (frame["column"] == c).any()]
    if clean.empty or not columns:
        return Plot(*ROBUSTNESS_TEXT, missing_reason="The headline has no clean and shifted errors to compare.")
    models = list_backbone_names(tables)
    chosen = frame[frame["column"].isin(columns)]
    reach = pd.concat([chosen["mase"], chosen["lo"], chosen["hi"], clean["lo"]])
    calm = pd.concat([clean["mase"], clean["lo"], clean["hi"]])
    figure = make_panels(
        columns,
        {
            "title": "clean MASE*, log scale",
            **log_axis(calm),
        },
        {"title": "shifted MASE*, log scale", **log_axis(reach)},
        PanelSizes(max_columns=3, height=280, min_width=200),
    )
    known = ["mase", "lo", "hi"]
    for number, column in enumerate(columns):
        own = frame[frame["column"] == column].set_index(clean.index.names)
        joined = own[known].join(clean[known].add_suffix("_clean"), how="inner").reset_index()
        _draw_robustness_panel(figure, joined, number, models, styles)
    for number in range(len(columns)):
        figure.add_trace(reference_line((1e-9, 1e9), (1e-9, 1e9), number))
    names = frame["normalizer"].where(frame["role"] == "model", frame["backbone"])
    legend = {**build_legend(names, styles), **build_backbone_legend(models)}
    return Plot(*ROBUSTNESS_TEXT, figures={"": figure}, legend=legend)


def build_backbone_legend(models: Sequence[str]) -> dict[str, Style]:
    """Return a key for the symbols of backbones, where there are several."""
    if len(models) < 2:
        return {}
    return {m: Style(GREY, "", f"circle{marker_fill(i)}") for i, m in enumerate(models)}


def _draw_robustness_panel(
    figure: Figure, rows: Frame, panel: int, models: Sequence[str], styles: Styles
) -> None:
    for (backbone, normalizer, role), own in rows.groupby(["backbone", "normalizer", "role"]):
        is_model = role == "model"
        name = str(normalizer if is_model else backbone)
        look = styles[name]
        extra = marker_fill(models.index(str(backbone))) if is_model else ""
        figure.add_trace(
            {
                "type": "scatter",
                "x": round_values(own["mase_clean"]),
                "y": round_values(own["mase"]),
                "error_x": error_bars(
                    own["mase_clean"], own["lo_clean"], own["hi_clean"], look.to_rgba(0.6)
                ),
                "error_y": error_bars(own["mase"], own["lo"], own["hi"], look.to_rgba(0.6)),
                "mode": "markers",
                "marker": {"color": look.colour, "symbol": look.symbol + extra, "size": 10},
                "meta": [name, str(backbone)],
                "name": f"{format_label(str(normalizer))} on {format_label(str(backbone))}"
                if is_model
                else format_label(name),
                "hovertemplate": "clean %{x:.3g}, shifted %{y:.3g}",
                **axis_names(panel),
            }
        )
