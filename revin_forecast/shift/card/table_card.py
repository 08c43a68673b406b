"""The shift card of a table, from Python."""

import pandas as pd

from revin_forecast.data.catalog import catalog
from revin_forecast.data.reading.read_series import TableLike, read_series
from revin_forecast.data.reading.rows.frequency import default_season
from revin_forecast.shift.card.card import card_window_sizes, measure_card


def shift_card(
    table: TableLike,
    lookback: int | None = None,
    horizon: int | None = None,
    season: int | None = None,
    data_dir: str | None = None,
) -> pd.DataFrame:
    """Predict whether normalizing helps a table, and measure how far its test rows have shifted.

    The command `shift-card` in Python. A catalogued data set has its standard split, a table the
    split 7:1:2. The columns are those of `measure_card`: among them verdict, gain (percent of the
    error that normalizing should save), gain_low, gain_high, probability and sentence, from the
    rows before the test rows.

    Args:
        table: name of a catalogued data set, path of a file, or a data frame with times.
        lookback: look-back steps; None: 96, or fewer in a short table.
        horizon: forecast steps; None: 96, or fewer in a short table.
        season: steps per season; None: that of the data set or of the table's frequency.
        data_dir: folder of the catalogued data sets.

    Returns:
        One row a column of the table.

    Raises:
        InputError: the table can't be read, or has too few rows.

    >>> card = shift_card("co2", lookback=52, horizon=26)
    >>> card.verdict.item()
    'normalizing should lower the error'
    """
    if isinstance(table, str) and table in catalog.CATALOG:
        entry, series = catalog.find_entry(table), catalog.load_dataset(table, data_dir)
        borders, usual_season = entry.borders, entry.season
    else:
        series = read_series(table)
        borders = catalog.split_7_1_2(len(series))
        usual_season = default_season(series.frequency)
    test = borders.test - borders.validation
    sizes = card_window_sizes(borders.train, test, lookback, horizon)[:2]
    parts = borders.train, borders.validation, season or usual_season
    return measure_card(series.values[: borders.test], *parts, *sizes, series.names)
