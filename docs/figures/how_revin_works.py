"""What docs/how_revin_works.md shows: each picture computed by the package itself."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from docs.figures.line_picture import Line, Panel, Picture
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


def drift() -> Picture:
    """Draw three windows of a series that drifts, and what becomes of them."""
    values = _co2()
    places = ((120, "blue"), (1000, "orange"), (1900, "green"))
    thin = values[::8, 0]
    raw = [Line("the series", thin.tolist(), width=1, step=8 / YEAR, start=1958.2)]
    same = []
    for start, colour in places:
        window = values[start : start + 3 * YEAR]
        z, _ = RevIN(1, affine=False).normalize(window.float().unsqueeze(0))
        year = 1958.2 + start / YEAR
        name = f"three years from {year:.0f}"
        shown = window[::2, 0].tolist()
        raw.append(Line(name, shown, colour, year, 2 / YEAR, width=3))
        same.append(Line(name, z[0, ::2, 0].tolist(), colour, 0, 2))
    titles = ("CO2 at Mauna Loa, ppmv", "the same windows, normalized")
    return Picture((Panel(titles[0], raw, "year"), Panel(titles[1], same, "week of the window")))


def histograms() -> Picture:
    """Draw how training and test values lie, before and after."""
    values = _co2()
    borders = (round(0.7 * len(values)), round(0.8 * len(values)))
    parts = {"training": values[: borders[0]], "test": values[borders[1] :]}
    mean, deviation = parts["training"].mean(), parts["training"].std()
    raw, same = [], []
    for (name, part), colour in zip(parts.items(), ("blue", "orange"), strict=True):
        windows = part.unfold(0, 2 * YEAR, 1).mT
        z, _ = RevIN(1, affine=False).normalize(windows.float())
        standard = (part - mean) / deviation
        raw.append(_histogram(name, standard, colour, (-2.5, 4.5)))
        same.append(_histogram(name, z, colour, (-3.0, 3.0)))
    return Picture(
        (
            Panel("before: z-scored by the training part", raw, "training deviations"),
            Panel("after: each window on its own scale", same, "window deviations"),
        ),
        height=300,
    )


def moved() -> Picture:
    """Draw what a linear map forecasts when level or scale of all that it sees change."""
    values, lookback = _co2(), 2 * YEAR
    values = (values - values[:1600].mean()) / values[:1600].std()
    test = values[1600 - lookback :]
    twins = _twins(values[:1600], lookback, YEAR)
    panels = []
    for title, gain, offset in (
        ("as it is", 1.0, 0.0),
        ("level + 3", 1.0, 3.0),
        ("scale x 3", 3.0, 0.0),
    ):
        changed = (test - test.mean()) * gain + test.mean() + offset
        errors = [_mse(model, changed, lookback, YEAR) / gain**2 for model in twins]
        lines = _beside(changed[150 : 150 + lookback + YEAR], lookback, twins)
        told = f"{title}: {errors[0]:.3f} with, {errors[1]:.3f} without"
        panels.append(Panel(told, lines, "week"))
    return Picture(panels)


def statistics() -> Picture:
    """Draw where each statistic puts the level of a window: what a forecast of 0 comes back as."""
    clean = _waves()[2000:2072]
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
    return Picture(panels, same_range=True)


def hurts() -> Picture:
    """Draw a level that returns by itself, and a sensor that lies."""
    draw = np.random.default_rng(0)
    noise, level = draw.normal(size=6000), np.zeros(6000)
    for step in range(1, 6000):
        level[step] = 0.95 * level[step - 1] + 0.31 * noise[step]
    values = torch.from_numpy(level).unsqueeze(1)
    train, test = values[:4000], values[4000:]
    high = int(test[24:-24, 0].argmax()) + 1  # so that it is the last value seen
    twins = _twins(train, 24, 24)
    errors = [_mse(model, test, 24, 24) for model in twins]
    returning = _beside(test[high : high + 48], 24, twins)

    lookback, horizon, waves = 72, 36, _waves()
    shown = waves[2000 : 2000 + lookback + horizon].clone()
    shown[:lookback] += 3
    lying = _beside(shown, lookback, _twins(waves[:1600], lookback, horizon))
    title = f"a level that returns: MSE {errors[0]:.2f} with, {errors[1]:.2f} without"
    return Picture(
        (Panel(title, returning, "step"), Panel("a sensor reads 3 too much", lying, "step"))
    )


PICTURES: dict[str, Callable[[], Picture]] = {
    "drift": drift,
    "histograms": histograms,
    "moved": moved,
    "statistics": statistics,
    "hurts": hurts,
}


@cache
def _co2() -> Tensor:
    series = read_series(CO2, missing="interpolate")
    return torch.from_numpy(np.asarray(series.values))


@cache
def _waves() -> Tensor:
    """Return a daily and a slower wave with some noise, (2400, 1)."""
    steps, draw = np.arange(2400), np.random.default_rng(1)
    values = np.sin(2 * np.pi * steps / 24) + 0.5 * np.sin(2 * np.pi * steps / 90)
    return torch.from_numpy(values + 0.15 * draw.normal(size=2400)).unsqueeze(1)


def _twins(values: Tensor, lookback: int, horizon: int) -> tuple[Reversible, Reversible]:
    """Solve a linear map with RevIN and without, the penalty chosen on the last fifth."""
    border = round(0.8 * len(values))
    with_revin, without = (
        Reversible(Ridge(lookback, horizon, 1), normalizer)
        for normalizer in (RevIN(1), Identity(1))
    )
    for model in (with_revin, without):
        fit_ridge(model, values[:border], values[border - lookback :], refit=True)
    return with_revin, without


def _beside(window: Tensor, lookback: int, twins: tuple[Reversible, Reversible]) -> list[Line]:
    """Return a window, what came after it, and both forecasts."""
    lines = [Line("what was and what came", window[:, 0].tolist(), width=1.5)]
    looks = (("with RevIN", "blue", "solid"), ("without", "orange", "dash"))
    for model, (name, colour, dash) in zip(twins, looks, strict=True):
        with torch.inference_mode():
            ahead = model(window[:lookback].float().unsqueeze(0))[0, :, 0].tolist()
        lines.append(Line(name, ahead, colour, lookback, dash=dash, width=2.5))
    return lines


def _mse(model: Reversible, values: Tensor, lookback: int, horizon: int) -> float:
    whole = next(Windows(values.float(), lookback, horizon).iter_batches(len(values)))
    with torch.inference_mode():
        return float((model(whole.past) - whole.future).square().mean())


def _histogram(name: str, values: Tensor, colour: str, ends: tuple[float, float]) -> Line:
    bins = 60
    shares, edges = np.histogram(values.numpy().ravel(), bins, ends, density=True)
    width = float(edges[1] - edges[0])
    return Line(name, shares.tolist(), colour, ends[0] + width / 2, width, filled=True)
