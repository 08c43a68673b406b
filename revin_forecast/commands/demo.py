from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from revin_forecast.backbones import Ridge
from revin_forecast.components import Component
from revin_forecast.data import catalog
from revin_forecast.data.entries import chronological_borders
from revin_forecast.data.reading import read_series
from revin_forecast.data.series import Series
from revin_forecast.data.windows import Windows
from revin_forecast.data.writing import write_table
from revin_forecast.evaluation import naive_models, score
from revin_forecast.fitting import Recipe, Split, fit_split
from revin_forecast.forecaster import Forecaster
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.picture import draw_lines

DATASET, LOOKBACK, HORIZON = "co2", 156, 52
HISTORY = 6 * HORIZON


def demo(out: str = "revin-forecast-demo") -> None:
    """Forecast a shipped data set, and show what RevIN changes.

    CO2 at Mauna Loa, weekly from 1958 to 2001: a level that no training part has seen, and the
    same yearly wave on top of it. One linear map is solved with and without RevIN and scored on
    every window of the last fifth.

    Args:
        out: folder for the forecast (CSV) and the picture (HTML).
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    path = catalog.shipped_folder() / catalog.find(DATASET).file
    series = read_series(path)
    models, split = _fitted_models(series)
    standardizer = split.standardizer
    test = standardizer.tensor(split.part("test", LOOKBACK))
    windows = Windows(test, LOOKBACK, HORIZON)
    _print_scores(models, windows)

    forecast = Forecaster(HORIZON, LOOKBACK).fit(series).predict()
    write_table(forecast, folder / "forecast.csv")
    past = torch.from_numpy(standardizer.transform(series.values[-LOOKBACK - HORIZON : -HORIZON]))
    stamps = series.timestamps
    lines = {"measured": (stamps[-HISTORY:], series.values[-HISTORY:, 0])}
    for name, model in models.items():
        with torch.inference_mode():
            ahead = model(past.float().unsqueeze(0)).squeeze(0).numpy()
        lines[name] = (stamps[-HORIZON:], standardizer.inverse(ahead)[:, 0])
    future = series.future_timestamps(HORIZON)
    lines["the year to come"] = (future, np.asarray(forecast[series.names[0]]))
    title = "CO2 at Mauna Loa: the last year, held out"
    draw_lines(lines, title, "ppmv", folder / "picture.html")
    print(f"\nThe next {HORIZON} weeks:  {folder / 'forecast.csv'}")
    print(f"Picture:            {folder / 'picture.html'}")
    print(f"\nYour own table:     revin-forecast forecast FILE --horizon {HORIZON} --out f.csv")


def _fitted_models(series: Series) -> tuple[dict[str, nn.Module], Split]:
    borders = chronological_borders(len(series))
    split = Split(series.values, borders.train, borders.validation, borders.test)
    models: dict[str, nn.Module] = {}
    for name, normalizer in (("with RevIN", RevIN), ("without", Identity)):
        recipe = Recipe(Component.of(Ridge), Component.of(normalizer), LOOKBACK, HORIZON)
        models[name], _ = fit_split(recipe, split)
    season = catalog.find(DATASET).season
    naive = naive_models(LOOKBACK, HORIZON, len(series.names), season)
    models["repeat the last value"] = naive["repeat"]
    models["repeat the last year"] = naive["seasonal_naive"]
    return models, split


def _print_scores(models: dict[str, nn.Module], windows: Windows) -> None:
    console = Console()
    console.print(
        f"CO2 at Mauna Loa, {LOOKBACK} weeks -> {HORIZON}: errors on all {len(windows)} windows of "
        "the last fifth, in training deviations",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("forecast", "MSE", "MAE"):
        table.add_column(heading, justify="left" if heading == "forecast" else "right")
    for name, model in models.items():
        label = f"linear map, {name}" if name.startswith("with") else name
        scores = score(model, windows)
        table.add_row(label, f"{scores.mse:.4f}", f"{scores.mae:.4f}")
    console.print(table)
