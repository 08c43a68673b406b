"""Coverage and width of prediction intervals of short tables from known processes."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast import Forecaster

HORIZON = 6
ROWS = (48, 80, 116, 240)
NORMAL_WIDTH_80 = 2.5631
"""Width of the central 80 % of a standard normal distribution."""
TEXT = """
# How far intervals of short tables cover

Percent of the observed values within intervals of 80 and 95 %: a quarterly table with so many rows,
the `Forecaster` with its defaults, horizon 6, and the six quarters that follow, simulated and
fitted again for every seed. `width`: mean width of the 80 % intervals over that of the best
possible ones, with the process and its parameters known, which a table of 48 rows cannot reveal.
`lopsided`: distance between the middle of an 80 % interval and the forecast, in units of half its
width; 0 is right, because all noise here is normal.

The forecasts are combinations of models of single series. Their intervals come from the errors at
up to 40 expanding origins (`docs/default_forecast.md`). Those origins also decide the weights, and
their windows overlap. The rules of these intervals were chosen on the development panel of real
series, not on these processes. Repeat with

    python -m benchmarks.robustness.interval_coverage_short
"""


def simulate_noise(random: np.random.Generator, rows: int) -> np.ndarray:
    """Return normal noise around a level."""
    return 10 + random.normal(size=rows)


def simulate_trend(random: np.random.Generator, rows: int) -> np.ndarray:
    """Return normal noise around a trend."""
    return 100 + 0.7 * np.arange(rows) + random.normal(size=rows)


def simulate_season(random: np.random.Generator, rows: int) -> np.ndarray:
    """Return a season of 4 steps and a trend with normal noise."""
    steps = np.arange(rows)
    wave = 10 * np.sin(np.pi / 2 * steps + random.uniform(0, 6))
    return 50 + 0.2 * steps + wave + random.normal(size=rows)


def simulate_autoregression(random: np.random.Generator, rows: int) -> np.ndarray:
    """Return an autoregression, after a burn-in of 50 steps."""
    values = np.zeros(rows + 50)
    for step, shock in enumerate(random.normal(size=rows + 49), start=1):
        values[step] = 0.8 * values[step - 1] + shock
    return values[50:]


def simulate_walk(random: np.random.Generator, rows: int) -> np.ndarray:
    """Return a random walk."""
    return 100 + random.normal(size=rows).cumsum()


def simulate_drift(random: np.random.Generator, rows: int) -> np.ndarray:
    """Return a random walk with drift."""
    return 100 + (0.5 + random.normal(size=rows)).cumsum()


AHEAD = np.arange(1, HORIZON + 1)
PROCESSES: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], np.ndarray]] = {
    "noise around a level": (simulate_noise, np.ones(HORIZON)),
    "noise around a trend": (simulate_trend, np.ones(HORIZON)),
    "a season of 4 and a trend": (simulate_season, np.ones(HORIZON)),
    "AR(0.8)": (simulate_autoregression, np.sqrt((1 - 0.64**AHEAD) / (1 - 0.64))),
    "random walk": (simulate_walk, np.sqrt(AHEAD)),
    "random walk with drift": (simulate_drift, np.sqrt(AHEAD)),
}
"""Simulation of each process, and the error's standard deviation of its best forecast."""


@measurement("interval_coverage_short", quick="ten tables of 116 quarters")
def main(options: Options, page: EvidencePage) -> None:
    """Measure each process and length."""
    page.text = TEXT
    for name in list(PROCESSES)[1:2] if options.quick else PROCESSES:
        for rows in ROWS[2:3] if options.quick else ROWS:
            page.add(measure_process(name, rows, 10 if options.quick else 200))


def measure_process(name: str, rows: int, seeds: int) -> Row:
    """Return the row of one process and length."""
    simulate, deviation = PROCESSES[name]
    is_covered: dict[int, list[np.ndarray]] = {80: [], 95: []}
    widths, offsets = [], []
    for seed in range(seeds):
        values = simulate(np.random.default_rng(seed), rows + HORIZON)
        quarters = pd.date_range("1970-01-01", periods=rows, freq="QS")
        fitted = Forecaster(HORIZON).fit(pd.DataFrame({"quarter": quarters, "y": values[:rows]}))
        table, targets = fitted.predict(level=list(is_covered)), values[rows:]
        for level, covered in is_covered.items():
            low, high = (table[f"y-{side}-{level}"].to_numpy() for side in ("lo", "hi"))
            covered.append((low <= targets) & (targets <= high))
        low, high = table["y-lo-80"].to_numpy(), table["y-hi-80"].to_numpy()
        widths.append((high - low).mean())
        offset = (low + high) / 2 - table["y"].to_numpy()
        offsets.append(np.abs(offset / ((high - low) / 2)).mean())
    return {
        "data": name,
        "rows": rows,
        "fits": seeds,
        "80 %": 100 * float(np.mean(is_covered[80])),
        "95 %": 100 * float(np.mean(is_covered[95])),
        "width": float(np.mean(widths)) / float(NORMAL_WIDTH_80 * deviation.mean()),
        "lopsided": float(np.mean(offsets)),
    }


if __name__ == "__main__":
    main()
