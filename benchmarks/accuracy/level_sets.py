"""The sets of the comparison of levels, their splits, look-backs and horizons."""

from dataclasses import dataclass

from revin_forecast.data.catalog.catalog import SplitBorders, data_folder, split_7_1_2
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.split import ChronologicalSplit

FILES = {
    "etth1": "ETT-small/ETTh1.csv",
    "etth2": "ETT-small/ETTh2.csv",
    "ettm1": "ETT-small/ETTm1.csv.gz",
    "ettm2": "ETT-small/ETTm2.csv.gz",
    "weather": "weather/weather.csv.gz",
    "exchange": "exchange_rate/exchange_rate.csv",
    "ili": "illness/national_illness.csv",
    "wth": "WTH/WTH.csv",
    "ecl_2ch": "electricity/ECL_2ch.csv",
    "ecl_mean": "electricity/ECL_mean.csv",
    "traffic_mean": "traffic/traffic_mean.csv",
    "los_speed": "traffic/los_speed.csv.gz",
    "bike": "shift/bike_sharing_hourly.csv",
    "pm25": "shift/beijing_pm25_hourly.csv",
    "appliances": "shift/appliances_energy_10min.csv.gz",
    "household": "shift/household_power_hourly.csv.gz",
    "covid": "shift/covid_daily.csv",
    "stocks": "shift/stocks_daily.csv",
    "bitcoin": "shift/bitcoin_transactions_daily.csv",
    "taxi": "shift/nyc_taxi_30min.csv",
    "pjm": "shift/pjm_load_hourly.csv.gz",
}
"""Name of a set -> its file in the folder of the benchmark data."""
ETT_BORDERS = {
    "etth": SplitBorders(8640, 11520, 14400),
    "ettm": SplitBorders(34560, 46080, 57600),
}


@dataclass(frozen=True)
class Sizes:
    """Look-backs to choose from, and the short and the long horizon."""

    lookbacks: tuple[int, ...]
    """Candidate look-backs, ascending."""
    horizons: tuple[int, int]
    """The short and the long horizon."""


SIZES = {
    4000: Sizes((96, 336, 512), (96, 336)),
    1000: Sizes((48, 96, 192), (24, 96)),
    400: Sizes((36, 52, 104), (24, 60)),
    0: Sizes((14, 28, 42), (7, 28)),
}
"""Smallest number of training rows -> sizes; fixed before the first run."""


def load_split(name: str, data_dir: str | None, quick: bool) -> ChronologicalSplit:
    """Return a set in its standard split; for a quick run 1,200 rows of two channels."""
    series = read_series(data_folder(data_dir) / FILES[name], grid=False, outliers="keep")
    values = series.values
    borders = ETT_BORDERS.get(name[:4]) or split_7_1_2(len(values))
    if quick:
        values, borders = values[:1200, :2], split_7_1_2(1200)
    return ChronologicalSplit(values, borders.train, borders.validation, borders.test)


def choose_sizes(split: ChronologicalSplit) -> Sizes:
    """Return the sizes for the number of training rows."""
    return next(sizes for least, sizes in SIZES.items() if split.train >= least)
