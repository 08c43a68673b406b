"""P10: what a normalizer's gain costs in seconds."""

import numpy as np

from revin_forecast.report.benchmark.looks import Looks, openness
from revin_forecast.report.benchmark.plots.axes import log_axis
from revin_forecast.report.benchmark.plots.base import Plot, legend_of, rounded
from revin_forecast.report.benchmark.plots.grid import Sizes, axes, panels
from revin_forecast.report.benchmark.plots.heat_map import BLOCKS
from revin_forecast.report.benchmark.plots.scatter import backbone_legend
from revin_forecast.report.benchmark.plots.traces import guide
from revin_forecast.report.benchmark.reading import PLACEMENTS, Tables, backbones
from revin_forecast.report.wording import label

WORDS = (
    "P10",
    "Cost against mCE",
    "Seconds of training and evaluation of one model (geometric mean over data sets and seeds, "
    "log scale) against mCE, the geometric mean of nCE over shifts (log scale; below 1, the "
    "dotted line, less error than the twin without a normalizer). Good: low and to the left. Open "
    "or dotted symbols: further backbones. Seconds depend on the machine and are no part of any "
    "ranking.",
)


def cost_against_gain(tables: Tables, looks: Looks) -> Plot:
    """Draw a panel a semantics and placement."""
    costs = tables["runs"].merge(tables["costs"], on="run_key")
    costs = costs.assign(seconds=costs["train_s"].fillna(0) + costs["eval_s"].fillna(0))
    costs = costs[(costs["seconds"] > 0) & (costs["status"] == "done")]
    costs = costs.assign(seconds=np.log(costs["seconds"]))
    means = np.exp(costs.groupby(["backbone", "normalizer"])["seconds"].mean())
    frame = tables["mce"].merge(means.reset_index(), on=["backbone", "normalizer"])
    models = backbones(tables)
    frame = frame[frame["mce"].gt(0) & frame["backbone"].isin(models)]
    if frame.empty:
        return Plot(*WORDS, missing="No model has both its seconds and an mCE.")
    places = {(str(s), str(p)) for s, p in zip(frame["semantics"], frame["placement"], strict=True)}
    blocks = sorted(
        places, key=lambda block: PLACEMENTS.index(block[1]) if block[1] in PLACEMENTS else 9
    )
    titles = [BLOCKS.get(block, ", ".join(block)) for block in blocks]
    figure = panels(
        titles,
        {"title": "seconds a model, log scale", **log_axis(frame["seconds"], most=5)},
        {"title": "mCE, log scale", **log_axis([*frame["mce"], 1.0])},
        Sizes(columns=2, height=220, narrowest=300),
    )
    for number, block in enumerate(blocks):
        own = frame[(frame["semantics"] == block[0]) & (frame["placement"] == block[1])]
        figure.add_trace(guide((1e-9, 1e9), (1.0, 1.0), number))
        for _, row in own.iterrows():
            look = looks[row["normalizer"]]
            extra = openness(models.index(row["backbone"]))
            figure.add_trace(
                {
                    "type": "scatter",
                    "x": rounded([row["seconds"]]),
                    "y": rounded([row["mce"]]),
                    "mode": "markers",
                    "marker": {"color": look.colour, "symbol": look.symbol + extra, "size": 10},
                    "meta": [row["normalizer"], row["backbone"]],
                    "name": f"{label(row['normalizer'])} on {label(row['backbone'])}",
                    "hovertemplate": "%{x:.3g} s, mCE %{y:.3g}",
                    **axes(number),
                }
            )
    legend = {**legend_of(frame["normalizer"], looks), **backbone_legend(models)}
    return Plot(*WORDS, figures={"": figure}, legend=legend)
