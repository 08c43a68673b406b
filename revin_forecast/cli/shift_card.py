import math

from rich.console import Console
from rich.table import Table

from revin_forecast.cli.output import print_json
from revin_forecast.cli.validation import require_dataset, require_positive
from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.catalog import SplitBorders, split_7_1_2
from revin_forecast.data.reading.frequency import default_season
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.shift.card.card import card_window_sizes
from revin_forecast.shift.card.card import shift_card as measured
from revin_forecast.utils.progress import progress

COLUMNS = {
    "channel": ("channel", ""),
    "d_mu": ("level", "change of the mean, in training deviations as all that has a unit"),
    "d_sigma": ("spread", "log of the ratio of deviations"),
    "w1": ("W1", "mean distance of quantiles"),
    "energy_raw": ("energy", "distance of look-back windows"),
    "energy_inst": ("inst.", "that distance once they are instance normalized"),
    "removable": (
        "gone",
        "the part of the distance of look-back windows that goes with instance normalization, "
        "blank where that is less than three times the one between halves of training",
    ),
    "floor": ("floor", "the energy between halves of training"),
    "gap_mu": ("gap", "from a look-back's mean to its horizon's, in look-back deviations"),
    "gap_logsd": ("gap sd", "the log of the ratio of their deviations"),
    "residual": ("errors", "energy between a frozen forecast's errors on training and test rows"),
    "delta_star": ("delta*", "how far levels must move for taking them away to pay"),
}
"""Heading and meaning of each column of the card that is a number."""

HIDDEN_WHEN_NARROW = ("w1", "floor", "gap_logsd")
"""Left out of a table on a terminal of less than `WIDE` columns."""
HIDING_ORDER = ("energy_inst", "energy_raw", "residual", "gap_mu", "d_sigma")
"""Left out one by one, in this order, until a name of `NAME` letters has room."""
MIN_NAME_WIDTH = 12
MIN_WIDE_TERMINAL = 110
CELL_WIDTH = 8
"""Columns of the terminal that a number takes, with the space before it."""


def shift_card(
    file_or_dataset: str,
    data_dir: str | None = None,
    lookback: int | None = None,
    horizon: int | None = None,
    season: int | None = None,
    target: list[str] | None = None,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    frequency: str | None = None,
    json: bool = False,
) -> None:
    """Show how far a data set's test rows have moved, and whether RevIN will help.

    Splits are the standard ones, 7:1:2 for an own file.

    Args:
        file_or_dataset: a catalogued data set, as `revin-forecast datasets` lists them, or a CSV or
            Parquet file.
        data_dir: where catalogued files lie.
        lookback: steps a forecast is made from; 96, or what a short file allows, if not given.
        horizon: steps forecast; 96, or what a short file allows, if not given.
        season: steps in one; the data set's, or that of the file's frequency, if not given.
        target: these columns only.
        time: name of the file's time column; found if not given.
        id: name of the series column of a long file.
        value: name of the value column of a long file.
        frequency: step between the file's rows; found if not given.
        json: print one JSON object instead of a table.
    """
    reading = {"time": time, "id": id, "value": value, "frequency": frequency}
    require_positive(lookback=lookback, horizon=horizon, season=season)
    series, borders, usual = _load_data(file_or_dataset, data_dir, target, reading)
    season = season or usual
    test = borders.test - borders.validation
    lookback, horizon, note = card_window_sizes(borders.train, test, lookback, horizon)
    values = series.values[: borders.test]
    with progress(f"measuring how far {file_or_dataset} moves"):
        table = measured(
            values, borders.train, borders.validation, season, lookback, horizon, series.names
        )
    card = [{str(name): cell for name, cell in row.items()} for row in table.to_dict("records")]
    facts = {
        "data": file_or_dataset,
        "lookback": lookback,
        "horizon": horizon,
        "season": season,
        "train": borders.train,
        "test_start": borders.validation,
        "rows": borders.test,
        "note": note,
    }
    if json:
        print_json(facts | {"channels": card})
    else:
        _print_card(card, facts)


def _load_data(
    data: str, data_dir: str | None, target: list[str] | None, reading: dict[str, str | None]
) -> tuple[Series, SplitBorders, int]:
    """Read a catalogued data set or a file: its series, split and season."""
    if data in catalog.CATALOG:
        given = [f"--{name}" for name, said in reading.items() if said is not None]
        if given:
            raise InputError(f"{data} is catalogued, so {', '.join(given)} can't apply; leave out.")
        entry, series = catalog.find_entry(data), catalog.load_dataset(data, data_dir)
        series = series if target is None else series.select(target)
        return series, entry.borders, entry.season
    require_dataset(data)
    with progress(f"reading {data}"):
        series = read_series(
            data,
            time=reading["time"],
            id=reading["id"],
            value=reading["value"],
            target=target,
            frequency=reading["frequency"],
        )
    return series, split_7_1_2(len(series)), default_season(series.frequency)


def _print_card(card: list[dict[str, object]], facts: dict[str, object]) -> None:
    console = Console()
    console.print(
        f"{facts['data']}: rows 0-{facts['train']} train, {facts['test_start']}-{facts['rows']} "
        f"test; look-back {facts['lookback']}, horizon {facts['horizon']}",
        soft_wrap=True,
        highlight=False,
    )
    if facts["note"]:
        console.print(str(facts["note"]), highlight=False)
    shown = _visible_columns(console.width, max(len(str(row["channel"])) for row in card))
    table = Table(box=None, pad_edge=False)
    room = max(1, console.width - CELL_WIDTH * (len(shown) - 1))
    table.add_column(COLUMNS["channel"][0], no_wrap=True, overflow="ellipsis", max_width=room)
    for name in shown[1:]:
        table.add_column(COLUMNS[name][0], justify="right", no_wrap=True, min_width=CELL_WIDTH - 2)
    for row in card:
        table.add_row(*(_format_cell(row[name]) for name in shown))
    console.print(table)
    meanings = "; ".join(
        f"{heading}: {text}" for heading, text in (COLUMNS[name] for name in shown) if text
    )
    console.print(f"\nTest against training rows. {meanings}.\n", style="dim", highlight=False)
    for row in card:
        console.print(
            f"{row['channel']}: {row['verdict']}, {row['reason']}.", highlight=False, markup=False
        )
    console.print(
        f"\nVerdicts look at all rows after training, {facts['train']}-{facts['rows']}, with the "
        "best linear forecasts that the autocovariances of training give; they fit no model.",
        highlight=False,
    )


def _visible_columns(width: int, longest: int) -> list[str]:
    """Return the columns that a terminal has room for, with names of up to so many letters."""
    shown = [
        name for name in COLUMNS if width >= MIN_WIDE_TERMINAL or name not in HIDDEN_WHEN_NARROW
    ]
    for name in HIDING_ORDER:
        if width - CELL_WIDTH * (len(shown) - 1) < min(MIN_NAME_WIDTH, longest):
            shown.remove(name)
    return shown


def _format_cell(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.3f}" if math.isfinite(cell) else ""
