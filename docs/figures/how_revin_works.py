"""Figures of docs/how_revin_works.md, each computed by the package itself."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from docs.figures.line_figure import Line, LineFigure, Panel
from revin_forecast import Identity, Reversible, RevIN, Ridge
from revin_forecast.closed_form import fit_ridge
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.windows import Windows
from revin_forecast.normalizers.revin import LocationName

CO2 = Path(__file__).resolve().parents[2] / "datasets" / "co2_weekly.csv"
YEAR = 52
STATISTICS: tuple[tuple[LocationName, str, str], ...] = (
    ("mean", "blue", "solid"),
    ("last", "orange", "dash"),
    ("median", "green", "dot"),
)
"""Statistic, colour and dash of its line."""


def draw_drift() -> LineFigure:
    """Draw three windows of a series that drifts, before and after normalization."""
    values = _load_co2()
    starts = ((120, "blue"), (1000, "orange"), (1900, "green"))
    thinned = values[::8, 0]
    raw = [Line("the series", thinned.tolist(), width=1, step=8 / YEAR, start=1958.2)]
    normalized = []
    for start, colour in starts:
        window = values[start : start + 3 * YEAR]
        z, _ = RevIN(1, affine=False).normalize(window.float().unsqueeze(0))
        year = 1958.2 + start / YEAR
        name = f"three years from {year:.0f}"
        raw.append(Line(name, window[::2, 0].tolist(), colour, year, 2 / YEAR, width=3))
        normalized.append(Line(name, z[0, ::2, 0].tolist(), colour, 0, 2))
    return LineFigure(
        (
            Panel("CO2 at Mauna Loa, ppmv", raw, "year"),
            Panel("the same windows, normalized", normalized, "week of the window"),
        )
    )


def draw_histograms() -> LineFigure:
    """Draw the distributions of training and test values, before and after normalization."""
    values = _load_co2()
    borders = (round(0.7 * len(values)), round(0.8 * len(values)))
    parts = {"training": values[: borders[0]], "test": values[borders[1] :]}
    mean, deviation = parts["training"].mean(), parts["training"].std()
    raw, normalized = [], []
    for (name, part), colour in zip(parts.items(), ("blue", "orange"), strict=True):
        windows = part.unfold(0, 2 * YEAR, 1).mT
        z, _ = RevIN(1, affine=False).normalize(windows.float())
        standardized = (part - mean) / deviation
        raw.append(_compute_histogram(name, standardized, colour, (-2.5, 4.5)))
        normalized.append(_compute_histogram(name, z, colour, (-3.0, 3.0)))
    return LineFigure(
        (
            Panel("before: z-scored by the training part", raw, "training deviations"),
            Panel("after: each window on its own scale", normalized, "window deviations"),
        ),
        height=300,
    )


def draw_moved() -> LineFigure:
    """Draw forecasts of a linear map when the level or the scale of its window changes."""
    values, lookback = _load_co2(), 2 * YEAR
    values = (values - values[:1600].mean()) / values[:1600].std()
    test = values[1600 - lookback :]
    models = _fit_pair(values[:1600], lookback, YEAR)
    panels = []
    for title, gain, offset in (
        ("as it is", 1.0, 0.0),
        ("level + 3", 1.0, 3.0),
        ("scale x 3", 3.0, 0.0),
    ):
        changed = (test - test.mean()) * gain + test.mean() + offset
        # In the units of the unchanged test part, so that the panels can be compared.
        errors = [_compute_mse(model, changed, lookback, YEAR) / gain**2 for model in models]
        lines = _draw_forecasts(changed[150 : 150 + lookback + YEAR], lookback, models)
        heading = f"{title}: {errors[0]:.3f} with, {errors[1]:.3f} without"
        panels.append(Panel(heading, lines, "week"))
    return LineFigure(panels)


def draw_statistics() -> LineFigure:
    """Draw the level of a window by each statistic, which is a forecast of 0 mapped back."""
    clean = _make_waves()[2000:2072]
    jumped, spiked, ended = clean.clone(), clean.clone(), clean.clone()
    jumped[-18:] += 4
    spiked[[9, 33, 50]] += 10
    ended[-1] += 4
    cases = (
        ("the level jumped 18 steps ago", jumped),
        ("three outliers", spiked),
        ("the last value is one", ended),
    )
    panels = []
    for title, window in cases:
        lines = [Line("a window", window[:, 0].tolist(), width=1.5)]
        for name, colour, dash in STATISTICS:
            revin = RevIN(1, affine=False, statistic=name)
            _, stats = revin.normalize(window.float().unsqueeze(0))
            level = revin.denormalize(torch.zeros(1, 2, 1), stats)[0, :, 0].tolist()
            lines.append(Line(name, level, colour, step=95, dash=dash, width=2.5))
        panels.append(Panel(title, lines, "step"))
    return LineFigure(panels, same_range=True)


def draw_hurts() -> LineFigure:
    """Draw two cases in which RevIN hurts: a level that returns, and a sensor that is wrong."""
    draw = np.random.default_rng(0)
    noise, level = draw.normal(size=6000), np.zeros(6000)
    for step in range(1, 6000):
        level[step] = 0.95 * level[step - 1] + 0.31 * noise[step]
    values = torch.from_numpy(level).unsqueeze(1)
    train, test = values[:4000], values[4000:]
    high = int(test[24:-24, 0].argmax()) + 1  # the window ends with the highest value
    models = _fit_pair(train, 24, 24)
    errors = [_compute_mse(model, test, 24, 24) for model in models]
    returning = _draw_forecasts(test[high : high + 48], 24, models)

    lookback, horizon, waves = 72, 36, _make_waves()
    window = waves[2000 : 2000 + lookback + horizon].clone()
    window[:lookback] += 3
    wrong = _draw_forecasts(window, lookback, _fit_pair(waves[:1600], lookback, horizon))
    title = f"a level that returns: MSE {errors[0]:.2f} with, {errors[1]:.2f} without"
    return LineFigure(
        (Panel(title, returning, "step"), Panel("a sensor reads 3 too much", wrong, "step"))
    )


FIGURES: dict[str, Callable[[], LineFigure]] = {
    "drift": draw_drift,
    "histograms": draw_histograms,
    "moved": draw_moved,
    "statistics": draw_statistics,
    "hurts": draw_hurts,
}


@cache
def _load_co2() -> Tensor:
    series = read_series(CO2, missing="interpolate")
    return torch.from_numpy(np.asarray(series.values))


@cache
def _make_waves() -> Tensor:
    """Return a daily and a slower wave with some noise, (2400, 1)."""
    steps, draw = np.arange(2400), np.random.default_rng(1)
    values = np.sin(2 * np.pi * steps / 24) + 0.5 * np.sin(2 * np.pi * steps / 90)
    return torch.from_numpy(values + 0.15 * draw.normal(size=2400)).unsqueeze(1)


def _fit_pair(values: Tensor, lookback: int, horizon: int) -> tuple[Reversible, Reversible]:
    """Solve a linear map with RevIN and without; the penalty is selected on the last fifth."""
    border = round(0.8 * len(values))
    with_revin, without = (
        Reversible(Ridge(lookback, horizon, 1), normalizer)
        for normalizer in (RevIN(1), Identity(1))
    )
    for model in (with_revin, without):
        fit_ridge(model, values[:border], values[border - lookback :], refit=True)
    return with_revin, without


def _draw_forecasts(
    window: Tensor, lookback: int, models: tuple[Reversible, Reversible]
) -> list[Line]:
    """Return the lines of a window, of what followed it, and of both forecasts."""
    lines = [Line("past and future", window[:, 0].tolist(), width=1.5)]
    styles = (("with RevIN", "blue", "solid"), ("without", "orange", "dash"))
    for model, (name, colour, dash) in zip(models, styles, strict=True):
        with torch.inference_mode():
            forecast = model(window[:lookback].float().unsqueeze(0))[0, :, 0].tolist()
        lines.append(Line(name, forecast, colour, lookback, dash=dash, width=2.5))
    return lines


def _compute_mse(model: Reversible, values: Tensor, lookback: int, horizon: int) -> float:
    every = next(Windows(values.float(), lookback, horizon).iter_batches(len(values)))
    with torch.inference_mode():
        return float((model(every.past) - every.future).square().mean())


def _compute_histogram(name: str, values: Tensor, colour: str, ends: tuple[float, float]) -> Line:
    bins = 60
    shares, edges = np.histogram(values.numpy().ravel(), bins, ends, density=True)
    width = float(edges[1] - edges[0])
    return Line(name, shares.tolist(), colour, ends[0] + width / 2, width, filled=True)
