"""Coverage of prediction intervals on the held-out rows, as they are and with another scale."""

import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast import Forecaster
from revin_forecast.data.catalog.catalog import data_folder
from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.metrics import coverage
from revin_forecast.models.conformal_intervals import ConformalIntervals
from revin_forecast.models.intervals import Intervals, interval_quantiles
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.generators import Scale
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.windows import ShiftedWindows, clean_windows, shifted_windows

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
"""File, and a season as the horizon."""
SHIFTS = ("none", "doubled", "halved", "doubled of late")
SEVERITY = 3
LEVELS = (80, 95)
WINDOWS_PER_BATCH = 1024
TEXT = """
# How far intervals cover

Percent of the observed values within intervals of 80 and 95 %, over every window of the last 20 %
of the rows and all steps and series. The `Forecaster` with its defaults (an automatically selected
model) is fitted on the rows before, with a horizon of one season. Its intervals are calibrated on
validation windows among those rows, in normalized units: residual over the scale of the window.
`raw`: the same residuals, calibrated in the units of the table, as conformal intervals usually are.
`width`: mean width over that of the raw intervals.

The shifts are the benchmark's change of scale at severity 3, which doubles or halves the distance
from the mean: before the first look-back begins, or (of late) in the middle of each, so that the
model has seen little of it.

Three sets miss 80 % by more than three points. An interval cannot account for changes that the
earlier rows do not show: the last fifth of nyc_taxi contains Christmas, New Year and the blizzard
of 26 January 2015 (a fixed Ridge with RevIN covers 35 to 67 % of three days around them, 69 to 96 %
elsewhere).
The coverage of ecl_mean is 4 points too low and that of ecl_2ch as much too high, for reasons we
have not found. How the intervals are calibrated (which scale, one shape for all steps, the distance
of windows) was decided with some of these figures in view. Repeat with

    python -m benchmarks.robustness.interval_coverage --data-dir DATA
"""


@measurement(
    "interval_coverage",
    quick="two series of 3,000 rows",
    options={
        "--data": {"nargs": "+", "choices": DATA, "default": list(DATA)},
        "--data-dir": {
            "type": Path,
            "default": data_folder(),
            "help": "folder of the benchmark data",
        },
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Measure each data set; the page has the rows of each shift together."""
    page.text = TEXT
    for name in options.data[:1] if options.quick else options.data:
        for row in measure_dataset(name, options.data_dir, options.quick):
            page.add(row)
        page.rows.sort(key=lambda row: SHIFTS.index(row["shift"]))  # stable


def measure_dataset(name: str, data_dir: Path, quick: bool) -> Iterator[Row]:
    """Yield a row for each shift of one data set."""
    file, horizon = DATA[name]
    # Shifted values may leave the range of the table, to which forecasts keep by default.
    any_value = RangeSettings(minimum="none", whole_numbers=False)
    series = read_series(str(data_dir / file), range_settings=any_value)
    if quick:
        series = series.select(series.names[:2]).slice_rows(0, 3000)
    start = len(series) - int(0.2 * len(series))
    fit_start = time.perf_counter()
    fitted, raw = fit_with_raw_intervals(series.slice_rows(0, start), horizon)
    print(name, f"fitted in {time.perf_counter() - fit_start:.0f} s", flush=True)
    lookback = fitted.config.lookback
    values = fitted.standardizer.transform(series.values)
    dataset = ShiftDataset(name, values, start, start - lookback, lookback, horizon, horizon)
    for shift, windows in iter_shifted_windows(dataset):
        row: Row = {"data": name, "shift": shift, "windows": len(windows.past)}
        yield row | measure_coverage(fitted, raw, windows)


def fit_with_raw_intervals(series: Series, horizon: int) -> tuple[FittedModel, ConformalIntervals]:
    """Fit, and calibrate the same residuals in raw units as well.

    The residuals are not kept after a fit, so the calibration is intercepted.
    """
    raw: list[ConformalIntervals] = []
    calibrate = ConformalIntervals.calibrate

    def calibrate_twice(
        residuals: np.ndarray, scales: np.ndarray, stride: float = 1.0
    ) -> ConformalIntervals:
        raw.append(calibrate(residuals, np.ones_like(scales), stride))
        return calibrate(residuals, scales, stride)

    forecaster = Forecaster(horizon, selection=SelectionSettings(budget=3600.0))
    with patch.object(ConformalIntervals, "calibrate", calibrate_twice):
        fitted = forecaster.fit(series).fitted
    return fitted, raw[-1]


def iter_shifted_windows(dataset: ShiftDataset) -> Iterator[tuple[str, ShiftedWindows]]:
    """Yield the test windows as they are, and with each change of scale."""
    yield "none", clean_windows(dataset, 1)
    cells = (
        Cell(Scale("up"), "steady", SEVERITY),
        Cell(Scale("down"), "steady", SEVERITY),
        Cell(Scale("up"), "transition", SEVERITY, dataset.lookback // 2),
    )
    for name, cell in zip(SHIFTS[1:], cells, strict=True):
        yield name, shifted_windows(dataset, cell, 1)


def measure_coverage(
    fitted: FittedModel, raw: ConformalIntervals, windows: ShiftedWindows
) -> dict[str, float]:
    """Return the percentages that normalized and raw intervals cover, and their relative width."""
    assert fitted.intervals is not None
    targets = torch.from_numpy(windows.targets).float()
    forecast = fitted.forecast(windows.past)
    # Raw intervals are in the units of the table: a window whose scale is 1 leaves them unchanged.
    unit = torch.tensor([-1.0, 1.0]).repeat(8).reshape(1, 16, 1)
    unit = unit.expand(len(forecast), -1, forecast.shape[2])
    bounds = {
        "": compute_bounds(fitted.intervals, forecast, windows.past),
        " raw": compute_bounds(raw, forecast, unit),
    }
    row, widths = {}, []
    for index, level in enumerate(LEVELS):
        for name, both in bounds.items():
            low, high = both[..., 2 * index], both[..., 2 * index + 1]
            row[f"{level} %{name}"] = 100 * coverage(low, high, targets).item()
            widths.append((high - low)[targets.isfinite()].mean().item())
    return row | {"width": widths[0] / widths[1]}


def compute_bounds(
    intervals: Intervals, forecast: torch.Tensor, past: torch.Tensor
) -> torch.Tensor:
    """Return the bounds of each level's interval (windows, horizon, channels, 2 * levels)."""
    quantiles = [quantile for level in LEVELS for quantile in interval_quantiles(level)]
    parts = []
    for first in range(0, len(past), WINDOWS_PER_BATCH):
        batch = slice(first, first + WINDOWS_PER_BATCH)
        parts.append(intervals.quantiles(forecast[batch], past[batch], quantiles))
    return torch.cat(parts)


if __name__ == "__main__":
    main()
