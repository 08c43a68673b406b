"""P4: clean against shifted error of every model, one panel a placement."""

from collections.abc import Sequence

import pandas as pd
from plotly.graph_objects import Figure

from revin_forecast.report.benchmark.looks import GREY, Look, Looks, openness
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, legend_of, rounded
from revin_forecast.report.benchmark.plots.grid import Sizes, axes, panels
from revin_forecast.report.benchmark.plots.traces import guide, spread
from revin_forecast.report.benchmark.reading import SCORED_COLUMNS, Frame, Tables, backbones
from revin_forecast.report.wording import label

WORDS = (
    "P4",
    "Clean against shifted error",
    "One point a model, MASE* with 95 % intervals, both axes logarithmic; the dotted line is y = "
    "x, no degradation. Good: low and to the left, on the line. A point on the line but far to "
    "the right is robust because it is bad everywhere: distance from the line alone ranks "
    "nothing. Grey: reference models. Open or dotted symbols: further backbones.",
)


def clean_against_shifted(tables: Tables, looks: Looks) -> Plot:
    """Draw the headline as points."""
    frame = tables["headline"]
    frame = frame[frame["mase"] > 0]
    clean = frame[frame["column"] == "clean"].set_index(["backbone", "normalizer", "role"])
    columns = [c for c in SCORED_COLUMNS[1:] if (frame["column"] == c).any()]
    if clean.empty or not columns:
        return Plot(*WORDS, missing="The headline has no clean and shifted errors to compare.")
    models = backbones(tables)
    chosen = frame[frame["column"].isin(columns)]
    reach = pd.concat([chosen["mase"], chosen["lo"], chosen["hi"], clean["lo"]])
    calm = pd.concat([clean["mase"], clean["lo"], clean["hi"]])
    figure = panels(
        columns,
        {
            "title": "clean MASE*, log scale",
            **log_axis(calm),
        },
        {"title": "shifted MASE*, log scale", **log_axis(reach)},
        Sizes(columns=3, height=280, narrowest=200),
    )
    known = ["mase", "lo", "hi"]
    for number, column in enumerate(columns):
        own = frame[frame["column"] == column].set_index(clean.index.names)
        joined = own[known].join(clean[known].add_suffix("_clean"), how="inner").reset_index()
        _draw_panel(figure, joined, number, models, looks)
    for number in range(len(columns)):
        figure.add_trace(guide((1e-9, 1e9), (1e-9, 1e9), number))
    names = frame["normalizer"].where(frame["role"] == "model", frame["backbone"])
    legend = {**legend_of(names, looks), **backbone_legend(models)}
    return Plot(*WORDS, figures={"": figure}, legend=legend)


def backbone_legend(models: Sequence[str]) -> dict[str, Look]:
    """Return a key for the symbols of backbones, where there are several."""
    if len(models) < 2:
        return {}
    return {m: Look(GREY, "", f"circle{openness(i)}") for i, m in enumerate(models)}


def _draw_panel(
    figure: Figure, rows: Frame, panel: int, models: Sequence[str], looks: Looks
) -> None:
    for (backbone, normalizer, role), own in rows.groupby(["backbone", "normalizer", "role"]):
        is_model = role == "model"
        name = str(normalizer if is_model else backbone)
        look = looks[name]
        extra = openness(models.index(str(backbone))) if is_model else ""
        figure.add_trace(
            {
                "type": "scatter",
                "x": rounded(own["mase_clean"]),
                "y": rounded(own["mase"]),
                "error_x": spread(
                    own["mase_clean"], own["lo_clean"], own["hi_clean"], look.faded(0.6)
                ),
                "error_y": spread(own["mase"], own["lo"], own["hi"], look.faded(0.6)),
                "mode": "markers",
                "marker": {"color": look.colour, "symbol": look.symbol + extra, "size": 10},
                "meta": [name, str(backbone)],
                "name": f"{label(str(normalizer))} on {label(str(backbone))}"
                if is_model
                else label(name),
                "hovertemplate": "clean %{x:.3g}, shifted %{y:.3g}",
                **axes(panel),
            }
        )
