import time
from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.planned_row import HORIZONS, Cell, Row, split_of
from revin_forecast.backbones import Ridge
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, RevIN
from revin_forecast.training.model_config import ModelConfig

TEXT = """
# Ridge with and without RevIN

Test MSE and MAE on data z-scored by the training part; all windows scored; the penalty is chosen on
the standard validation part; `refit` solves once more on training and validation. Repeat with

    python -m benchmarks.accuracy.run --grid revin --data-dir DATA
"""


def revin_row(name: str, lookback: int, horizon: int, data_dir: str | None) -> Row:
    """Score Ridge with and without RevIN."""
    split, season = split_of(name, data_dir)
    cells: Row = {}
    start = time.perf_counter()
    for label, kind, refit in (
        ("RevIN", RevIN, False),
        ("RevIN refit", RevIN, True),
        ("LastValue", LastValue, False),
        ("Identity", Identity, False),
    ):
        components = ModuleSpec.from_class(Ridge), ModuleSpec.from_class(kind)
        recipe = ModelConfig(*components, lookback, horizon, refit=refit)
        result = evaluate(recipe, split, season)
        cells[f"{label} MSE"] = result.model.mse
        cells[f"{label} MAE"] = result.model.mae
    cells |= {"Repeat MSE": result.repeat.mse, "SeasonalNaive MSE": result.seasonal_naive.mse}
    cells |= {"windows": result.model.windows, "seconds": time.perf_counter() - start}
    return cells


def cells(names: list[str], data_dir: str | None, quick: bool, seeds: int) -> Iterator[Cell]:
    """Plan the first table."""
    sizes = {"etth1": 512, "etth2": 512, "exchange": 96}
    for name in names or sizes:
        for horizon in HORIZONS[:1] if quick else HORIZONS:
            key: Row = {"data": name, "look-back": sizes[name], "horizon": horizon}
            yield Cell(key, partial(revin_row, name, sizes[name], horizon, data_dir))
