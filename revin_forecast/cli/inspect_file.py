"""The command `inspect`: show how a table is read, and write its format to a file."""

from typing import Annotated

from revin_forecast.cli.options import Without
from revin_forecast.cli.output import describe_notes, print_json, print_text
from revin_forecast.data.formatting import format_names, format_timestamp, pluralize
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.utils.progress import progress


def inspect_file(
    file: str,
    out: str | None = None,
    reading: Annotated[ReadingOptions, Without(("inputs", "missing"))] = ReadingOptions(),  # noqa: B008
    json: bool = False,
) -> None:
    """Show how a table is read: encoding, columns, form of the times, decimal mark, step.

    Args:
        file: CSV, Excel, Parquet, Arrow, JSON lines, SQLite (file.db::table), or - for
            standard input.
        out: write the format to this YAML file, which other commands take as --format.
        reading: how the table is read.
        json: print one JSON object instead of text.
    """
    with progress(f"reading {file}"):
        from revin_forecast.data.reading.read_series import read_series

        series = read_series(file, **vars(reading))
    if out is not None:
        series.format.save(out)
    names, stamps = series.names, series.timestamps
    if json:
        facts = {"file": file, "out": out, "format": series.format.to_dict(), "series": names}
        print_json(
            facts
            | {"rows": len(series), "first": stamps[0], "last": stamps[-1], "notes": series.notes}
        )
        return
    first, last = format_timestamp(stamps[0]), format_timestamp(stamps[-1])
    print(series.format)
    print(f"{pluralize(len(series), 'step')} from {first} to {last}")
    print(f"{len(names)} series: {format_names(names)}")
    for note in describe_notes(series.notes):
        print_text(note)
    if out is not None:
        print(f"{out}: the format, for --format")
