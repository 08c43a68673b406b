"""Figures of docs/theory/level.md, from simulated levels and the record of their risks."""

import json
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import torch

from benchmarks.accuracy.level_risk import (
    CRITICAL_VALUE,
    NEXT_LEVEL,
    TEST_PART,
    simulate_levels,
)
from benchmarks.evidence import PAGES, Row
from docs.figures.line_figure import Line, LineFigure, Panel
from revin_forecast.normalizers.level_shares import (
    SHRINKAGE,
    compute_dickey_fuller_t,
    estimate_level_shares,
)

FORECASTS = (
    ("kept", "orange", "solid"),
    ("taken", "blue", "solid"),
    ("pretest", "ink", "dot"),
    ("shrunk", "green", "solid"),
)
"""Treatment of the level, colour and dash of its line."""
MAX_MEMORIES = 15
"""Largest c that is drawn; the table has more."""
MEMORY = 10
"""Memory of the example's level, in windows."""
SHORT, LONG = 25, 300
"""Windows of the two training parts of the example."""
WINDOW = 12
"""Steps of a window of the example."""


def draw_level_risks() -> LineFigure:
    """Draw the risk of each treatment of the level, with twice its standard error, over c."""
    panels = []
    for part, levels in ((NEXT_LEVEL, 30), (NEXT_LEVEL, 1000), (TEST_PART, 100)):
        rows = [
            row
            for row in _read_risks()
            if (row["scored"], row["levels"]) == (part, levels)
            and row["c"] <= MAX_MEMORIES
            and row["+- c"] is None
        ]
        lines = [
            Line(
                name,
                [row[name] for row in rows],
                colour,
                dash=dash,
                x=[row["c"] for row in rows],
                errors=[2 * row[f"+- {name}"] for row in rows],
            )
            for name, colour, dash in FORECASTS
        ]
        panels.append(
            Panel(f"risk, {part}, n = {levels}", lines, "memories in the training part, c")
        )
    return LineFigure(panels)


def draw_level_share() -> LineFigure:
    """Draw the share over tau, and the distribution of tau for levels of several memories."""
    tau = np.linspace(-8, 1, 181)
    shrunk = np.where(tau < 0, np.maximum(0, 1 - SHRINKAGE / np.maximum(tau**2, 1e-9)), 0)
    tested = (tau < CRITICAL_VALUE).astype(float)
    step = float(tau[1] - tau[0])
    shares = [
        Line("shrunk", shrunk.tolist(), "green", -8, step, width=3),
        Line("pretest", tested.tolist(), "ink", -8, step, dash="dot"),
    ]
    spreads = []
    for memories, colour in ((0, "blue"), (5, "green"), (30, "orange")):
        generator = torch.Generator().manual_seed(0)
        paths = simulate_levels(100, 0, memories, 20_000, generator)
        values = compute_dickey_fuller_t(paths).numpy()
        density, edges = np.histogram(values, 45, (-8, 1), density=True)
        width = float(edges[1] - edges[0])
        name = f"c = {memories}"
        spreads.append(Line(name, density.tolist(), colour, -8 + width / 2, width, filled=True))
    return LineFigure(
        (
            Panel("share of the kept level", shares, "tau"),
            Panel("tau of 20,000 simulated parts, n = 100", spreads, "tau"),
        )
    )


def draw_level_memory() -> LineFigure:
    """Draw one series whose level has a memory of ten windows, seen for a short and a long time."""
    generator = torch.Generator().manual_seed(0)
    level = simulate_levels(LONG, 0, LONG / MEMORY, 1, generator)[:, 0]
    step = torch.arange(LONG * WINDOW)
    series = level.repeat_interleave(WINDOW) + 0.8 * torch.sin(2 * torch.pi * step / WINDOW)
    panels = []
    for windows in (SHORT, LONG):
        part = series[: windows * WINDOW]
        share = float(estimate_level_shares(part.unsqueeze(1), WINDOW))
        means = part.reshape(windows, WINDOW).mean(dim=1)
        tau = float(compute_dickey_fuller_t(means.unsqueeze(1)))
        thin = max(1, len(part) // 600)
        lines = [
            Line("series", part[::thin].tolist(), width=1, step=thin / WINDOW),
            Line(
                "window means",
                means.tolist(),
                "orange",
                start=0.5,
                width=2.5 if windows == SHORT else 1.5,
            ),
        ]
        title = f"{windows} windows, c = {windows / MEMORY:g}: tau {tau:.1f}, share {share:.2f}"
        panels.append(Panel(title, lines, "window"))
    return LineFigure(panels, same_range=True)


@cache
def _read_risks() -> Sequence[Row]:
    return json.loads((PAGES / "level_risk.json").read_text())["rows"]


FIGURES: dict[str, Callable[[], LineFigure]] = {
    "level_memory": draw_level_memory,
    "level_risks": draw_level_risks,
    "level_share": draw_level_share,
}
