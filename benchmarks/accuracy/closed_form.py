"""Linear maps of all sizes, chosen and solved in closed form, on the seven standard sets."""

import csv
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import fmean

from benchmarks.accuracy.planned_row import Cell, Row, shortened, split_of
from revin_forecast.closed_form.sweep_result import SweepGrid
from revin_forecast.evaluation.sweep import evaluate_sweep

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "published" / "results.csv"
NAMES = {
    "etth1": "ETTh1",
    "etth2": "ETTh2",
    "ettm1": "ETTm1",
    "ettm2": "ETTm2",
    "weather": "Weather",
    "exchange": "Exchange",
    "ili": "ILI",
}
"""Of the data sets, here and in the published table."""
USUAL = SweepGrid()
WEEKLY = SweepGrid(lookbacks=(36, 52, 78, 104), horizons=(24, 36, 48, 60))
MAPS = {
    "shared": (False, False),
    "own": (True, False),
    "own, profile": (True, True),
}
"""Whether a channel may change the map, and whether a seasonal profile may be taken off."""
QUICK = SweepGrid(lookbacks=(24, 48), horizons=(6, 12, 18, 24))
TEXT = """
# Closed form: the standard sets

Test MSE of Ridge inside RevIN on data z-scored by the training part; every test window scored;
four horizons a set (96, 192, 336, 720; 24, 36, 48, 60 for ILI), `mean` over them. Look-backs (96,
336, 512, 720; ILI 36, 52, 78, 104) and penalties (seven) are chosen on four blocks of the training
and validation rows, each left out in turn with the windows that share a target with it; look-backs
within one percent of the best are averaged. `maps`: one map for all channels; `own`: channels may
change it, by a penalized change, where that gains more than a standard error on the blocks (`own`
counts those that do); `profile`: a share of each channel's mean season may be taken off the table
first, where that gains as much (`profile` is the share). `taught by`: the rows that the chosen maps
are solved on. Nothing was chosen on test rows; which of the six variants is best on a set is seen
there only afterwards.

`choose s` and `solve s` are all four horizons together, `all s` with the scoring of every window of
model, Repeat and SeasonalNaive. `difference`: between the windowed MSE and the one from the test
part's own sums. `published`: the least mean over the four horizons that one method with one way to
its look-back is known to have without a flaw; some of these picked the look-back on the test part.

The way of choosing was decided on validation blocks, mean squared errors over all of them. What was
tried and dropped: with the level kept (no statistics) the blocks of ETTh1 and ETTh2 look 5 to 9 %
better and their test parts are 7 to 50 % worse: blocks between past and future don't show that
levels move (on exchange it is the other way round). Convex weights for the look-backs gain half a
percent on the blocks they are chosen on and nothing on others. One standard block of validation
picks look-back 96 on ETTh2. Taking the last value away instead of the mean looks better on the
blocks of ILI and is worse there. A trend (the mean change to each
step, a constant for each channel) gains 1.7 % on ILI and loses on the other six, on exchange a
quarter. Errors weighted by
each window's variance, as a loss in normalized units would: .9 and .8 % worse on ETTh1 and ETTh2,
.2 % better on ILI; channels weighted by how much they vary: worse on four of six. Maps of rank 4
to 64: .3 % better on ETTh1 (rank 16), 1 % on ILI (rank 4), where the test part is 3 % worse, .1 %
elsewhere. Maps of a channel's own, not drawn to the shared one: better by .6 and .07 % on ILI and
ETTh2, worse by .3 % on ETTh1 and ETTm1. A whole profile on all sets gains 9 % on the blocks of ILI
and loses 43 % on its test part, a weekly one on the ETT sets is no better than a daily one: hence
shares, the standard error, and the season alone.
The test errors of profiles and of changed maps were seen while both were tried; the rule that
decides about them looks at blocks only.

Repeat with

    python -m benchmarks.accuracy.run --grid closed-form --data-dir DATA
"""


def cells(names: list[str], data_dir: str | None, quick: bool, seeds: int) -> Iterator[Cell]:
    """Plan a row for each data set and variant."""
    for name in names or (["etth1"] if quick else NAMES):
        for maps in MAPS:
            for refit in (False, True):
                key: Row = {
                    "data": name,
                    "maps": maps,
                    "taught by": "training + validation" if refit else "training",
                }
                measure = partial(variant, name, data_dir, quick, maps, refit)
                yield Cell(key, measure, best_published(name))


def variant(name: str, data_dir: str | None, quick: bool, maps: str, refit: bool) -> Row:
    """Choose, solve and score all horizons of one variant."""
    split, season = split_of(name, data_dir)
    if quick:
        split = shortened(split)
    usual = QUICK if quick else WEEKLY if name == "ili" else USUAL
    own, profile = MAPS[maps]
    taken = season if profile else None
    sweep = SweepGrid(usual.lookbacks, usual.horizons, per_channel=own, season=taken)
    start = time.perf_counter()
    found = evaluate_sweep(split, sweep, season, refit)
    seconds = time.perf_counter() - start
    sizes = [" + ".join(map(str, one.lookbacks)) for one in found.sweep_result.shared_choices]
    row: Row = {
        "look-backs": ", ".join(dict.fromkeys(sizes)),
        "own": sum(any(some) for some in found.sweep_result.channel_penalties),
        "profile": found.sweep_result.profile_share,
    }
    for place, one in enumerate(found.horizons, 1):
        row[f"MSE {place}"] = one.scores.mse
    apart = [abs(one.scores.mse - (one.closed_form_mse or 0)) for one in found.horizons]
    return row | {
        "mean MSE": fmean(one.scores.mse for one in found.horizons),
        "mean MAE": fmean(one.scores.mae for one in found.horizons),
        "Repeat": fmean(one.repeat.mse for one in found.horizons),
        "SeasonalNaive": fmean(one.seasonal_naive.mse for one in found.horizons),
        "windows": sum(one.scores.windows for one in found.horizons),
        "difference": max(apart),
        "choose s": found.choose_seconds,
        "solve s": found.solve_seconds,
        "all s": seconds,
    }


def best_published(name: str) -> Row:
    """Return the least mean over four horizons that is published without a known flaw."""
    nothing: Row = {"published": None, "by": None}
    if name not in NAMES or not PUBLISHED.is_file():
        return nothing
    horizons = {str(size) for size in (WEEKLY if name == "ili" else USUAL).horizons}
    figures: dict[str, dict[str, float]] = {}
    with PUBLISHED.open(newline="") as file:
        for row in csv.DictReader(file):
            clean = row["clean"] == "yes" and row["family"] != "trap" and row["mse"]
            if clean and row["dataset"] == NAMES[name] and row["horizon"] in horizons:
                method = f"{row['method']}, look-back {row['lookback']}"
                figures.setdefault(method, {})[row["horizon"]] = float(row["mse"])
    means = {fmean(own.values()): method for method, own in figures.items() if len(own) == 4}
    return {"published": min(means), "by": means[min(means)]} if means else nothing
