"""Figures of docs/theory/zero_shot.md: the inputs of the network, and its learning curve."""

import json
from collections.abc import Callable

import torch

from docs.figures.line_figure import Line, LineFigure, Panel
from revin_forecast.pretrained.card import CARD_FILE
from revin_forecast.pretrained.generator import generate_series
from revin_forecast.pretrained.load_weights import WEIGHTS_PATH
from revin_forecast.pretrained.network import SeriesReader
from revin_forecast.pretrained.series_statistics import LAST_ROWS

SEED, NUMBER = 2, 9
"""Seed of the generator, and the number of the series that is drawn."""
ROWS, HORIZON, SEASON = 96, 18, 12
MAX_POINTS = 40
"""Most points of the learning curve that are drawn."""


def draw_view() -> LineFigure:
    """Draw a synthetic series, and the same without its season on the common scale."""
    made = generate_series(SEED, 16, ROWS, HORIZON, SEASON)
    past, future = made.past[NUMBER], made.future[NUMBER]
    values = torch.from_numpy(made.past[[NUMBER]])
    steps = torch.arange(1, HORIZON + 1)
    with torch.no_grad():
        prepared = SeriesReader()(values.nan_to_num(), values.isfinite(), SEASON, steps)
    recent = prepared.features[0, :LAST_ROWS].sinh()
    simple = [
        Line("simple forecasts", forecast.tolist(), "green", start=1, width=0.7)
        for forecast in prepared.simple[0].T
    ]
    first = 1 - LAST_ROWS
    given = Line("series", past[-LAST_ROWS:].tolist(), "blue", start=first)
    held_out = Line("future", future.tolist(), "orange", start=1, dash="dot")
    common = Line("season out, on the common scale", recent.tolist(), "blue", start=first)
    return LineFigure(
        [
            Panel("a series of the generator", [given, held_out], "month"),
            Panel("the network's view, in usual steps", [common, *simple], "month"),
        ]
    )


def draw_curve() -> LineFigure:
    """Draw errors and coverage on synthetic series over the steps of the shipped training."""
    card = json.loads(WEIGHTS_PATH.with_name(CARD_FILE).read_text())
    curve = card["curves"][0]
    curve = curve[:: -(-len(curve) // MAX_POINTS)]
    steps = [point["step"] for point in curve]

    def build_line(name: str, column: str, colour: str) -> Line:
        return Line(name, [point[column] for point in curve], colour, x=steps)

    errors = [
        build_line("error of the median", "absolute_error", "blue"),
        build_line("quantile loss", "quantile_loss", "green"),
    ]
    shares = [
        build_line("inside the 80 % interval", "coverage_80", "orange"),
        build_line("inside the 95 % interval", "coverage_95", "ink"),
    ]
    return LineFigure(
        [Panel("relative to the seasonal naive", errors, "step"), Panel("share", shares, "step")]
    )


FIGURES: dict[str, Callable[[], LineFigure]] = {
    "zero_shot_curve": draw_curve,
    "zero_shot_view": draw_view,
}
