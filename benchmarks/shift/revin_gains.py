"""What shift cards say of each channel, and what RevIN gains there."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.catalog import CATALOG, SplitBorders, split_7_1_2
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift.card.card import card_window_sizes
from revin_forecast.shift.card.verdict import Verdict, judge_channels
from revin_forecast.shift.statistics import bootstrap_means, percentile_interval
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig

OUTSIDE = {
    "WTH/WTH.csv": 1,
    "electricity/ECL_2ch.csv": 1,
    "electricity/ECL_mean.csv": 1,
    "traffic/traffic_mean.csv": 1,
    "traffic/los_speed.csv.gz": 10,
    "shift/appliances_energy_10min.csv.gz": 1,
    "shift/beijing_pm25_hourly.csv": 1,
    "shift/bike_sharing_hourly.csv": 1,
    "shift/bitcoin_transactions_daily.csv": 1,
    "shift/covid_daily.csv": 1,
    "shift/household_power_hourly.csv.gz": 1,
    "shift/nyc_taxi_30min.csv": 1,
    "shift/pjm_load_hourly.csv.gz": 1,
}
"""Files outside the catalogue, and of how many channels one is taken."""

BLOCKS = 5
"""Where fewer blocks of test windows fit, no sign is called significant."""

CALLED = {"help": "will help", "hurt": "will hurt", "can't tell": "can't tell"}


class File(NamedTuple):
    """A data set: its values, its channels and how it is split."""

    name: str
    part: str
    values: np.ndarray
    names: tuple[str, ...]
    borders: SplitBorders


def files(data_dir: str | None, quick: bool) -> Iterator[File]:
    """Yield the catalogued sets at hand, then the others."""
    for name, entry in CATALOG.items():
        if catalog.locate_file(name, data_dir) and (entry.is_shipped or not quick):
            series = catalog.load_dataset(name, data_dir)
            values = series.values[: entry.borders.test]
            yield File(name, "catalogue", values, series.names, entry.borders)
    for place, step in () if quick else OUTSIDE.items():
        path = catalog.data_folder(data_dir) / place
        if path.is_file():
            series = read_series(path)
            values, names = series.values[:, ::step], series.names[::step]
            name = path.name.partition(".")[0]
            yield File(name, "outside", values, names, split_7_1_2(len(values)))


def test_errors(split: ChronologicalSplit, normalizer: type, sizes: tuple[int, int]) -> np.ndarray:
    """Return the mean squared error of each test window of one channel; NaN without a target."""
    model, _ = fit_model(
        ModelConfig(ModuleSpec.from_class(Ridge), ModuleSpec.from_class(normalizer), *sizes), split
    )
    errors = []
    with torch.inference_mode():
        for past, future, _ in split.make_windows("test", *sizes).iter_batches(4096):
            errors.append((model(past) - future).square().nanmean(dim=(1, 2)))
    return torch.cat(errors).double().numpy()


def measured(values: np.ndarray, borders: SplitBorders, sizes: tuple[int, int]) -> dict[str, Any]:
    """Return what RevIN gains on the test windows of one channel (time, 1)."""
    split = ChronologicalSplit(values, borders.train, borders.validation, borders.test)
    without, gain = test_errors(split, Identity, sizes), -test_errors(split, RevIN, sizes)
    gain += without
    observed = np.isfinite(gain)
    gain, base, block = gain[observed], without[observed].mean(), sum(sizes)
    draws = bootstrap_means(gain[None], block, resamples=1000, seed=0)[0]
    lo, hi = percentile_interval(draws)
    sign = "" if len(gain) < BLOCKS * block else "help" if lo > 0 else "hurt" if hi < 0 else ""
    percent = [None if np.isnan(part) else 100 * float(part) / base for part in (lo, hi)]
    return {
        "windows": len(gain),
        "mse without": float(base),
        "gain %": 100 * float(gain.mean() / base),
        "lo": percent[0],
        "hi": percent[1],
        "sign": sign or None,
    }


def rows_of(file: File) -> Iterator[dict[str, Any]]:
    """Yield a row for each channel that has a spread to be measured by."""
    borders = file.borders
    lookback, horizon, _ = card_window_sizes(borders.train, borders.test - borders.validation)
    scaled = ChronologicalSplit(file.values, borders.train, borders.validation, borders.test)
    table = scaled.standardizer.transform(file.values)
    told = judge_channels(table, borders.train, lookback, horizon)
    blind = judge_channels(table[: borders.validation], borders.train, lookback, horizon)
    for place, name in enumerate(file.names):
        values = file.values[:, place : place + 1]
        if not np.nanstd(values[: borders.train]) > 0:
            continue
        yield {
            "part": file.part,
            "data": file.name,
            "channel": name,
            "L": lookback,
            "H": horizon,
            **measured(values, borders, (lookback, horizon)),
            "verdict": short(told[place]),
            "blind": short(blind[place]),
            "estimate": sign_of(told[place]),
            "blind estimate": sign_of(blind[place]),
        }


def short(verdict: Verdict) -> str:
    return next(name for name, ending in CALLED.items() if verdict.answer.endswith(ending))


def sign_of(verdict: Verdict) -> str | None:
    if verdict.evidence is None:
        return None
    return "help" if verdict.evidence.gain > 0 else "hurt"
