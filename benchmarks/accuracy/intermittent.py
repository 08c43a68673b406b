"""The default forecast of intermittent series, compared with methods made for them."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from benchmarks.accuracy.default_choice import CACHE
from benchmarks.accuracy.forecast_intermittent import LEVELS, NAMES
from benchmarks.accuracy.intermittent_panel import IntermittentTask, load_tasks
from benchmarks.accuracy.intermittent_peers import load_flights, load_peers
from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.evidence import Row
from revin_forecast import TSB, Forecaster, Identity
from revin_forecast.data.catalog import catalog
from revin_forecast.errors import InputError

QUANTILES = np.array([0.1, 0.505, 0.8, 0.9, 0.95])
"""Levels of the quantiles after the point forecast; .505 is the bound of the narrowest interval."""
TSB_LOOKBACK = 200
SIMULATED = ("constant rate", "changing rate")
NOT_INTERMITTENT = "bike trips"
GROUPS = ("real series", "simulated series")
TEXT = f"""
# Forecasts of intermittent series

The default forecast of series with more than half zeros, its parts, and methods that were made for
such series (statsforecast 2.1.1).

**Series.** Before its first origin each has more than half zeros, no negative value and zeros that
no season explains. *covid*: COVID-19 cases a day by area. *night rides*: bikes rented at one hour
of the night. *rain*: mm of rain in Jena by day and by 6 hours, hours of rain and snow a day in
Beijing. *home*: Wh of lamps and of a kitchen by the hour. *cancelled*: flights cancelled a day, by
carrier. *planes*: flights a day of single planes. *constant rate*: simulated compound Poisson
series with sizes of three distributions. *changing rate*: the same with a rate that moves, or jumps
once. *bike trips* (trips a day of four bikes) are not intermittent, with a quarter to half zeros.
The first two groups join all real and all simulated series, without the bike trips.

**Seen before.** The rules were chosen on simulated series of another seed. While they were chosen,
figures of covid, rain, home, night rides and cancelled were seen, but none of the planes and the
bike trips. So the planes are the family to judge the rules by.

**Protocol.** Four origins, one horizon apart, up to the last rows: 14 days, 28 times 6 hours, 24
hours, 12 simulated steps. Every model is fitted at each origin, on all rows before it. `default` is
`Forecaster(horizon)`. `TSB backbone` is the same with `TSB` and `Identity` by name and a look-back
of up to {TSB_LOOKBACK} steps. `history` is the mean and the quantiles of all rows, `zero` always 0.
The peers are those of statsforecast with its conformal intervals of up to ten windows, clipped at
0; TSB there has both smoothing weights .1.

**Columns**, all relative to the mean of the rows before the origin, means over origins and then
over series: `error` is the absolute error of the point forecast, `RMSE` the root of its mean square
over steps and origins, `bias` its mean error. `median's error` is the absolute error of the
quantile .505, the bound of the narrowest interval (1 %). `QL` is twice the pinball loss, the mean
of the levels .1, .505, .8, .9 and .95, which are bounds of intervals of 80, 1, 60, 80 and 90 %; the
columns behind it are the single levels. `<= .8` is the percentage of values that the quantile .8
covers; `80 %` that of the interval of 80 %. The more zeros, the more is covered: where nine tenths
are zero, [0, 0] covers 90 %.

**Mean or median.** The median has the smaller absolute error, because it is 0 nearly always: that
error prefers the forecast that nothing is ever needed. So the point forecast of an intermittent
series is the mean rate, which adds up to the demand of a month (its bias is small) and has a
smaller RMSE, and its quantiles say the rest.

**Where it is not best.** `TSB` knows no season. So where a day has twelve steps or more, as on
*home*, the default keeps its linear maps, and the intervals of these. Where the
rate does not change (*night rides*, *home*, *cancelled*, *constant rate*), the quantiles of all
rows have the smaller quantile loss. On *covid*, where the rate multiplies, all intervals are too
narrow. The intervals of the peers are as wide below their forecast as above, which costs them most
of their quantile loss; their point forecasts are about as good. Repeat with

    python -m benchmarks.accuracy.run --grid intermittent --threads 1 --data-dir DATA

which creates an environment for the peers and the flights in the folder --peers.
"""


def forecast_default(task: IntermittentTask) -> np.ndarray:
    """Return the point forecast and the quantiles (columns, horizon) of the default."""
    return _predict(Forecaster(len(task.truth)), task)


def forecast_tsb(task: IntermittentTask) -> np.ndarray:
    """Return those of the backbone by name, with its compound intervals."""
    horizon = len(task.truth)
    lookback = min(TSB_LOOKBACK, len(task.history) // 2)
    return _predict(Forecaster(horizon, lookback, TSB, Identity), task)


def forecast_history(task: IntermittentTask) -> np.ndarray:
    """Return the mean and the quantiles of the history."""
    columns = [np.nanmean(task.history), *np.nanquantile(task.history, QUANTILES)]
    return np.repeat(np.array(columns)[:, None], len(task.truth), axis=1)


def forecast_zero(task: IntermittentTask) -> np.ndarray:
    """Return zeros."""
    return np.zeros((1 + len(QUANTILES), len(task.truth)))


def _predict(forecaster: Forecaster, task: IntermittentTask) -> np.ndarray:
    forecaster.fit(task.table)
    try:
        table = forecaster.predict(level=LEVELS)
    except InputError:  # an interval level that the model does not have
        table = forecaster.predict()
    missing = np.full(len(task.truth), np.nan)
    names = ("y", "y-lo-80", "y-hi-1", "y-hi-60", "y-hi-80", "y-hi-90")
    columns = (table[name].to_numpy() if name in table else missing for name in names)
    return np.stack(list(columns))


FORECASTS: dict[str, Callable[[IntermittentTask], np.ndarray]] = {
    "default": forecast_default,
    "TSB backbone": forecast_tsb,
    "history": forecast_history,
    "zero": forecast_zero,
}


class IntermittentComparison:
    """All models on all tasks; forecasts are made when the first row needs them.

    Args:
        tasks: tasks to forecast.
        cache: folder of the peers; None: without peers.
    """

    def __init__(self, tasks: Sequence[IntermittentTask], cache: Path | None):
        self.tasks = tasks
        self.cache = cache
        self.models = (*FORECASTS, *(NAMES if cache else ()))

    @cached_property
    def forecasts(self) -> dict[str, list[np.ndarray]]:
        """Forecasts (columns, horizon) of each model for each task."""
        own = {name: [make(task) for task in self.tasks] for name, make in FORECASTS.items()}
        return own if self.cache is None else own | load_peers(self.tasks, self.cache)[0]

    def score_group(self, model: str, group: str) -> Row:
        """Return the columns of a model, means over the series of a family or of a group."""
        scores: dict[tuple[str, str], list[np.ndarray]] = {}
        for task, forecast in zip(self.tasks, self.forecasts[model], strict=True):
            if group in find_groups(task.family):
                scores.setdefault((task.family, task.name), []).append(score_task(task, forecast))
        means = np.stack([np.nanmean(rows, axis=0) for rows in scores.values()])
        means[:, 1] = np.sqrt(means[:, 1])
        values = np.where(np.isnan(means).all(0), np.nan, np.nanmean(means, axis=0))
        row = dict(zip(COLUMNS, values.tolist(), strict=True))
        finite = {name: value if np.isfinite(value) else None for name, value in row.items()}
        return {"series": len(means)} | finite


def find_groups(family: str) -> tuple[str, ...]:
    """Return the rows that a family counts in: its own and that of its group."""
    if family == NOT_INTERMITTENT:
        return (family,)
    return family, GROUPS[family in SIMULATED]


COLUMNS = (
    "error", "RMSE", "bias", "median's error", "QL", "QL .5", "QL .8", "QL .9", "QL .95",
    "<= .8", "<= .9", "<= .95", "80 %",
)  # fmt: skip


def score_task(task: IntermittentTask, forecast: np.ndarray) -> np.ndarray:
    """Return the scores of `COLUMNS`, relative to the mean of the history; RMSE is squared.

    Args:
        task: history and truth.
        forecast: (columns, horizon) point forecast and quantiles.
    """
    scale = np.nanmean(task.history)
    observed = np.isfinite(task.truth)
    truth, (point, *quantiles) = task.truth[observed], forecast[:, observed]
    above = truth - np.array(quantiles)
    losses = 2 * np.maximum(QUANTILES[:, None] * above, (QUANTILES[:, None] - 1) * above).mean(1)
    covered = 100.0 * np.where(np.isnan(above), np.nan, above <= 1e-9).mean(1)
    low, high = quantiles[0], quantiles[3]
    inside = 100.0 * np.where(np.isnan(low), np.nan, (low <= truth) & (truth <= high)).mean()
    errors = (point - truth) / scale
    return np.array(
        [
            np.abs(errors).mean(),
            np.square(errors).mean(),
            errors.mean(),
            np.abs(above[1]).mean() / scale,
            losses.mean() / scale,
            *(losses[1:] / scale),
            *covered[2:],
            inside,
        ]
    )


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int, folder: Path = CACHE
) -> Iterator[PlannedRow]:
    """Plan a row for each family and model; names are families."""
    if seeds != 1:
        raise SystemExit("--grid intermittent has a fixed seed; leave --seeds out.")
    data = Path(catalog.data_folder(data_dir))
    tasks = load_tasks(data, {} if quick else load_flights(folder), quick)
    tasks = [task for task in tasks if not names or task.family in names]
    comparison = IntermittentComparison(tasks, None if quick else folder)
    families = list(dict.fromkeys(task.family for task in tasks))
    present = {group for family in families for group in find_groups(family)}
    for group in (*(group for group in GROUPS if group in present), *families):
        for model in comparison.models:
            key: Row = {"family": group, "model": model}
            yield PlannedRow(key, partial(comparison.score_group, model, group))
