"""P10: what a normalizer's gain costs in seconds."""

import numpy as np

from revin_forecast.report.benchmark.looks import Styles, marker_fill
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, build_legend, round_values
from revin_forecast.report.benchmark.plots.grid import PanelSizes, axis_names, make_panels
from revin_forecast.report.benchmark.plots.heat_map import BLOCK_TITLES
from revin_forecast.report.benchmark.plots.scatter import build_backbone_legend
from revin_forecast.report.benchmark.plots.traces import reference_line
from revin_forecast.report.benchmark.reading import PLACEMENT_ORDER, Tables, list_backbone_names
from revin_forecast.report.wording import format_label

COST_TEXT = (
    "P10",
    "Cost against mCE",
    "Seconds of training and evaluation of one model (geometric mean over data sets and seeds, "
    "log scale) against mCE, the geometric mean of nCE over shifts (log scale; below 1, the "
    "dotted line, less error than the twin without a normalizer). Good: low and to the left. Open "
    "or dotted symbols: further backbones. Seconds depend on the machine and are no part of any "
    "ranking.",
)


def plot_cost(tables: Tables, styles: Styles) -> Plot:
    """Draw a panel a semantics and placement."""
    costs = tables["runs"].merge(tables["costs"], on="run_key")
    costs = costs.assign(seconds=costs["train_s"].fillna(0) + costs["eval_s"].fillna(0))
    costs = costs[(costs["seconds"] > 0) & (costs["status"] == "done")]
    costs = costs.assign(seconds=np.log(costs["seconds"]))
    means = np.exp(costs.groupby(["backbone", "normalizer"])["seconds"].mean())
    frame = tables["mce"].merge(means.reset_index(), on=["backbone", "normalizer"])
    models = list_backbone_names(tables)
    frame = frame[frame["mce"].gt(0) & frame["backbone"].isin(models)]
    if frame.empty:
        return Plot(*COST_TEXT, missing_reason="No model has both its seconds and an mCE.")
    places = {(str(s), str(p)) for s, p in zip(frame["semantics"], frame["placement"], strict=True)}
    blocks = sorted(
        places, key=lambda block: PLACEMENT_ORDER.index(block[1]) if block[1] in PLACEMENT_ORDER else 9
    )
    titles = [BLOCK_TITLES.get(block, ", ".join(block)) for block in blocks]
    figure = make_panels(
        titles,
        {"title": "seconds a model, log scale", **log_axis(frame["seconds"], max_ticks=5)},
        {"title": "mCE, log scale", **log_axis([*frame["mce"], 1.0])},
        PanelSizes(max_columns=2, height=220, min_width=300),
    )
    for number, block in enumerate(blocks):
        own = frame[(frame["semantics"] == block[0]) & (frame["placement"] == block[1])]
        figure.add_trace(reference_line((1e-9, 1e9), (1.0, 1.0), number))
        for _, row in own.iterrows():
            look = styles[row["normalizer"]]
            extra = marker_fill(models.index(row["backbone"]))
            figure.add_trace(
                {
                    "type": "scatter",
                    "x": round_values([row["seconds"]]),
                    "y": round_values([row["mce"]]),
                    "mode": "markers",
                    "marker": {"color": look.colour, "symbol": look.symbol + extra, "size": 10},
                    "meta": [row["normalizer"], row["backbone"]],
                    "name": f"{format_label(row['normalizer'])} on {format_label(row['backbone'])}",
                    "hovertemplate": "%{x:.3g} s, mCE %{y:.3g}",
                    **axis_names(number),
                }
            )
    legend = {**build_legend(frame["normalizer"], styles), **build_backbone_legend(models)}
    return Plot(*COST_TEXT, figures={"": figure}, legend=legend)
