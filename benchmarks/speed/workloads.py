"""Work of every size, for measuring how its cost grows."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pyarrow import csv

from revin_forecast import Ridge
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.data.windows import Windows
from revin_forecast.forecasting.forecaster import Forecaster
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.measuring.evaluator import Evaluator
from revin_forecast.shift.suite.suite_yaml import parse_shifts
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train

Work = Callable[[], object]


@dataclass(frozen=True)
class Size:
    """Size of a table and of the windows in it."""

    rows: int
    channels: int = 7
    lookback: int = 96
    horizon: int = 24


@dataclass(frozen=True)
class Workload:
    """One kind of work along one dimension."""

    work: str
    dimension: str
    order: int
    """Exponent that theory gives for large sizes."""
    sizes: tuple[int, ...]
    """Sizes to measure, each twice the one before."""
    prepare: Callable[[int], Work]
    """Prepares the work of a size; the function it returns is timed."""


def list_workloads(doublings: int, divisor: int) -> list[Workload]:
    """Return everything that is measured.

    Args:
        doublings: how often the smallest size is doubled.
        divisor: divides the smallest sizes, for a quick run.
    """
    # Prepared work, base size, and for each dimension the smallest size and the order.
    plan: list[tuple[str, Callable[[Size], Work], Size, dict[str, tuple[int, int]]]] = [
        # The normal equations of a look-back are solved by factoring: its cube.
        (
            "Ridge fit",
            prepare_ridge_fit,
            Size(12_000, 4),
            {"rows": (8_000, 1), "channels": (4, 1), "lookback": (96, 3), "horizon": (96, 1)},
        ),
        (
            "training epoch",
            prepare_epoch,
            Size(1_500),
            {"rows": (1_000, 1), "channels": (32, 1), "lookback": (192, 1), "horizon": (192, 1)},
        ),
        (
            "prediction",
            prepare_prediction,
            Size(6_000),
            {"rows": (4_000, 1), "channels": (8, 1), "lookback": (96, 1), "horizon": (96, 1)},
        ),
        (
            "benchmark cell",
            prepare_cell,
            Size(3_000),
            {"rows": (3_000, 1), "channels": (8, 1), "lookback": (96, 1), "horizon": (96, 1)},
        ),
    ]
    workloads = []
    for work, prepare, base, dimensions in plan:
        for dimension, (smallest, order) in dimensions.items():
            sizes = _double(smallest, doublings, divisor)
            prepare_size = _vary(prepare, base, dimension)
            workloads.append(Workload(work, dimension, order, sizes, prepare_size))
    series = _double(250, doublings, divisor)
    workloads.append(Workload("Ridge fit", "series", 1, series, prepare_fit_of_series))
    workloads.append(Workload("prediction", "series", 1, series, prepare_forecast_of_series))
    for dimension, smallest in (("rows", 8_000), ("channels", 16), ("series", 100)):
        sizes = _double(smallest, doublings, divisor)
        prepare_size = partial(prepare_reading, dimension)
        workloads.append(Workload("CSV reading", dimension, 1, sizes, prepare_size))
    return workloads


def _double(smallest: int, doublings: int, divisor: int) -> tuple[int, ...]:
    return tuple(max(4, smallest // divisor) * 2**number for number in range(doublings + 1))


def _vary(prepare: Callable[[Size], Work], base: Size, dimension: str) -> Callable[[int], Work]:
    """Return the preparation of a base size with one dimension changed."""

    def prepare_size(size: int) -> Work:
        sizes = {name: getattr(base, name) for name in ("rows", "channels", "lookback", "horizon")}
        sizes[dimension] = size
        if dimension in ("lookback", "horizon"):  # the number of windows stays the same
            sizes["rows"] += size
        return prepare(Size(**sizes))

    return prepare_size


def make_walks(rows: int, channels: int) -> np.ndarray:
    """Return random walks (rows, channels)."""
    return np.random.default_rng(0).normal(size=(rows, channels)).cumsum(axis=0)


def build_model(name: str, size: Size) -> tuple[ModelConfig, Reversible]:
    """Return the configuration of a backbone with RevIN, and the model."""
    backbone = ModuleSpec(f"revin_forecast.{name}", {})
    config = ModelConfig(backbone, ModuleSpec.from_class(RevIN), size.lookback, size.horizon)
    return config, config.build(size.channels)


def prepare_ridge_fit(size: Size) -> Work:
    """Solve a Ridge whose penalty is selected on the last fifth."""
    values = make_walks(size.rows, size.channels)
    split = ChronologicalSplit(
        values, size.rows * 4 // 5, size.rows, size.rows, scaling_rows=size.rows
    )
    return partial(fit_model, build_model("Ridge", size)[0], split)


def prepare_epoch(size: Size) -> Work:
    """Train a Linear over all windows once, in the package's loop."""
    values = torch.from_numpy(make_walks(size.rows, size.channels).astype(np.float32))
    sizes = size.lookback, size.horizon
    one_window = Windows(values[: sum(sizes)], *sizes)
    data = ForecastDataModule(Windows(values, *sizes), one_window)
    model = build_model("Linear", size)[1]

    def train_epoch() -> None:
        with tempfile.TemporaryDirectory() as folder:
            train(model, data, TrainingSettings(max_epochs=1), Path(folder))

    return train_epoch


def prepare_prediction(size: Size) -> Work:
    """Forecast every window with a Linear."""
    values = torch.from_numpy(make_walks(size.rows, size.channels).astype(np.float32))
    windows = Windows(values, size.lookback, size.horizon)
    model = build_model("Linear", size)[1].eval()

    @torch.inference_mode()
    def predict() -> None:
        for batch in windows.iter_batches(64):
            model(batch.past)

    return predict


def prepare_cell(size: Size) -> Work:
    """Measure a model in one cell of the shift benchmark, with its clean forecasts."""
    values = make_walks(size.rows, size.channels)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    model = build_model("Linear", size)[1].eval()
    shift = parse_shifts(["level"])[0]
    half = size.rows // 2
    start = half - size.lookback // 2 - size.horizon // 2

    def measure() -> None:
        dataset = ShiftDataset("walks", values, half, start, size.lookback, size.horizon, 24)
        Evaluator(model, dataset, 2, 50).measure(Cell(shift, "steady", 3))

    return measure


def make_long_table(series: int, rows: int = 300) -> pd.DataFrame:
    """Return a long table of random walks."""
    values = make_walks(rows, series)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    ids = np.repeat(np.array([f"series-{number}" for number in range(series)], object), rows)
    return pd.DataFrame(
        {"unique_id": ids, "ds": np.tile(stamps.to_numpy(), series), "y": values.T.ravel()}
    )


def prepare_fit_of_series(series: int) -> Work:
    """Fit one Ridge on a long table, as a user does."""
    return partial(Forecaster(14, 56, Ridge).fit, make_long_table(series))


def prepare_forecast_of_series(series: int) -> Work:
    """Forecast all series of a long table, with intervals."""
    forecaster = Forecaster(14, 56, Ridge).fit(make_long_table(series))
    return partial(forecaster.predict, level=[80])


def make_csv(dimension: str, size: int) -> bytes:
    """Return a table as CSV: wide, or long for `series`."""
    if dimension == "series":
        table = make_long_table(size)
    else:
        rows, channels = (size, 20) if dimension == "rows" else (4_000, size)
        names = [f"s{number}" for number in range(channels)]
        table = pd.DataFrame(make_walks(rows, channels).round(4), columns=names)
        stamps = pd.date_range("2000-01-01", periods=rows, freq="h")
        table.insert(0, "date", stamps.strftime("%Y-%m-%d %H:%M:%S"))
    return table.to_csv(index=False).encode()


_FOLDER = tempfile.TemporaryDirectory()
"""Deleted when the program ends."""


def write_csv(dimension: str, size: int) -> Path:
    """Write such a table unless it is there already; return its path."""
    path = Path(_FOLDER.name) / f"{dimension}-{size}.csv"
    if not path.is_file():
        path.write_bytes(make_csv(dimension, size))
    return path


def prepare_reading(dimension: str, size: int) -> Work:
    """Read a CSV file."""
    return partial(read_series, write_csv(dimension, size))


def prepare_pyarrow_reading(dimension: str, size: int) -> Work:
    """Read the same file with pyarrow alone."""
    return partial(csv.read_csv, write_csv(dimension, size))
