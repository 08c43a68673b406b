"""The command `update`: add rows to a saved forecaster and solve it again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from revin_forecast.cli.options import Without
from revin_forecast.cli.output import describe_notes, print_json
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    from revin_forecast.data.series import Series
    from revin_forecast.forecasting.fitted import FittedModel


def update(
    model: str,
    file: str,
    window: int | None = None,
    out: str | None = None,
    reading: Annotated[
        ReadingOptions, Without(("target", "inputs", "frequency", "missing"))
    ] = ReadingOptions(),  # noqa: B008
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Add newer rows to a saved forecaster and solve it again, without a fit on all rows.

    The maps are those of a fit on all rows with the look-backs, penalties and weights of the first
    fit. Rows that the forecaster has seen are refused. The folder holds the old or the new
    forecaster at any moment.

    Args:
        model: folder written by `fit`.
        file: the rows after the last one of the forecaster, with the same columns.
        window: number of last rows to solve on, older ones are let out; needs fit --keep-rows,
            unless the table is short.
        out: folder for the updated forecaster; by default it replaces the old one.
        reading: how the newer rows are read.
        time: name of the time column; by default as in the fitted table.
        id: name of the series column of a long table; by default as in the fitted table.
        value: name of the value column of a long table; by default as in the fitted table.
        quiet: do not print the changes.
        json: print one JSON object instead of text.
    """
    if Path(model).is_file():
        raise InputError(
            f"{model} is a file; name the folder that `fit` wrote first, then the newer rows."
        )
    folder = Path(model if out is None else out)
    with progress(f"updating {model}"):
        from revin_forecast.forecasting.forecaster import Forecaster

        forecaster = Forecaster.load(model)
        rows = _read_rows(file, forecaster.fitted, reading)
        forecaster.update(rows, window)
        forecaster.fitted.summary["update"]["file"] = Path(file).name
        forecaster.save(folder)
    if json:
        summary = forecaster.fitted.summary
        period = {name: summary[name] for name in ("rows", "first", "last")}
        print_json({"model": model, "file": file, "out": folder} | period | summary["update"])
    elif not quiet:
        print(*describe_update(forecaster.fitted, folder), sep="\n")


def describe_update(fitted: "FittedModel", folder: Path) -> list[str]:
    """Return the lines on the changes of an update."""
    from revin_forecast.data.formatting import format_timestamp, pluralize

    summary, facts = fitted.summary, fitted.summary["update"]
    first, last, fitted_until = (
        format_timestamp(stamp)
        for stamp in (summary["first"], summary["last"], facts["fitted_until"])
    )
    let_out = f", {facts['let_out']:,} let out" if facts["let_out"] else ""
    size = f"{max(1, facts['stored_bytes'] >> 10):,} KiB"
    held = f"{pluralize(facts['stored_rows'], 'row')}, {size} in all, for further updates"
    if facts["summed_rows"]:
        held = f"sums over {facts['summed_rows']:,} rows and the last {held}"
    verb = "solved on"
    kept = f"look-backs, penalties, weights and intervals are those of the fit until {fitted_until}"
    if "zero_shot" in summary:
        verb, kept = "forecasts from", "nothing was fitted; the season stays"
    return [
        f"{pluralize(facts['added'], 'row')} added{let_out}; {verb} {summary['rows']:,} rows of "
        f"{summary['series']} series, {first} to {last}, in {facts['seconds']:.2f} s",
        *describe_notes(facts["notes"]),
        kept,
        f"{folder}: holds {held}",
    ]


def _read_rows(file: str, fitted: "FittedModel", reading: ReadingOptions) -> "Series":
    """Read the newer rows; the format of the fitted table completes the options."""
    from functools import partial

    from revin_forecast.data.reading.read_series import read_series
    from revin_forecast.data.reading.rows.new_rows import read_new_rows

    roles = ("time", "id", "value", "time_form", "format", "long_gaps", "decimal", "resample")
    others = ("aggregate", "encoding", "skip_rows", "outliers")
    options: dict[str, Any] = {role: getattr(reading, role) for role in (*roles, *others)}
    read = partial(
        read_series, file, like=fitted.history.format, seen=fitted.seen_values, **options
    )
    return read_new_rows(lambda frequency: read(frequency=frequency), fitted.history)
