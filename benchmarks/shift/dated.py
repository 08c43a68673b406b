"""Real shifts with a date: the gain of normalizing after the date and before it, by family."""

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.evidence import ROOT, EvidencePage, Options, Row, measurement
from revin_forecast.data.catalog.dated.dated_shift import (
    CONTROL_SUFFIX,
    DatedShift,
    find_dated_shift,
)
from revin_forecast.data.catalog.dated.load import load_dated_shift
from revin_forecast.reports.markdown import markdown_table
from revin_forecast.shift import read_suite, run_benchmark
from revin_forecast.shift.aggregates.power import power_analysis
from revin_forecast.shift.statistics import holm_adjust, wilcoxon_p
from revin_forecast.shift.suite.plan import NO_NORMALIZER
from revin_forecast.shift.suite.suite import Suite

SUITE = ROOT / "configs" / "shift-dated.yaml"
SHIPPED = ("us_macro_oil",)
"""The dated shift of a quick run, whose file is part of the package."""
NORMALIZERS = ("RevIN", "LastValue", "Robust", "MeanScale", "Blend")
MODELS = (*NORMALIZERS, "Pretrained")
PARTS = ("after", "before", "after / before")
ALPHA, POWER = 0.05, 0.8
Ratios = dict[tuple[str, str], list[float]]
"""log-ratio, lo and hi by data set and normalizer."""
LogRow = dict[Any, Any]
"""family, event, and log-ratios by (normalizer, part)."""
TEXT = """
# Real shifts with a date

Does normalizing a window help when the world really changes? Each data set is split at the day of a
documented event: training and validation rows end before it, and the test part begins with the row
that contains it. No generator adds anything. `RevIN`, `LastValue`, ...: error (MASE) of a Ridge
inside that normalizer over the windows of the test part, divided by the error of the same Ridge
without normalizer; below 1 the normalizer helps. `lo`, `hi`: 95 % interval of the ratio of RevIN,
by a moving-block bootstrap over windows with blocks as long as look-back and horizon; empty where
fewer than two blocks fit. `before`: the ratio of RevIN for the *control*, the same rows up to the
date, split in the same way on a day when nothing is known to have happened: what normalizing earns
on these data anyway. `plain`: MASE without normalizer after the date. `Pretrained`: error of the
package's network without any training on these data, divided by that of the same plain Ridge.
Causes, references, licences and limits of each data set are in the
[datasheet](../reference/shift_datasheet.md).

## Over families

Shifts of one file are one family and count once: a family's number is the mean of the logarithms of
its ratios. `ratio`: exp of the mean over families, with a 95 % bootstrap interval over families.
`p`: Wilcoxon's two-sided signed-rank test over families; `Holm`: adjusted for the six models.
`after / before` tests whether the gain is another one after the date than before it. `needed`:
families for which the test finds the observed median with probability .8 (at .05 / 6, inf above
200); `finds`: the ratio that it finds with these families, in either direction (that number or its
inverse).

{families}

{verdict}

## Limits

* Families share events:
{shared}
  The test takes families as independent, which for these is generous. With one number for each
  *event* instead of each family, RevIN's ratio is {events}.
* Splits at a date are chosen because something happened, so these ratios say nothing about data in
  general. Many of the series also grow; `before` shows how much a normalizer earns by that alone.
  The control trains on a fifth fewer rows.
* How much of a change its stated cause explains is unknown. Nile and El Nino are matters of
  research; for others (Pinatubo, SegWit, the belt law) the effect is small compared with the noise.
* Yearly, quarterly and monthly series have few windows: their ratios are rough, and each counts as
  much as a long one. Look-backs are 2 days to 8 years (`sizes`), and season-naive errors scale
  MASE.
* One backbone, solved in closed form without an intercept inside RevIN and with one outside it.
  Networks were left out: on thirteen to a few hundred training windows they measure their own
  training.
* Exchange rates are not among the data: their file numbers trading days from 1990 on, so no event
  can be dated in it. The stocks end in 2013, so the tariffs of 2025 are not in them. COVID in
  influenza data has too few rows after its date.
* Catalogue, dates and windows were chosen before any ratio was seen, and none was dropped after.

The packages of the extra `shift-data` must be installed. Repeat with

    python -m benchmarks.shift.dated --data-dir DATA
"""


@measurement(
    "shift_dated",
    quick="one shipped data set only",
    options={"--data-dir": {"help": "folder of the benchmark data"}},
)
def main(options: Options, page: EvidencePage) -> None:
    """Measure each dated shift and its control, then test over families."""
    torch.set_num_threads(1)
    suite = add_controls(read_suite(SUITE), SHIPPED if options.quick else None)
    with tempfile.TemporaryDirectory() as folder:
        tables = run_benchmark(suite, folder, data_dir=options.data_dir)
    plain_errors = select_errors(tables["dataset_errors"], "Ridge", "Identity")
    references = select_errors(tables["dataset_errors"], "Pretrained", NO_NORMALIZER)
    ratios = select_ratios(tables["pairs"])
    for name, error in references.items():
        ratios[name, "Pretrained"] = [float(np.log(error / plain_errors[name])), np.nan, np.nan]
    shifts = [find_dated_shift(config.name) for config in suite.datasets]
    for shift in shifts:
        if not shift.is_control:
            row = describe_shift(shift, options.data_dir)
            page.rows.append(row | compare(shift, ratios, plain_errors[shift.name]))
    page.text = build_text(page.rows, collect_logs(shifts, ratios))


def add_controls(suite: Suite, names: Iterable[str] | None) -> Suite:
    """Return the suite with the control after each data set; only those named, if any are."""
    configs = [config for config in suite.datasets if names is None or config.name in names]
    pairs = [(config, replace(config, name=f"{config.name}{CONTROL_SUFFIX}")) for config in configs]
    return replace(suite, datasets=tuple(config for pair in pairs for config in pair))


def select_ratios(pairs: pd.DataFrame) -> Ratios:
    """Return log-ratio, lo and hi of each normalizer to Identity, by data set and normalizer."""
    columns = "normalizer_b", "column", "dataset", "normalizer_a", "log_ratio", "lo", "hi"
    rows = zip(*(pairs[name] for name in columns), strict=True)
    return {
        (dataset, normalizer): figures
        for other, column, dataset, normalizer, *figures in rows
        if (other, column) == ("Identity", "clean")
    }


def select_errors(errors: pd.DataFrame, backbone: str, normalizer: str) -> dict[str, float]:
    """Return a model's error on the test part of each data set."""
    columns = "backbone", "normalizer", "column", "dataset", "mase"
    rows = zip(*(errors[name] for name in columns), strict=True)
    wanted = backbone, normalizer, "clean"
    return {dataset: error for *key, dataset, error in rows if tuple(key) == wanted}


def describe_shift(shift: DatedShift, data_dir: str | None) -> Row:
    """Return the facts of a data set."""
    dated = load_dated_shift(shift.name, data_dir)
    borders, times = dated.borders, dated.series.timestamps
    return {
        "data": shift.name,
        "family": shift.family,
        "first": f"{times[0]:%Y-%m}",
        "date": f"{shift.date:%Y-%m-%d}",
        "last": f"{times[borders.test - 1]:%Y-%m}",
        "step": shift.source.frequency,
        "sizes": f"{shift.lookback} -> {shift.horizon}",
        "rows before": borders.validation,
        "rows after": borders.test - borders.validation,
    }


def compare(shift: DatedShift, ratios: Ratios, plain: float) -> Row:
    """Return a data set's error without normalizer and the ratios of the normalizers to it."""
    log_ratio, low, high = ratios[shift.name, "RevIN"]
    before, *_ = ratios[f"{shift.name}{CONTROL_SUFFIX}", "RevIN"]
    others = {name: _ratio(ratios[shift.name, name][0]) for name in MODELS[1:]}
    return {
        "plain": round(plain, 3),
        "RevIN": _ratio(log_ratio),
        "lo": _ratio(low),
        "hi": _ratio(high),
        "before": _ratio(before),
        **others,
    }


def collect_logs(shifts: list[DatedShift], ratios: Ratios) -> list[LogRow]:
    """Return a row for each shift: family, event, and log-ratios by (normalizer, part)."""
    rows: list[LogRow] = []
    for shift in shifts:
        if shift.is_control:
            continue
        row: LogRow = {"family": shift.family, "event": shift.cause}
        for name in MODELS:
            after, *_ = ratios[shift.name, name]
            before, *_ = ratios[f"{shift.name}{CONTROL_SUFFIX}", name]
            row |= dict(
                zip([(name, part) for part in PARTS], (after, before, after - before), strict=True)
            )
        rows.append(row)
    return rows


def average_logs(logs: list[LogRow], key: str, column: tuple[str, str]) -> np.ndarray:
    """Return the mean log-ratio of each family or of each event."""
    groups: dict[str, list[float]] = {}
    for row in logs:
        groups.setdefault(row[key], []).append(row[column])
    return np.array([np.mean(group) for group in groups.values()])


def build_text(rows: list[Row], logs: list[LogRow]) -> str:
    """Return the text of the page with the tests over families."""
    tests = compare_families(logs)
    events = average_logs(logs, "event", ("RevIN", "after"))
    shared = [item for item in Counter(row["event"] for row in logs).most_common() if item[1] > 1]
    return TEXT.format(
        families=markdown_table(tests),
        verdict=state_verdict(rows, tests),
        shared="\n".join(f"    * {count} data sets: {event}." for event, count in shared),
        events=f"{np.exp(events.mean()):.2f} over {len(events)} events, "
        f"p = {wilcoxon_p(events):.2g}",
    )


def compare_families(logs: list[LogRow]) -> list[Row]:
    """Return a row for each part and normalizer, with one number a family."""
    table: list[Row] = []
    for part in PARTS:
        values = [average_logs(logs, "family", (name, part)) for name in MODELS]
        probabilities = [wilcoxon_p(numbers) for numbers in values]
        adjusted = holm_adjust(probabilities)
        for name, numbers, p, p_holm in zip(MODELS, values, probabilities, adjusted, strict=True):
            power = power_analysis(numbers, ALPHA, POWER, len(MODELS))
            low, high = bootstrap_interval(numbers)
            table.append(
                {
                    "part": part,
                    "model": name,
                    "families": len(numbers),
                    "ratio": _ratio(float(numbers.mean())),
                    "lo": _ratio(low),
                    "hi": _ratio(high),
                    "better in": int((numbers < 0).sum()),
                    "p": float(f"{p:.2g}"),
                    "Holm": float(f"{p_holm:.2g}"),
                    "needed": power.needed,
                    "finds": _ratio(-power.detectable),
                }
            )
    return table


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean over families, which are drawn with replacement."""
    draws = np.random.default_rng(0).choice(values, (4000, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def state_verdict(rows: list[Row], tests: list[Row]) -> str:
    """Return the result for RevIN in words."""
    by_part = {row["part"]: row for row in tests if row["model"] == "RevIN"}
    after, before, change = (by_part[part] for part in PARTS)
    signed = [row for row in rows if row["hi"] is not None and (row["hi"] < 1 or row["lo"] > 1)]
    helped = sum(row["hi"] < 1 for row in signed)
    is_met = after["needed"] <= after["families"]
    return (
        f"RevIN has {after['ratio']:.2f} of the error without it after the date "
        f"({after['lo']:.2f} to {after['hi']:.2f}, p after Holm {after['Holm']:.2g}) and "
        f"{before['ratio']:.2f} before it ({before['lo']:.2f} to {before['hi']:.2f}); the quotient "
        f"is {change['ratio']:.2f} ({change['lo']:.2f} to {change['hi']:.2f}, p after Holm "
        f"{change['Holm']:.2g}).\n"
        f"Of {len(rows)} data sets {len(signed)} have an interval that excludes 1, and RevIN helps "
        f"on {helped} of these.\n"
        f"The gain after the date needs {count_families(after)} families, so {after['families']} "
        f"are {'enough' if is_met else 'too few'}. A change of the gain at the date needs "
        f"{count_families(change)}; the smallest quotient that these families find is "
        f"{change['finds'] or 'unknown'}, or its inverse."
    )


def count_families(row: Row) -> str:
    """Return the number of families that a test needs, in words where there are too many."""
    needed = row["needed"]
    return f"{needed:.0f}" if np.isfinite(needed) else "more than 200"


def _ratio(log_ratio: float) -> float | None:
    """Return exp(log_ratio) to three digits; None if it is unknown."""
    return round(float(np.exp(log_ratio)), 3) if np.isfinite(log_ratio) else None


if __name__ == "__main__":
    main()
