"""The command `demo`: forecast a shipped data set with and without RevIN."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from revin_forecast.cli.output import print_json, print_table
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    import numpy as np
    from torch import nn

    from revin_forecast.data.series import Series
    from revin_forecast.data.split import ChronologicalSplit
    from revin_forecast.evaluation.holdout import Scores

DATASET, LOOKBACK, HORIZON = "co2", 156, 52
"""Weeks: three years of history for a forecast of one year."""
HISTORY_ROWS = 6 * HORIZON
"""Rows that the picture shows before the forecast."""


def demo(out: str = "revin-forecast-demo", json: bool = False) -> None:
    """Forecast a shipped data set with and without RevIN.

    The data are weekly CO2 concentrations at Mauna Loa from 1958 to 2001: a yearly wave on a rising
    level, which is higher in the test part than anywhere in the training part. One linear map is
    solved with and without RevIN and scored on every window of the last fifth.

    Args:
        out: folder for the forecast (CSV) and the picture (HTML).
        json: print one JSON object instead of text.
    """
    folder = Path(out)
    if folder.is_file():
        raise InputError(f"{folder} is a file; name a folder for forecast and picture.")
    folder.mkdir(parents=True, exist_ok=True)
    from revin_forecast.data.catalog import catalog

    path = catalog.shipped_folder() / catalog.find_entry(DATASET).file
    with progress(f"forecasting {path.name}"):
        import numpy as np

        from revin_forecast.data.reading.read_series import read_series
        from revin_forecast.data.windows import Windows
        from revin_forecast.data.write_table import write_table
        from revin_forecast.evaluation.holdout import score
        from revin_forecast.forecasting.forecaster import Forecaster
        from revin_forecast.reports.line_chart import write_line_chart

        series = read_series(path)
        models, split = _fit_models(series)
        test = split.standardizer.to_tensor(split.select_part("test", LOOKBACK))
        windows = Windows(test, LOOKBACK, HORIZON)
        scores = {name: score(model, windows) for name, model in models.items()}
        forecast = Forecaster(HORIZON, LOOKBACK).fit(series).predict()
        table, picture = folder / "forecast.csv", folder / "picture.html"
        write_table(forecast, table)
        ahead = np.asarray(forecast[series.names[0]])
        lines = _chart_lines(series, models, split) | {
            "the year to come": (series.future_timestamps(HORIZON), ahead)
        }
        write_line_chart(lines, "CO2 at Mauna Loa: the last year, held out", "ppmv", picture)
    if json:
        facts = {"dataset": DATASET, "lookback": LOOKBACK, "horizon": HORIZON, "scores": scores}
        print_json(facts | {"forecast": table, "picture": picture})
        return
    _print_scores(scores)
    print(f"\nThe next {HORIZON} weeks:  {table}")
    print(f"Picture:            {picture}")
    print(f"\nYour own table:     revin-forecast forecast FILE --horizon {HORIZON} --out f.csv")


def _chart_lines(
    series: "Series", models: "dict[str, nn.Module]", split: "ChronologicalSplit"
) -> "dict[str, tuple[Any, np.ndarray]]":
    """Return the measured last years, and each model's forecast of the last one."""
    import torch

    stamps, standardizer = series.timestamps, split.standardizer
    past = torch.from_numpy(standardizer.transform(series.values[-LOOKBACK - HORIZON : -HORIZON]))
    lines = {"measured": (stamps[-HISTORY_ROWS:], series.values[-HISTORY_ROWS:, 0])}
    for name, model in models.items():
        with torch.inference_mode():
            ahead = model(past.float().unsqueeze(0)).squeeze(0).numpy()
        lines[name] = (stamps[-HORIZON:], standardizer.inverse_transform(ahead)[:, 0])
    return lines


def _fit_models(series: "Series") -> "tuple[dict[str, nn.Module], ChronologicalSplit]":
    from revin_forecast.data.catalog import catalog
    from revin_forecast.data.split import ChronologicalSplit
    from revin_forecast.evaluation.holdout import build_naive_baselines
    from revin_forecast.training.fit import fit_model
    from revin_forecast.training.model_config import ModelConfig

    borders = catalog.split_7_1_2(len(series))
    split = ChronologicalSplit(series.values, borders.train, borders.validation, borders.test)
    models: dict[str, nn.Module] = {}
    for title, normalizer in (("with RevIN", "RevIN"), ("without", "Identity")):
        backbone, spec = (ModuleSpec(f"revin_forecast.{name}") for name in ("Ridge", normalizer))
        config = ModelConfig(backbone, spec, LOOKBACK, HORIZON)
        models[title], _ = fit_model(config, split)
    season = catalog.find_entry(DATASET).season
    naive = build_naive_baselines(LOOKBACK, HORIZON, len(series.names), season)
    models["repeat the last value"] = naive["repeat"]
    models["repeat the last year"] = naive["seasonal_naive"]
    return models, split


def _print_scores(scores_by_model: "dict[str, Scores]") -> None:
    windows = next(iter(scores_by_model.values())).windows
    print(
        f"CO2 at Mauna Loa, {LOOKBACK} weeks -> {HORIZON}: errors on all {windows} windows of "
        "the last fifth, in training deviations"
    )
    rows = []
    for name, scores in scores_by_model.items():
        label = f"linear map, {name}" if name.startswith("with") else name
        rows.append((label, f"{scores.mse:.4f}", f"{scores.mae:.4f}"))
    print_table(("forecast", "MSE", "MAE"), rows)
