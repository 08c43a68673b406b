"""Forecast histories with one peer model; `panel_peers` runs this in the peer's environment."""

import datetime
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

LEVELS = (80, 95)
CHECKPOINT_SECONDS = 20
CONFORMAL_WINDOWS = 2
"""Windows of MFLES's intervals, the default of statsforecast: it has no other intervals."""
Forecast = dict[str, np.ndarray]
Model = Callable[[np.ndarray, int, int, str], Forecast]
"""(history, season, horizon, step) -> "mean", and "lo-80", "hi-80", ... where there are any."""


def build_model(name: str) -> Model:
    """Return the model of a name: fracast, FLAIR or a class of statsforecast."""
    return {"fracast": build_fracast, "FLAIR": build_flair}.get(name, build_statsforecast)(name)


def build_statsforecast(name: str) -> Model:
    """Return a model of statsforecast, which gets the season."""
    from statsforecast import models, utils  # pyright: ignore[reportMissingImports]

    def forecast(history: np.ndarray, season: int, horizon: int, step: str) -> Forecast:
        if name != "MFLES":
            model = getattr(models, name)(season_length=season)
            return model.forecast(y=history, h=horizon, level=list(LEVELS))
        has_windows = len(history) > CONFORMAL_WINDOWS * horizon + 1
        intervals = utils.ConformalIntervals(n_windows=CONFORMAL_WINDOWS, h=horizon)
        model = models.MFLES(
            season_length=season if season > 1 else None,
            prediction_intervals=intervals if has_windows else None,
        )
        return model.forecast(y=history, h=horizon, level=list(LEVELS) if has_windows else None)

    return forecast


def build_fracast(name: str) -> Model:
    """Return fracast with the weights in its package, which has the quantiles .1, .2, ..., .9."""
    import torch
    from fracast import FracastModel  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    model = FracastModel.from_pretrained()
    low, middle, high = (model.quantiles.index(level) for level in (0.1, 0.5, 0.9))

    def forecast(history: np.ndarray, season: int, horizon: int, step: str) -> Forecast:
        quantiles = model.forecast(history, horizon=horizon)
        return {
            "mean": quantiles[:, middle],
            "lo-80": quantiles[:, low],
            "hi-80": quantiles[:, high],
        }

    return forecast


def build_flair(name: str) -> Model:
    """Return FLAIR, which gets the step as a frequency and draws 200 paths."""
    import flaircast  # pyright: ignore[reportMissingImports]

    def forecast(history: np.ndarray, season: int, horizon: int, step: str) -> Forecast:
        paths = flaircast.forecast(history, horizon=horizon, freq=step, seed=0)
        result: Forecast = {"mean": paths.mean(axis=0)}
        for level in LEVELS:
            tail = (100 - level) / 2
            result[f"lo-{level}"], result[f"hi-{level}"] = np.percentile(
                paths, [tail, 100 - tail], axis=0
            )
        return result

    return forecast


def can_forecast(name: str, season: int) -> bool:
    """Return whether a model is run for this season: MSTL needs one."""
    return name != "MSTL" or season > 1


def main(name: str, source: str, target: str) -> None:
    """Forecast each history of one .npz file and write the forecasts to another.

    The forecasts so far are saved every 20 seconds, and a run that was interrupted continues there.
    """
    warnings.simplefilter("ignore")
    inputs, file = np.load(source), Path(target)
    partial = file.with_suffix(".part.npz")
    seasons, horizons, steps = inputs["seasons"], inputs["horizons"], inputs["steps"]
    histories = np.split(inputs["values"], np.cumsum(inputs["lengths"])[:-1])
    arrays, done = load_arrays(partial, len(horizons), int(horizons.max()))
    model = build_model(name)
    model(np.sin(np.arange(60.0)) + 5, 4, 4, "QS")  # imports and compilation are not timed
    saved = time.monotonic()
    for index in range(done, len(horizons)):
        season, horizon = int(seasons[index]), int(horizons[index])
        if not can_forecast(name, season):
            continue
        start = time.process_time()
        try:
            result = model(histories[index], season, horizon, str(steps[index]))
        except Exception as error:  # a model that fails has no forecast, and the page counts it
            arrays["errors"][index] = repr(error)[:200]
            continue
        arrays["seconds"][index] = time.process_time() - start
        arrays["mean"][index, :horizon] = result["mean"]
        for number, level in enumerate(LEVELS):
            if f"lo-{level}" in result:
                arrays["lower"][index, number, :horizon] = result[f"lo-{level}"]
                arrays["upper"][index, number, :horizon] = result[f"hi-{level}"]
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            save_arrays(partial, arrays | {"done": np.array(index + 1)})
            saved = time.monotonic()
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    save_arrays(file, arrays | {"date": np.array(date)})
    partial.unlink(missing_ok=True)


def load_arrays(partial: Path, tasks: int, steps: int) -> tuple[dict[str, np.ndarray], int]:
    """Return the arrays to fill and the number of tasks done, from an interrupted run if any."""
    arrays = {
        "mean": np.full((tasks, steps), np.nan),
        "lower": np.full((tasks, len(LEVELS), steps), np.nan),
        "upper": np.full((tasks, len(LEVELS), steps), np.nan),
        "seconds": np.full(tasks, np.nan),
        "errors": np.full(tasks, "", dtype="U200"),
    }
    if not partial.is_file():
        return arrays, 0
    earlier = np.load(partial)
    return {name: earlier[name] for name in arrays}, int(earlier["done"])


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz file; after an interruption it has either the old or the new content."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
    new.rename(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
