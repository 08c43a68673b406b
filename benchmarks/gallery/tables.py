"""The tables of the gallery: source, licence, forecast and lesson of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.gallery.sources import (
    read_commits,
    read_emissions,
    read_equipment,
    read_unchanged,
    select_columns,
)

STATSMODELS = 'Public domain (`COPYRIGHT` in the data set\'s `data.py`: "{text}").'
VEGA = 'Public domain (`vega_datasets/dataset_info.json`: "{text}").'


@dataclass(frozen=True)
class GalleryTable:
    """A public table and its forecast."""

    name: str
    """Name of its files."""
    title: str
    file: str
    """Path of the source, which begins with `datasets` or the name of a Python package."""
    read: Callable[[Path], pd.DataFrame]
    """Function from the source to the table that is forecast."""
    horizon: int
    step: str
    """Distance between rows, in words."""
    source: str
    """Publisher and content."""
    licence: str
    """Licence, and where it is stated."""
    lesson: str
    """One line: the lesson of the forecast."""
    options: tuple[str, ...] = ()
    """Further options of `revin-forecast forecast`."""

    @property
    def words(self) -> list[str]:
        """Words of the command that makes the page."""
        words = ["forecast", f"{self.name}.csv", "--horizon", str(self.horizon), *self.options]
        return [*words, "--report", f"{self.name}.html", "--out", f"{self.name}_forecast.csv"]


TABLES = (
    GalleryTable(
        "sunspots",
        "Sunspots",
        "statsmodels/datasets/sunspots/sunspots.csv",
        select_columns(YEAR="year", SUNACTIVITY="sunspots"),
        11,
        "year",
        "National Geophysical Data Center (NOAA): yearly mean sunspot numbers from 1700 on",
        STATSMODELS.format(text="This data is public domain."),
        "The eleven-year cycle cuts the error of the last value by two fifths. Cycles differ in "
        "length and height, so the intervals hold a little less than they claim.",
    ),
    GalleryTable(
        "nile",
        "Flow of the Nile",
        "statsmodels/datasets/nile/nile.csv",
        read_unchanged,
        10,
        "year",
        "Cobb (1978), The problem of the Nile: yearly flow at Aswan",
        STATSMODELS.format(text="This is public domain."),
        "The flow fell around 1899 and stayed low, and the forecast is near the mean since "
        "then. A hundred years allow two independent tests, so its gain is not proved.",
    ),
    GalleryTable(
        "equipment",
        "Electrical equipment",
        "statsmodels/datasets/elec_equip/elec_equip.csv",
        read_equipment,
        12,
        "month",
        "Eurostat: turnover of manufacturers of electrical equipment in the EU, an index",
        STATSMODELS.format(text="This is public domain."),
        "Trend and season are forecast a little better than by last year's values, but four "
        "independent tests do not prove it. The financial crisis is among the past errors, and the "
        "intervals are too wide for the calm years after it.",
    ),
    GalleryTable(
        "iowa_electricity",
        "Electricity in Iowa",
        "vega_datasets/_data/iowa-electricity.csv",
        read_unchanged,
        3,
        "year",
        "US Energy Information Administration: net generation by source, as a long table",
        VEGA.format(
            text="published in the public domain by the U.S. Energy Information Administration"
        ),
        "Seventeen rows give a single test, too few for a verdict. In it the fossil fuels fell by "
        "almost a fifth, and the interval missed all three years.",
    ),
    GalleryTable(
        "co2",
        "CO2 at Mauna Loa",
        "datasets/co2_weekly.csv",
        read_unchanged,
        52,
        "week",
        "Keeling and Whorf (2004), CDIAC: weekly CO2 in the air, with gaps",
        STATSMODELS.format(text="This is public domain."),
        "Trend and season are so regular that the error is a third of that of repeating last "
        "year. Only rows with a value are counted here; the 59 gaps stay gaps.",
    ),
    GalleryTable(
        "stocks",
        "Prices of three shares",
        "datasets/stocks_daily.csv",
        read_unchanged,
        20,
        "trading day",
        "Quandl WIKI Prices: adjusted closing prices of AAPL, IBM and MSFT",
        "Public domain (`licenses/datasets.json` of `bokeh_sampledata`, checked at the source).",
        "Nothing beats repeating the last price. In the test the chosen model was the last "
        "value itself; only the intervals are useful.",
    ),
    GalleryTable(
        "us_macro",
        "Economy of the US",
        "datasets/us_macro_quarterly.csv",
        read_unchanged,
        8,
        "quarter",
        "Federal Reserve Bank of St. Louis and BLS: twelve quarterly series",
        STATSMODELS.format(text="This is public domain."),
        "Twelve series need twelve answers. The average looks good, but the tests contain the "
        "crisis of 2008, and the intervals of the interest rate hold less than half of the "
        "values.",
    ),
    GalleryTable(
        "seattle_weather",
        "Weather in Seattle",
        "vega_datasets/_data/seattle-weather.csv",
        select_columns(
            date="date",
            precipitation="precipitation",
            temp_max="temp_max",
            temp_min="temp_min",
            wind="wind",
        ),
        14,
        "day",
        "National Weather Service (NOAA): rain, temperatures and wind, 2012 to 2015",
        VEGA.format(text="public-domain NOAA data"),
        "A forecast of two weeks knows the season and little about single days. More than half "
        "of the days are dry, so the forecast of rain is its mean.",
    ),
    GalleryTable(
        "traffic",
        "Traffic on a motorway",
        "autots/datasets/data/traffic_hourly.zip",
        select_columns(datetime="hour", traffic_volume="vehicles"),
        24,
        "hour",
        "Hogue (2019), Metro Interstate Traffic Volume, UCI Machine Learning Repository, "
        "doi:10.24432/C5X60B; Minnesota Department of Transportation, westbound I-94",
        "CC BY 4.0 (UCI repository, data set 492); the rows that `autots` ships, of two columns.",
        "Choose the right naive forecast. The error is half of that of the day before, but "
        "repeating the same hour of last week is almost as good. The known holidays lower "
        "the error by a few percent.",
        ("--covariates", "holiday:US"),
    ),
    GalleryTable(
        "commits",
        "Commits a day",
        "bokeh_sampledata/_data/commits.txt.gz",
        read_commits,
        14,
        "day",
        "Bokeh: commits of its repository, 2012 to 2017, counted by day",
        "Public domain (`licenses/datasets.json` of `bokeh_sampledata`).",
        "Half of the days have no commit, and bursts cannot be foreseen. The forecast is a "
        "small number, and its upper limit is the useful part.",
    ),
    GalleryTable(
        "emissions",
        "CO2 emissions of countries",
        "bokeh_sampledata/_data/emissions.csv.gz",
        read_emissions,
        5,
        "year",
        "Bokeh's sample of CO2 emissions, in tonnes per head: countries with all years from 1950 "
        "to 2012 and more than 5 tonnes in the last one, as a long table",
        "Public domain (`licenses/datasets.json` of `bokeh_sampledata`).",
        "The trends of former decades did not go on. Over all countries the forecast is about as "
        "good as repeating the last value, and in most of them it is worse.",
    ),
    GalleryTable(
        "page_views",
        "Views of two articles",
        "autots/datasets/data/holidays.zip",
        select_columns(
            datetime="day",
            wiki_Thanksgiving="Thanksgiving",
            wiki_Christmas="Christmas",
        ),
        28,
        "day",
        "Wikimedia Foundation: daily views of articles of the English Wikipedia",
        "CC0 (Wikimedia's page view data).",
        "A known date puts the peak on the right day, 28 November. All else about it is wrong: the "
        "rise comes a week early, and the peak has a fifth of the height of former years.",
        ("--covariates", "holiday:US"),
    ),
)
