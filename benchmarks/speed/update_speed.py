"""Time of an update of a fitted forecaster, compared with a fit on all rows."""

import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast import Forecaster, Ridge
from revin_forecast.data.series import Series
from revin_forecast.forecasting.update import solve_again
from revin_forecast.forecasting.update_state import UpdateState

Result = TypeVar("Result")
TEXT = """
# Update: time and size

Synthetic series (level, season, noise) of the sizes named; hours, and days for the tables of many
series. A forecaster is fitted on the `rows`, then `new` rows follow. `fit s`: a fit on all rows,
old and new, which selects everything again. `update s`: `Forecaster.update` with the new rows, the
median of three. `ratio`: update over fit. `load s`, `save s`: reading and writing the folder.
`stored`: the stored form of the earlier rows: `sums` over all windows, or the `rows` themselves
(tables shorter than twelve windows, and the last thousand rows of models of single series).
`stored MiB`: its size; `model MiB`: the size of the whole folder; `rows MiB`: the size of all rows
as numbers. `difference`: the largest difference between a weight after the update and the weight
solved on all rows at once with the same choices, relative to the largest weight; weights are
float32. All times are of the processor, on one thread. The machine was busy, so the time budget of
the automatic choice ended earlier than on a quiet one. The automatic choice was not measured on
10,000 series, and their row was measured again after a repair, in a second run. Repeat with

    python -m benchmarks.speed.update_speed
"""
SIZES = (
    (1, 1_000, 24, "h"),
    (7, 17_420, 24, "h"),
    (21, 52_000, 144, "h"),
    (321, 26_000, 24, "h"),
    (1_000, 500, 50, "D"),
    (10_000, 500, 50, "D"),
)
"""Series, rows, new rows and step of each table."""
MAX_AUTOMATIC_VALUES = 6_000_000
"""Most values of a table that the automatic choice is measured on."""


@measurement("update_speed", quick="the smallest table only")
def main(options: Options, page: EvidencePage) -> None:
    """Measure a named Ridge and the automatic choice on each table."""
    page.text = TEXT
    torch.set_num_threads(1)
    for size in SIZES[:1] if options.quick else SIZES:
        models = {"Ridge": partial(Forecaster, 24, backbone=Ridge), "auto": partial(Forecaster, 24)}
        for name, make in models.items():
            if name == "auto" and size[0] * size[1] > MAX_AUTOMATIC_VALUES:
                continue
            page.add(measure_update(name, make, *size))


def measure_update(
    name: str, make: Callable[[], Forecaster], series: int, rows: int, new: int, step: str
) -> Row:
    """Return the times and sizes of one model on one table."""
    table = synthesize(series, rows + new, step)
    earlier, later = table.slice_rows(0, rows), table.slice_rows(rows, rows + new)
    forecaster = make().fit(earlier)
    fit_seconds, _ = _time(lambda: make().fit(table))
    with tempfile.TemporaryDirectory() as folder:
        forecaster.save(folder)
        load_seconds, loaded = _time(lambda: Forecaster.load(folder))
        fitted = loaded.fitted
        seconds = []
        for _ in range(3):
            loaded.fitted = fitted
            update_seconds, _ = _time(lambda: loaded.update(later))
            seconds.append(update_seconds)
        save_seconds, _ = _time(lambda: loaded.save(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    state = loaded.fitted.update_state
    assert state is not None  # the model was just updated
    update_seconds = float(np.median(seconds))
    return {
        "model": name,
        "series": series,
        "rows": rows,
        "new": new,
        "fit s": fit_seconds,
        "update s": update_seconds,
        "ratio": update_seconds / fit_seconds,
        "load s": load_seconds,
        "save s": save_seconds,
        "stored": "rows" if state.sums is None else "sums",
        "stored MiB": state.byte_count / 2**20,
        "model MiB": size / 2**20,
        "rows MiB": table.values.nbytes / 2**20,
        "difference": compare_with_all_rows(loaded, table),
    }


@torch.no_grad()
def compare_with_all_rows(updated: Forecaster, table: Series) -> float:
    """Return the largest difference to maps that are solved on all rows at once."""
    fitted = updated.fitted
    state = fitted.update_state
    assert state is not None  # the model was just updated
    whole = UpdateState(table.values, state.width, state.settings, can_condense=False)
    reference = replace(fitted, model=copy.deepcopy(fitted.model))
    solve_again(reference, whole)
    largest = difference = 0.0
    pairs = zip(fitted.model.parameters(), reference.model.parameters(), strict=True)
    for got, wanted in pairs:
        largest = max(largest, float(wanted.abs().max()))
        difference = max(difference, float((got - wanted).abs().max()))
    return difference / largest if largest else difference


def synthesize(series: int, rows: int, step: str) -> Series:
    """Return series with a level that wanders, a season and noise."""
    random = np.random.default_rng(0)
    time_steps = np.arange(rows)[:, None]
    season = 24 if step == "h" else 7
    values = 100 + random.normal(0, 0.2, (rows, series)).cumsum(axis=0)
    values += 5 * np.sin(2 * np.pi * time_steps / season + random.uniform(0, 6, series))
    values += random.normal(0, 1, (rows, series))
    stamps = pd.date_range("2015-01-01", periods=rows, freq=step)
    names = tuple(f"series-{number:05d}" for number in range(series))
    return Series(values, stamps, names, step)


def _time(call: Callable[[], Result]) -> tuple[float, Result]:
    """Return the processor seconds of a call, and its result."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


if __name__ == "__main__":
    main()
