"""Verdicts of shift cards compared with the measured gains of RevIN, families left out in turn."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from benchmarks.shift import twin_errors
from benchmarks.shift.channel_gains import MODELS, compare_channels
from benchmarks.shift.gain_data import iter_datasets
from benchmarks.shift.gain_fit import (
    balance_families,
    fit_model,
    fit_without_families,
    read_inputs,
)
from benchmarks.shift.verdict_page import TEXT
from revin_forecast.reports.markdown import markdown_table
from revin_forecast.shift.card.card import measure_card
from revin_forecast.shift.card.verdict import MIN_PROBABILITY

CANNOT_TELL = "can't tell"
PARTS = ("panel", "catalogue", "files")
BINS = ((0.5, 0.65), (0.65, 0.75), (0.75, 0.85), (0.85, 0.95), (0.95, 1.0))
QUICK_UPDATES = 50
RULES: dict[str, Callable[[Row], bool]] = {
    "always lower": lambda row: True,
    "always raise": lambda row: False,
    "most trials helped": lambda row: row["won trials"] > 0.5,
    "the mean of the trials": lambda row: row["trials"] > 0,
    "a trend above .5": lambda row: row["trend"] > 0.5,
    "no pull": lambda row: row["pull"] == 0,
    "level moved by more than .5 (sees the test rows)": lambda row: abs(row["moved"]) > 0.5,
}
"""Rules of one line: whether they say that RevIN lowers the error."""


@measurement(
    "shift_verdicts",
    quick="the shipped data sets only, and networks that are hardly trained",
    options={
        "--data-dir": {"help": "folder of the benchmark data"},
        "--keep": {"type": Path, "help": "folder of measured gains, to continue a run"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Compare the channels of each data set, then judge them by models of the other families."""
    if options.quick:
        twin_errors.MAX_UPDATES = QUICK_UPDATES
    for dataset in iter_datasets(options.data_dir, options.quick):
        rows = list(compare_channels(dataset, options.keep))
        page.rows += rows
        print(f"{dataset.name}: {len(rows)} channels", flush=True)
    add_verdicts(page.rows)
    page.text = build_text(page.rows, rounds=1 if options.quick else 3)


def add_verdicts(rows: list[Row]) -> None:
    """Add to each row the verdict of the model that has not seen its family."""
    models = fit_without_families(rows)
    for row in rows:
        estimate = models[row["family"]].estimate_from(read_inputs(row))
        row["probability"] = estimate.probability
        low, middle, high = estimate.percent
        row |= {"said %": middle, "said lo": low, "said hi": high}
        is_sure = max(estimate.probability, 1 - estimate.probability) >= MIN_PROBABILITY
        sign = "lower" if estimate.probability > 0.5 else "raise"
        row["verdict"] = sign if is_sure else CANNOT_TELL


def build_text(rows: list[Row], rounds: int) -> str:
    """Return the text of the page with its small tables; cards are timed in several rounds."""
    significant = [row for row in rows if row["sign"]]
    model = fit_model(rows)
    return TEXT.format(
        summary=markdown_table(summarize_parts(rows)),
        rules=markdown_table(compare_rules(significant)),
        calibration=markdown_table(tabulate_calibration(rows)),
        families=markdown_table(count_families(rows)),
        models=markdown_table(count_models(rows)),
        inside=to_percent([row["said lo"] <= row["gain %"] <= row["said hi"] for row in rows]),
        numbers=", ".join(f"{name} {number:.2f}" for name, number in vars(model).items()),
        one=time_card(1, rounds),
        seven=time_card(7, rounds),
    )


def summarize_parts(rows: list[Row]) -> list[Row]:
    """Return how often the verdict is right, for each part and with balanced families."""
    parts = {name: [row for row in rows if row["part"] == name] for name in PARTS}
    summary = [
        {"channels of": name, **summarize(part, np.ones(len(part)))}
        for name, part in parts.items()
        if part
    ]
    summary.append({"channels of": "all", **summarize(rows, np.ones(len(rows)))})
    return [*summary, {"channels of": "all, balanced", **summarize(rows, None)}]


def summarize(rows: list[Row], weights: np.ndarray | None) -> Row:
    """Return counts and shares of the rows with a significant sign.

    Args:
        rows: channels.
        weights: weight of each; None: no family has more than a tenth of the significant ones.
    """
    signed = [row for row in rows if row["sign"]]
    weight = np.ones(len(signed))
    if weights is None:
        weight = balance_families([row["family"] for row in signed])
    spoken = np.array([row["verdict"] != CANNOT_TELL for row in signed], dtype=bool)
    right = np.array([is_right(row) for row in signed], dtype=bool)
    return {
        "channels": len(rows),
        "families": len({row["family"] for row in rows}),
        "significant": len(signed),
        "RevIN lowers %": weigh([row["sign"] == "lower" for row in signed], weight),
        "spoken on %": weigh(spoken, weight),
        "right of spoken %": weigh(right[spoken], weight[spoken]),
        "sign right %": weigh(right, weight),
    }


def compare_rules(significant: list[Row]) -> list[Row]:
    """Return how often the verdict and each rule of one line are right, balanced."""
    spoken = np.array([row["verdict"] != CANNOT_TELL for row in significant], dtype=bool)
    weights = balance_families([row["family"] for row in significant])
    rules = {"the verdict": lambda row: row["probability"] > 0.5} | RULES
    table = []
    for name, says_lower in rules.items():
        right = np.array(
            [says_lower(row) == (row["sign"] == "lower") for row in significant], dtype=bool
        )
        table.append(
            {
                "rule": name,
                "all significant %": weigh(right, weights),
                "where the verdict speaks %": weigh(right[spoken], weights[spoken]),
            }
        )
    return table


def tabulate_calibration(rows: list[Row]) -> list[Row]:
    """Return how often the likelier sign is that of the measured gain, by its probability."""
    groups = {"all": rows, "significant": [row for row in rows if row["sign"]]}
    table: list[Row] = []
    for low, high in BINS:
        entry: Row = {"probability of the sign": f"{100 * low:.0f} to {100 * high:.0f} %"}
        for label, group in groups.items():
            chances = np.array([max(row["probability"], 1 - row["probability"]) for row in group])
            right = np.array([is_right(row) for row in group], dtype=bool)
            weights = balance_families([row["family"] for row in group])
            inside = (chances >= low) & (chances < high)
            entry[f"channels, {label}"] = int(inside.sum())
            entry[f"said %, {label}"] = weigh(chances[inside], weights[inside])
            entry[f"right %, {label}"] = weigh(right[inside], weights[inside])
        table.append(entry)
    return table


def count_families(rows: list[Row]) -> list[Row]:
    """Return the counts of each family."""
    table = []
    for family in dict.fromkeys(row["family"] for row in rows):
        group = [row for row in rows if row["family"] == family]
        signed = [row for row in group if row["sign"]]
        spoken = [row for row in signed if row["verdict"] != CANNOT_TELL]
        table.append(
            {
                "family": family,
                "channels": len(group),
                "significant": len(signed),
                "RevIN lowers": sum(row["sign"] == "lower" for row in signed),
                "spoken on": len(spoken),
                "right": sum(is_right(row) for row in spoken),
            }
        )
    return table


def count_models(rows: list[Row]) -> list[Row]:
    """Return how often the verdict agrees with the significant gains of one model alone."""
    table = []
    for name in MODELS:
        signed = [row for row in rows if row[name]]
        spoken = [row for row in signed if row["verdict"] != CANNOT_TELL]
        table.append(
            {
                "model": name,
                "significant": len(signed),
                "RevIN lowers %": to_percent([row[name] == "lower" for row in signed]),
                "spoken on %": to_percent([row["verdict"] != CANNOT_TELL for row in signed]),
                "right of spoken %": to_percent([row["verdict"] == row[name] for row in spoken]),
            }
        )
    return table


def is_right(row: Row) -> bool:
    """Return whether the likelier sign of the verdict is that of the measured gain."""
    return (row["probability"] > 0.5) == (row["log gain"] > 0)


def weigh(values: object, weights: np.ndarray) -> int | None:
    """Return the weighted mean of values in percent; None without values."""
    numbers = np.asarray(values, dtype=float)
    return round(100 * float(np.average(numbers, weights=weights))) if numbers.size else None


def to_percent(values: list[bool]) -> int | None:
    """Return the mean of values in percent; None without values."""
    return weigh(values, np.ones(len(values)))


def time_card(channels: int, rounds: int) -> float:
    """Return the processor seconds of a card of 50,000 rows, the best of some rounds."""
    values = np.random.default_rng(0).normal(size=(50_000, channels)).cumsum(axis=0)
    names, times = [str(index) for index in range(channels)], []
    for _ in range(rounds):
        start = time.process_time()
        measure_card(values, 35_000, 40_000, 24, 96, 96, names)
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
