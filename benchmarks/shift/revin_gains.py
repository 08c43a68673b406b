"""Verdicts of shift cards and measured gains of RevIN, channel by channel."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.evidence import Row
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

OUTSIDE_FILES = {
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
"""Files outside the catalogue, and the distance between the channels that are used."""

MIN_BLOCKS = 5
"""Blocks of test windows below which no sign counts as significant."""

VERDICTS = {"help": "will help", "hurt": "will hurt", "can't tell": "can't tell"}
"""Short name of a verdict, and how its sentence ends."""


class Dataset(NamedTuple):
    """A data set with its values, its channels and its split."""

    name: str
    part: str
    """Either "catalogue" or "outside"."""
    values: np.ndarray
    channels: tuple[str, ...]
    borders: SplitBorders


def iter_datasets(data_dir: str | None, quick: bool) -> Iterator[Dataset]:
    """Yield the available sets of the catalogue, then the others."""
    for name, entry in CATALOG.items():
        if catalog.locate_file(name, data_dir) and (entry.is_shipped or not quick):
            series = catalog.load_dataset(name, data_dir)
            values = series.values[: entry.borders.test]
            yield Dataset(name, "catalogue", values, series.names, entry.borders)
    for file, step in {} if quick else OUTSIDE_FILES.items():
        path = catalog.data_folder(data_dir) / file
        if path.is_file():
            series = read_series(path)
            values, channels = series.values[:, ::step], series.names[::step]
            name = path.name.partition(".")[0]
            yield Dataset(name, "outside", values, channels, split_7_1_2(len(values)))


def compare_channels(dataset: Dataset) -> Iterator[Row]:
    """Yield a row for each channel whose training part is not constant."""
    borders = dataset.borders
    lookback, horizon, _ = card_window_sizes(borders.train, borders.test - borders.validation)
    split = ChronologicalSplit(dataset.values, borders.train, borders.validation, borders.test)
    table = split.standardizer.transform(dataset.values)
    verdicts = judge_channels(table, borders.train, lookback, horizon)
    # The blind verdict does not see the test rows, so it is a prediction.
    past = table[: borders.validation]
    blind_verdicts = judge_channels(past, borders.train, lookback, horizon)
    for index, channel in enumerate(dataset.channels):
        values = dataset.values[:, index : index + 1]
        if not np.nanstd(values[: borders.train]) > 0:
            continue
        yield {
            "part": dataset.part,
            "data": dataset.name,
            "channel": channel,
            "L": lookback,
            "H": horizon,
            **measure_gain(values, borders, (lookback, horizon)),
            "verdict": shorten_verdict(verdicts[index]),
            "blind": shorten_verdict(blind_verdicts[index]),
            "estimate": estimate_sign(verdicts[index]),
            "blind estimate": estimate_sign(blind_verdicts[index]),
        }


def measure_gain(values: np.ndarray, borders: SplitBorders, sizes: tuple[int, int]) -> Row:
    """Return the gain of RevIN on the test windows of one channel (time, 1)."""
    split = ChronologicalSplit(values, borders.train, borders.validation, borders.test)
    without = compute_test_errors(split, Identity, sizes)
    gain = without - compute_test_errors(split, RevIN, sizes)
    observed = np.isfinite(gain)
    gain, base, block = gain[observed], without[observed].mean(), sum(sizes)
    draws = bootstrap_means(gain[None], block, resamples=1000, seed=0)[0]
    low, high = percentile_interval(draws)
    sign = None
    if len(gain) >= MIN_BLOCKS * block:
        sign = "help" if low > 0 else "hurt" if high < 0 else None
    bounds = [None if np.isnan(bound) else 100 * float(bound) / base for bound in (low, high)]
    return {
        "windows": len(gain),
        "mse without": float(base),
        "gain %": 100 * float(gain.mean() / base),
        "lo": bounds[0],
        "hi": bounds[1],
        "sign": sign,
    }


def compute_test_errors(
    split: ChronologicalSplit, normalizer: type, sizes: tuple[int, int]
) -> np.ndarray:
    """Return the mean squared error of each test window of one channel; NaN without a target."""
    specs = ModuleSpec.from_class(Ridge), ModuleSpec.from_class(normalizer)
    model, _ = fit_model(ModelConfig(*specs, *sizes), split)
    errors = []
    with torch.inference_mode():
        for past, future, _ in split.make_windows("test", *sizes).iter_batches(4096):
            errors.append((model(past) - future).square().nanmean(dim=(1, 2)))
    return torch.cat(errors).double().numpy()


def shorten_verdict(verdict: Verdict) -> str:
    """Return the short name of a verdict."""
    return next(name for name, ending in VERDICTS.items() if verdict.answer.endswith(ending))


def estimate_sign(verdict: Verdict) -> str | None:
    """Return the sign of a verdict's estimated gain; None without evidence."""
    if verdict.evidence is None:
        return None
    return "help" if verdict.evidence.gain > 0 else "hurt"
