"""The command `explain`: divide the forecast of a saved forecaster among lags and inputs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from revin_forecast.cli.options import Without
from revin_forecast.cli.output import align_table, describe_notes, print_json
from revin_forecast.cli.predict import read_newer_rows
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch and pandas.
    from revin_forecast.forecasting.explain import ExplainedForecast

MAX_SHOWN_SERIES = 3
"""Most series printed, unless they are named."""


def explain(
    model: str,
    file: str | None = None,
    step: list[int] | None = None,
    target: list[str] | None = None,
    top: int = 10,
    out: str | None = None,
    plot: str | None = None,
    reading: Annotated[
        ReadingOptions, Without(("target", "inputs", "frequency", "missing"))
    ] = ReadingOptions(),  # noqa: B008
    future: str | None = None,
    json: bool = False,
) -> None:
    """Show the contribution of each lag and known input to a forecast.

    The contributions start from the level, the mean of the last season, and add up to the forecast.
    They are exact for linear maps, exponential smoothing and their combinations, such as the
    automatic choice; other models are refused.

    Args:
        model: folder written by `fit`.
        file: newer rows with the same columns; by default the forecast follows the rows that the
            forecaster was fitted on.
        step: steps of the forecast to explain (1 7), from 1; by default the first one.
        target: names of the series to explain; by default the first ones, and all with --out or
            --json.
        top: number of lags shown; the others are added up in one row.
        out: write all contributions to this file (.csv, .xlsx, .parquet, .jsonl, .tsv or
            .feather), a row for each series, step and lag.
        plot: draw the contributions, in six panels at most, to this image file (.png, .svg, .pdf,
            .jpg or .webp), with kaleido and Chrome or with matplotlib, as `forecast --plot`.
        reading: how the newer rows are read.
        time: name of the time column; by default as in the fitted table.
        id: name of the series column of a long table; by default as in the fitted table.
        value: name of the value column of a long table; by default as in the fitted table.
        future: table with the columns among the covariates and a row for each forecast step.
        json: print one JSON object instead of text.
    """
    if out is not None:
        from revin_forecast.data.write_table import check_table_path

        check_table_path(out, file)
    if Path(model).is_file():
        raise InputError(
            f"{model} is a file; name the folder that `fit` wrote first, then the table."
        )
    if plot is not None:
        from revin_forecast.cli.report import check_output_paths  # plotly takes a second to import

        check_output_paths(None, plot)
    with progress(f"explaining {model}"):
        from revin_forecast.data.write_table import write_table
        from revin_forecast.forecasting.explain import build_contribution_frame, explain_forecast
        from revin_forecast.forecasting.forecaster import Forecaster

        fitted = Forecaster.load(model).fitted
        new_rows = None if file is None else read_newer_rows(file, fitted, reading)
        names = [fitted.history.names[index] for index in fitted.targets]
        shown = names[:MAX_SHOWN_SERIES] if target is None else target
        wanted = target if target is not None else names if out or json else shown
        explained = explain_forecast(fitted, new_rows, future, step or [1], wanted)
        parts = build_contribution_frame(explained)
        largest = build_contribution_frame(explained, top)
        notes = [] if new_rows is None else list(new_rows.notes)
        if out is not None:
            notes += write_table(parts, out)
        if plot is not None:
            from revin_forecast.reports.forecast.contribution_chart import write_contribution_image

            title = f"Contributions to the forecast of {Path(file or model).name}"
            undrawn = write_contribution_image(parts, shown, Path(plot), title)
            if undrawn:
                print(undrawn, file=sys.stderr)
    if json:
        facts: dict[str, Any] = {"model": model, "file": file, "out": out, "plot": plot}
        print_json(facts | {"notes": notes, "contributions": largest.to_dict("records")})
        return
    print(*_list_lines(explained, parts, largest, shown), sep="\n")
    print(*describe_notes(notes), sep="\n", end="\n" if notes else "")
    if out is not None:
        print(f"{out}: a row for each series, step and lag")
    if plot is not None:
        print(f"{plot}: an image of the contributions")


def describe_hidden_series(shown: int, count: int) -> str:
    """Return the note on series that are not shown; empty if all are.

    >>> describe_hidden_series(3, 12)
    'and 9 more series: name them with --target, or write all with --out'
    """
    if count <= shown:
        return ""
    return f"and {count - shown:,} more series: name them with --target, or write all with --out"


def _list_lines(
    explained: "ExplainedForecast",
    parts: Any,
    largest: Any,
    shown: Sequence[str],
) -> list[str]:
    """Return a table for each series shown and step, with the sums by age of the lags."""
    from revin_forecast.forecasting.describe_contributions import (
        HEADINGS,
        describe_contributions,
    )

    fitted = explained.fitted
    texts = describe_contributions(
        parts.loc[parts["series"].isin(shown)],
        largest.loc[largest["series"].isin(shown)],
        fitted.history.frequency,
    )
    lines: list[str] = []
    for text in texts:
        lines += [text.title, *(f"  {line}" for line in align_table(HEADINGS, text.rows))]
        lines += [f"  in sum: {text.groups}", ""]
    hidden = describe_hidden_series(len(shown), len(fitted.targets))
    return [*lines, hidden] if hidden and len(shown) == MAX_SHOWN_SERIES else lines[:-1]
