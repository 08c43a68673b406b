"""The command `shift-card`: measure the shift of a data set."""

import math
from collections import Counter
from shutil import get_terminal_size
from typing import Annotated, cast

from revin_forecast.cli.load_split import load_split
from revin_forecast.cli.options import Without
from revin_forecast.cli.output import describe_notes, print_json, print_table, print_text
from revin_forecast.cli.validation import require_dataset, require_positive
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

COLUMNS = {
    "channel": ("channel", ""),
    "d_mu": ("level", "change of the mean, in training deviations like all values with a unit"),
    "d_sigma": ("spread", "log ratio of the standard deviations"),
    "w1": ("W1", "mean distance between quantiles"),
    "energy_raw": ("energy", "energy distance between look-back windows, mean over their scales"),
    "energy_inst": ("inst.", "the energy distance after instance normalization"),
    "removable": (
        "gone",
        "share of the energy distance that instance normalization removes, blank if the distance "
        "is less than three times the floor",
    ),
    "floor": ("floor", "size of the energy distance without a shift, from the training rows"),
    "gap_mu": (
        "gap",
        "from the mean of a look-back to that of its horizon, in look-back deviations",
    ),
    "gap_logsd": ("gap sd", "log ratio of their standard deviations"),
    "residual": ("errors", "energy distance between training and test errors of a frozen forecast"),
    "delta_star": (
        "delta*",
        "smallest move of levels at which removing them pays, (1'S^-1 1)^(-1/2) with S the "
        "autocovariances of a look-back about the training mean",
    ),
}
"""Heading and meaning of the card's columns, except for the verdicts."""
HIDDEN_WHEN_NARROW = ("w1", "floor", "gap_logsd")
"""Columns hidden on a terminal narrower than `MIN_WIDE_TERMINAL`."""
HIDING_ORDER = ("energy_inst", "energy_raw", "residual", "gap_mu", "d_sigma")
"""Columns hidden one after the other until a name of `MIN_NAME_WIDTH` letters fits."""
MIN_NAME_WIDTH = 12
MIN_WIDE_TERMINAL = 110
"""Terminal columns."""
CELL_WIDTH = 8
"""Terminal columns of a number, including the space before it."""


def shift_card(
    file_or_dataset: str,
    data_dir: str | None = None,
    lookback: int | None = None,
    horizon: int | None = None,
    season: int | None = None,
    after: bool = False,
    reading: Annotated[
        ReadingOptions, Without(("inputs", "missing", "outliers", "decimal"))
    ] = ReadingOptions(),  # noqa: B008
    json: bool = False,
) -> None:
    """Predict whether RevIN helps, and measure how far a data set's test rows have shifted.

    The verdict comes first and is made without the test rows. A catalogued data set has its
    standard split, a file the split 7:1:2.

    Args:
        file_or_dataset: catalogued data set (`revin-forecast datasets` lists them), or CSV,
            Excel, Parquet, Arrow, JSON lines, SQLite (file.db::table).
        data_dir: folder of the catalogued data sets.
        lookback: number of past steps used for each forecast; by default 96, or fewer in a short
            file.
        horizon: number of steps to forecast; by default 96, or fewer in a short file.
        season: steps per season; by default that of the data set or of the file's frequency.
        after: also measure in the test rows by how much taking the level away changes the error
            of a linear forecast.
        reading: how the file is read.
        target: measure only these columns.
        json: print one JSON object instead of a table.
    """
    require_positive(lookback=lookback, horizon=horizon, season=season)
    _require_column_options_for_file(file_or_dataset, reading)
    data = load_split(file_or_dataset, reading, data_dir, season)
    series, borders, season = data.series, data.borders, data.season
    with progress(f"measuring the shift of {file_or_dataset}"):
        from revin_forecast.shift.card.card import card_window_sizes, measure_card

        test = borders.test - borders.validation
        lookback, horizon, note = card_window_sizes(borders.train, test, lookback, horizon)
        # The standard splits of the ETT data sets end before the last row.
        values = series.values[: borders.test]
        table = measure_card(
            values, borders.train, borders.validation, season, lookback, horizon, series.names
        )
        if after:
            from revin_forecast.shift.card.measured_gain import add_measured_gains

            sizes = lookback, horizon
            table = add_measured_gains(table, values, borders.train, borders.validation, *sizes)
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
        print_json(facts | {"notes": series.notes, "channels": card})
    else:
        _print_card(card, facts)
        for note in describe_notes(series.notes):
            print_text(note)


def _require_column_options_for_file(data: str, reading: ReadingOptions) -> None:
    """Check that no columns are named for a catalogued data set, after it is known to exist."""
    from revin_forecast.data.catalog import catalog

    require_dataset(data)
    columns = ("time", "id", "value", "frequency", "resample")
    flags = [f"--{name}" for name in columns if getattr(reading, name) is not None]
    if flags and data in catalog.CATALOG:
        raise InputError(
            f"{data} is catalogued, so {', '.join(flags)} can't apply. Leave the option out."
        )


def _print_card(card: list[dict[str, object]], facts: dict[str, object]) -> None:
    print(
        f"{facts['data']}: rows 0-{facts['train']} train, {facts['test_start']}-{facts['rows']} "
        f"test; look-back {facts['lookback']}, horizon {facts['horizon']}"
    )
    if facts["note"]:
        print_text(str(facts["note"]))
    _print_verdicts(card, facts)
    width = get_terminal_size().columns
    shown = _visible_columns(width, max(len(str(row["channel"])) for row in card))
    name_width = max(1, width - CELL_WIDTH * (len(shown) - 1))
    rows = []
    for row in card:
        name, *cells = (_format_cell(row[name]) for name in shown)
        rows.append((name if len(name) <= name_width else f"{name[: name_width - 1]}…", *cells))
    # The same width for every number, whatever the heading.
    headings = ("channel", *(f"{COLUMNS[name][0]:>{CELL_WIDTH - 2}}" for name in shown[1:]))
    print_table(headings, rows)
    meanings = "; ".join(
        f"{heading}: {text}" for heading, text in (COLUMNS[name] for name in shown) if text
    )
    print_text(f"\nTest rows compared with training rows. {meanings}.")


def _print_verdicts(card: list[dict[str, object]], facts: dict[str, object]) -> None:
    print_text(
        f"\nPredicted from rows 0-{facts['test_start']}, without the test rows: the change of the "
        "mean absolute error by RevIN, with an 80 % interval.\n"
    )
    if len(card) > 1:
        print_text(f"{_count_verdicts(card)}\n")
    for row in card:
        print_text(f"{row['channel']}: {_describe_verdict(row)}.")
        if "gain_after" in row:
            print_text(f"{_describe_measured_gain(row)}.")
    print()


def _count_verdicts(card: list[dict[str, object]]) -> str:
    """Return how many channels have each verdict.

    >>> _count_verdicts([{"verdict": "can't tell"}, {"verdict": "can't tell"}])
    "can't tell: 2 of 2 channels."
    """
    counts = Counter(str(row["verdict"]) for row in card).most_common()
    return (
        "; ".join(f"{verdict}: {count} of {len(card)} channels" for verdict, count in counts) + "."
    )


def _describe_verdict(row: dict[str, object]) -> str:
    probability = cast(float, row["probability"])
    if math.isnan(probability):
        return f"{row['sentence']}, {row['reason']}"
    chance = f"{100 * max(probability, 1 - probability):.0f} %"
    if str(row["sentence"]).startswith("can't tell"):
        lowers = "lower" if probability >= 0.5 else "higher"
        return f"{row['sentence']} ({lowers} with probability {chance}), {row['reason']}"
    return f"{row['sentence']}, with probability {chance}, {row['reason']}"


def _describe_measured_gain(row: dict[str, object]) -> str:
    gain, low, high = (cast(float, row[f"gain_after{end}"]) for end in ("", "_low", "_high"))
    if math.isnan(gain):
        return "After: unknown, as the test rows are constant or hardly observed"
    change = "lowered" if gain >= 0 else "raised"
    sign = 1 if gain >= 0 else -1
    interval = "" if math.isnan(low) else f" ({_format_range(sign * low, sign * high)})"
    size = f"{abs(gain):.1f} %{interval}"
    return f"After: in the test rows it {change} the error of a linear map by {size}"


def _format_range(first: float, second: float) -> str:
    return f"{min(first, second):.1f} to {max(first, second):.1f}"


def _visible_columns(width: int, longest: int) -> list[str]:
    """Return the columns that fit into a terminal.

    Args:
        width: columns of the terminal.
        longest: letters of the longest channel name.
    """
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
