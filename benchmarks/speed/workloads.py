"""Work of every size, to see how its cost grows."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pyarrow import csv

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
    """Of a table and of the windows in it."""

    rows: int
    channels: int = 7
    lookback: int = 96
    horizon: int = 24


@dataclass(frozen=True)
class Growth:
    """One kind of work along one dimension."""

    work: str
    dimension: str
    order: int
    """Exponent that theory gives for large sizes."""
    sizes: tuple[int, ...]
    """Each twice the one before."""
    make: Callable[[int], Work]
    """Prepares the work of a size; what it returns is timed."""


def growths(doublings: int, share: int) -> list[Growth]:
    """Return all that is measured.

    Args:
        doublings: of the smallest size.
        share: by which the smallest sizes are divided, for a quick look.
    """
    along: list[tuple[str, Callable[[Size], Work], Size, dict[str, tuple[int, int]]]] = [
        # The normal equations of a look-back are solved by factoring: its cube.
        (
            "Ridge fit",
            ridge_fit,
            Size(12_000, 4),
            {"rows": (8_000, 1), "channels": (4, 1), "lookback": (96, 3), "horizon": (96, 1)},
        ),
        (
            "training epoch",
            epoch,
            Size(1_500),
            {"rows": (1_000, 1), "channels": (32, 1), "lookback": (192, 1), "horizon": (192, 1)},
        ),
        (
            "prediction",
            prediction,
            Size(6_000),
            {"rows": (4_000, 1), "channels": (8, 1), "lookback": (96, 1), "horizon": (96, 1)},
        ),
        (
            "benchmark cell",
            cell,
            Size(3_000),
            {"rows": (3_000, 1), "channels": (8, 1), "lookback": (96, 1), "horizon": (96, 1)},
        ),
    ]
    found = []
    for work, make, base, dimensions in along:
        for dimension, (smallest, order) in dimensions.items():
            sizes = _doubled(smallest, doublings, share)
            found.append(Growth(work, dimension, order, sizes, _varied(make, base, dimension)))
    series = _doubled(250, doublings, share)
    found.append(Growth("Ridge fit", "series", 1, series, fit_of_series))
    found.append(Growth("prediction", "series", 1, series, forecast_of_series))
    for dimension, smallest in (("rows", 8_000), ("channels", 16), ("series", 100)):
        sizes = _doubled(smallest, doublings, share)
        found.append(Growth("CSV reading", dimension, 1, sizes, partial(reading, dimension)))
    return found


def _doubled(smallest: int, doublings: int, share: int) -> tuple[int, ...]:
    return tuple(max(4, smallest // share) * 2**number for number in range(doublings + 1))


def _varied(make: Callable[[Size], Work], base: Size, dimension: str) -> Callable[[int], Work]:
    def made(size: int) -> Work:
        sizes = {name: getattr(base, name) for name in ("rows", "channels", "lookback", "horizon")}
        sizes[dimension] = size
        if dimension in ("lookback", "horizon"):  # as many windows
            sizes["rows"] += size
        return make(Size(**sizes))

    return made


def walks(rows: int, channels: int) -> np.ndarray:
    """Return (rows, channels) random walks."""
    return np.random.default_rng(0).normal(size=(rows, channels)).cumsum(axis=0)


def model_of(name: str, size: Size) -> tuple[ModelConfig, Reversible]:
    """Return how to fit a backbone with RevIN, and the model."""
    component = ModuleSpec(f"revin_forecast.{name}", {})
    recipe = ModelConfig(component, ModuleSpec.from_class(RevIN), size.lookback, size.horizon)
    return recipe, recipe.build(size.channels)


def ridge_fit(size: Size) -> Work:
    """Solve a Ridge, its penalty chosen on the last fifth."""
    values = walks(size.rows, size.channels)
    split = ChronologicalSplit(
        values, size.rows * 4 // 5, size.rows, size.rows, scaling_rows=size.rows
    )
    return partial(fit_model, model_of("Ridge", size)[0], split)


def epoch(size: Size) -> Work:
    """Train a Linear over all windows once, in the package's loop."""
    values = torch.from_numpy(walks(size.rows, size.channels).astype(np.float32))
    sizes = size.lookback, size.horizon
    few = Windows(values[: sum(sizes)], *sizes)
    data = ForecastDataModule(Windows(values, *sizes), few)
    model = model_of("Linear", size)[1]

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            train(model, data, TrainingSettings(max_epochs=1), Path(folder))

    return work


def prediction(size: Size) -> Work:
    """Forecast every window with a Linear."""
    values = torch.from_numpy(walks(size.rows, size.channels).astype(np.float32))
    windows = Windows(values, size.lookback, size.horizon)
    model = model_of("Linear", size)[1].eval()

    @torch.inference_mode()
    def work() -> None:
        for batch in windows.iter_batches(64):
            model(batch.past)

    return work


def cell(size: Size) -> Work:
    """Measure a model in one cell of the shift benchmark, its clean forecasts among it."""
    values = walks(size.rows, size.channels)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    model = model_of("Linear", size)[1].eval()
    shift = parse_shifts(["level"])[0]
    start = size.rows // 2 - size.lookback // 2 - size.horizon // 2

    def work() -> None:
        half = size.rows // 2
        world = ShiftDataset("walks", values, half, start, size.lookback, size.horizon, 24)
        Evaluator(model, world, 2, 50).measure(Cell(shift, "steady", 3))

    return work


def long_table(series: int, rows: int = 300) -> pd.DataFrame:
    """Return a long table of walks."""
    values = walks(rows, series)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    ids = np.repeat(np.array([f"series-{number}" for number in range(series)], object), rows)
    return pd.DataFrame(
        {"unique_id": ids, "ds": np.tile(stamps.to_numpy(), series), "y": values.T.ravel()}
    )


def fit_of_series(series: int) -> Work:
    """Fit one Ridge on a long table as the user passes it."""
    from revin_forecast import Ridge

    return partial(Forecaster(14, 56, Ridge).fit, long_table(series))


def forecast_of_series(series: int) -> Work:
    """Forecast all series of a long table, with intervals."""
    from revin_forecast import Ridge

    forecaster = Forecaster(14, 56, Ridge).fit(long_table(series))
    return partial(forecaster.predict, level=[80])


def csv_of(dimension: str, size: int) -> bytes:
    """Return a table as text: wide, or long for `series`."""
    if dimension == "series":
        table = long_table(size)
    else:
        rows, channels = (size, 20) if dimension == "rows" else (4_000, size)
        names = [f"s{number}" for number in range(channels)]
        table = pd.DataFrame(walks(rows, channels).round(4), columns=names)
        stamps = pd.date_range("2000-01-01", periods=rows, freq="h")
        table.insert(0, "date", stamps.strftime("%Y-%m-%d %H:%M:%S"))
    return table.to_csv(index=False).encode()


_FOLDER = tempfile.TemporaryDirectory()


def csv_file(dimension: str, size: int) -> Path:
    """Return the path of such a table."""
    path = Path(_FOLDER.name) / f"{dimension}-{size}.csv"
    if not path.is_file():
        path.write_bytes(csv_of(dimension, size))
    return path


def reading(dimension: str, size: int) -> Work:
    """Read a CSV file."""
    return partial(read_series, csv_file(dimension, size))


def bare_reading(dimension: str, size: int) -> Work:
    """Read the same file by pyarrow alone."""
    return partial(csv.read_csv, csv_file(dimension, size))
