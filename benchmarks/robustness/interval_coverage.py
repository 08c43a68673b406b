"""How far prediction intervals cover what comes, as it is and when its scale changes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.evidence import EvidencePage, Options, measurement
from revin_forecast import Forecaster
from revin_forecast.data.catalog.catalog import data_folder
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.metrics import coverage
from revin_forecast.models.intervals import ConformalIntervals, interval_quantiles
from revin_forecast.selection import SelectionSettings
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators import Scale
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.windows import ShiftedWindows, clean_windows, shifted_windows

# file, horizon: a season
DATA = {
    "nyc_taxi": ("shift/nyc_taxi_30min.csv", 48),
    "traffic_mean": ("traffic/traffic_mean.csv", 24),
    "ecl_mean": ("electricity/ECL_mean.csv", 24),
    "ecl_2ch": ("electricity/ECL_2ch.csv", 24),
    "bike_sharing": ("shift/bike_sharing_hourly.csv", 24),
    "etth1": ("ETT-small/ETTh1.csv", 24),
    "etth2": ("ETT-small/ETTh2.csv", 24),
    "wth": ("WTH/WTH.csv", 24),
    "beijing_pm25": ("shift/beijing_pm25_hourly.csv", 24),
    "household_power": ("shift/household_power_hourly.csv.gz", 24),
    "pjm_load": ("shift/pjm_load_hourly.csv.gz", 24),
    "ettm1": ("ETT-small/ETTm1.csv.gz", 96),
}
SHIFTS = ("none", "doubled", "halved", "doubled of late")
SEVERITY = 3
LEVELS = (80, 95)
AT_ONCE = 1024
TEXT = """
# How far intervals cover

Percent of the truths within intervals of 80 and 95 %, over every window of the last 20 % of the
rows and all steps and series. The `Forecaster` as it comes (a model chosen automatically) is fitted
on the rows before, horizon one season; its intervals are calibrated on validation windows among
those, in normalized units: residual over the window's own scale. `raw`: the same residuals,
calibrated in the table's units, as conformal intervals usually are. `width`: mean width over
that of the raw ones.

Shifts are the benchmark's change of scale at severity 3, which doubles or halves the distance from
the mean: before the first look-back begins, or (of late) in the middle of each, of which the
model then has seen little.

Three sets miss 80 % by more than three points. What the rows before did not show, no interval can
know: the last fifth of nyc_taxi holds Christmas, New Year and the blizzard of 26 January 2015 (a
fixed Ridge with RevIN covers 35 to 67 % of three days around them, 69 to 96 % elsewhere). ecl_mean
is covered 4 points too little, ecl_2ch as much too well, for reasons we have not found. How the
intervals are calibrated (which scale, one shape for all steps, the distance of windows) was decided
with some of these figures in view. Repeat with

    python -m benchmarks.robustness.interval_coverage --data-dir DATA
"""


def fitted_with_raw(series: Series, horizon: int) -> tuple[FittedModel, ConformalIntervals]:
    """Fit, and calibrate the same residuals in raw units as well."""
    raw: list[ConformalIntervals] = []
    calibrate = ConformalIntervals.calibrate

    def twice(residuals: np.ndarray, scales: np.ndarray, stride: float = 1.0) -> ConformalIntervals:
        raw.append(calibrate(residuals, np.ones_like(scales), stride))
        return calibrate(residuals, scales, stride)

    forecaster = Forecaster(horizon, selection=SelectionSettings(budget=3600.0))
    with patch.object(ConformalIntervals, "calibrate", twice):
        fitted = forecaster.fit(series).fitted
    return fitted, raw[-1]


def shifted(world: ShiftDataset) -> Iterator[tuple[str, ShiftedWindows]]:
    """Yield the test windows as they are, and of the world with another scale."""
    yield "none", clean_windows(world, 1)
    cells = {
        "doubled": Cell(Scale("up"), "steady", SEVERITY),
        "halved": Cell(Scale("down"), "steady", SEVERITY),
        "doubled of late": Cell(Scale("up"), "transition", SEVERITY, world.lookback // 2),
    }
    for name, cell in cells.items():
        yield name, shifted_windows(world, cell, 1)


def covered(
    fitted: FittedModel, raw: ConformalIntervals, windows: ShiftedWindows
) -> dict[str, float]:
    """Return the percentage covered by normalized and by raw intervals, and how wide they are."""
    assert fitted.intervals is not None
    truth = torch.from_numpy(windows.targets).float()
    forecast = fitted.forecast(windows.past)
    # A window whose scale is 1 leaves raw scores as they are.
    unit = torch.tensor([-1.0, 1.0]).repeat(8).reshape(1, 16, 1)
    unit = unit.expand(len(forecast), -1, forecast.shape[2])
    kinds = {
        "": limits(fitted.intervals, forecast, windows.past),
        " raw": limits(raw, forecast, unit),
    }
    cells, widths = {}, []
    for place, level in enumerate(LEVELS):
        for name, bounds in kinds.items():
            low, high = bounds[..., 2 * place], bounds[..., 2 * place + 1]
            cells[f"{level} %{name}"] = 100 * coverage(low, high, truth).item()
            widths.append((high - low)[truth.isfinite()].mean().item())
    return cells | {"width": widths[0] / widths[1]}


def limits(
    intervals: ConformalIntervals, forecast: torch.Tensor, past: torch.Tensor
) -> torch.Tensor:
    """Return the limits of each level's interval, (windows, horizon, channels, 2 a level)."""
    bounds = [bound for level in LEVELS for bound in interval_quantiles(level)]
    parts = [
        intervals.quantiles(
            forecast[first : first + AT_ONCE], past[first : first + AT_ONCE], bounds
        )
        for first in range(0, len(past), AT_ONCE)
    ]
    return torch.cat(parts)


def measure(name: str, data_dir: Path, quick: bool) -> Iterator[dict[str, Any]]:
    """Yield the rows of one data set."""
    file, horizon = DATA[name]
    series = read_series(str(data_dir / file))
    if quick:
        series = series.select(series.names[:2]).slice_rows(0, 3000)
    start = len(series) - int(0.2 * len(series))
    begun = time.perf_counter()
    fitted, raw = fitted_with_raw(series.slice_rows(0, start), horizon)
    print(name, f"fitted in {time.perf_counter() - begun:.0f} s", flush=True)
    lookback = fitted.config.lookback
    values = fitted.standardizer.transform(series.values)
    world = ShiftDataset(name, values, start, start - lookback, lookback, horizon, horizon)
    for shift, windows in shifted(world):
        key = {"data": name, "shift": shift, "windows": len(windows.past)}
        yield key | covered(fitted, raw, windows)


@measurement(
    "interval_coverage",
    quick="two series of 3,000 rows",
    options={
        "--data": {"nargs": "+", "choices": DATA, "default": list(DATA)},
        "--data-dir": {"type": Path, "default": data_folder()},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    page.text = TEXT
    order = {name: number for number, name in enumerate(SHIFTS)}
    for name in options.data[:1] if options.quick else options.data:
        for row in measure(name, options.data_dir, options.quick):
            page.add(row)
        page.rows.sort(key=lambda row: order[row["shift"]])  # stable: data sets keep their order


if __name__ == "__main__":
    main()
