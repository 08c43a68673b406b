"""The three sentences that open the page and the summary: winners, cost and gain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from revin_forecast.data.formatting import pluralize
from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    LEADERBOARD_COLUMNS,
    Frame,
    Tables,
)
from revin_forecast.reports.formatting import format_interval, truncate

PLACES = {
    "clean": "on clean data",
    "steady": "under a steady shift",
    "transition": "soon after a shift",
    "observation": "when only the observation is wrong",
}
"""Each column of the leaderboard as part of a sentence."""
DEFAULT_NORMALIZER = "RevIN"
MIN_DATASETS = 6
"""Fewest data sets of a test over data sets: with five, the smallest two-sided p is .0625."""


@dataclass(frozen=True)
class Finding:
    """A sentence of the result with the part of the page that shows its numbers."""

    title: str
    text: str
    anchor: str
    link: str
    """Text of the link to the anchor."""


@dataclass(frozen=True)
class Change:
    """The error of a model divided by that of its twin, with the bounds of its interval."""

    name: str
    ratio: float
    low: float
    high: float

    @property
    def direction(self) -> int:
        """-1 for clearly less error, 1 for clearly more, 0 if the interval contains 1."""
        return (self.low > 1) - (self.high < 1)

    def to_percent(self, signed: bool) -> str:
        """Return the change in % with its interval; without a sign, a decrease is positive, too."""
        changes = [100 * (value - 1) for value in (self.ratio, self.low, self.high)]
        if not signed:
            changes = [abs(change) for change in changes]
        value, *bounds = (_format_percent(change, signed) for change in changes)
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{value} %"
        low, high = bounds if signed or self.ratio > 1 else reversed(bounds)
        return f"{value} % [{low}, {high}]"


def _format_percent(value: float, signed: bool) -> str:
    text = f"{value:.1f}" if abs(value) < 0.95 else f"{value:.0f}"
    if float(text) == 0:
        return "0"
    return f"+{text}" if signed and value > 0 else text


def describe_result(tables: Tables) -> list[Finding]:
    """Return the winners, the cost under wrong observations and the gain on clean data."""
    return [
        Finding("Who wins", _describe_winners(tables), "leaderboard", "See the leaderboard"),
        Finding("Cost", _describe_cost(tables), "gain", "See the figure"),
        Finding("Gain", _describe_gain(tables), "twins", "See all ratios"),
    ]


def describe_scope(tables: Tables) -> str:
    """Return how much was measured, and whether it allows a claim about other data."""
    frame = tables["headline"]
    frame = frame[frame["role"] == "model"]
    if frame.empty:
        return ""
    count = _count_datasets(tables)
    parts = [
        pluralize(count, "data set"),
        pluralize(frame["backbone"].nunique(), "backbone"),
        pluralize(frame.loc[frame["normalizer"] != BASELINE, "normalizer"].nunique(), "normalizer"),
    ]
    text = f"Measured on {', '.join(parts)}. Brackets are 95 % intervals for these data sets."
    if count < MIN_DATASETS:
        return f"{text} So few data sets say little about others."
    tests = tables["tests"]
    smallest = float(tests["p_holm"].min()) if len(tests) else math.nan
    if math.isnan(smallest):
        return text
    if smallest < 0.05:
        significant = int((tests["p_holm"] < 0.05).sum())
        return (
            f"{text} Over data sets in general, {significant} of {len(tests)} comparisons of "
            "normalizers are significant (5 %, Holm's correction)."
        )
    return (
        f"{text} For data in general nothing is significant (smallest p {smallest:.2f} after "
        "Holm's correction)."
    )


def _count_datasets(tables: Tables) -> int:
    counts = tables["headline"]["n_datasets"].dropna()
    return int(counts.max()) if len(counts) else tables["runs"]["dataset"].nunique()


def name_model(backbone: str, normalizer: str) -> str:
    """Return a model as part of a sentence.

    >>> name_model("Ridge", "RevIN"), name_model("Ridge", "Identity")
    ('RevIN on Ridge', 'Ridge without a normalizer')
    """
    backbone = truncate(backbone)
    return (
        f"{backbone} without a normalizer"
        if normalizer == BASELINE
        else f"{truncate(normalizer)} on {backbone}"
    )


def _describe_winners(tables: Tables) -> str:
    frame = tables["headline"]
    frame = frame[(frame["role"] == "model") & frame["rank"].notna()]
    models = frame[["backbone", "normalizer"]].drop_duplicates()
    if len(models) < 2:
        return "Fewer than two models were measured, so there is no comparison."
    measured = [column for column in LEADERBOARD_COLUMNS if (frame["column"] == column).any()]
    # The clean series has no shift: it counts where nothing else was measured.
    columns = [column for column in measured if column != "clean"] or measured
    parts = [_describe_winner(frame[frame["column"] == column], column) for column in columns]
    if len(parts) > 1:
        parts[-1] = f"and {parts[-1]}"
    return f"The lowest error (MASE*) of {len(models)} models belongs {'; '.join(parts)}."


def _describe_winner(rows: Frame, column: str) -> str:
    skilled = rows[rows["skilled"].map(lambda value: value is not False)].sort_values("rank")
    if skilled.empty:
        return f"to no model with skill over a constant forecast {PLACES[column]}"
    best = skilled.iloc[0]
    error = format_interval(best["mase"], best["lo"], best["hi"])
    text = f"to {name_model(best['backbone'], best['normalizer'])} {PLACES[column]}, {error}"
    ties = int((skilled["regret_lo"].iloc[1:] <= 0).sum())
    if not ties:
        return text
    return f"{text} (not clearly ahead of {ties} {'others' if ties > 1 else 'other'})"


def choose_normalizer(tables: Tables) -> str:
    """Return the normalizer of the sentences: RevIN, or else the one with the best steady rank."""
    frame = tables["headline"]
    frame = frame[
        (frame["role"] == "model")
        & (frame["normalizer"] != BASELINE)
        & frame["against_twin"].notna()
    ]
    names = set(frame["normalizer"])
    if DEFAULT_NORMALIZER in names or not names:
        return DEFAULT_NORMALIZER if names else ""
    steady = frame[frame["column"] == "steady"]
    ranked = (steady if len(steady) else frame).sort_values("rank")
    return str(ranked["normalizer"].iloc[0])


def list_changes(tables: Tables, column: str, normalizer: str, key: str) -> list[Change]:
    """Return the changes of a normalizer on every backbone, the smallest ratio first.

    Args:
        tables: every table with every column.
        column: a column of the leaderboard.
        normalizer: name of the normalizer.
        key: `against_twin`, or `shift_effect` for the part that the shift itself makes.
    """
    frame = tables["headline"]
    bounds = "twin" if key == "against_twin" else key
    rows = frame[
        (frame["column"] == column)
        & (frame["normalizer"] == normalizer)
        & (frame["role"] == "model")
        & frame[key].notna()
    ]
    changes = [
        Change(
            truncate(str(row["backbone"])),
            *(math.exp(row[name]) for name in (key, f"{bounds}_lo", f"{bounds}_hi")),
        )
        for row in rows.to_dict("records")
    ]
    return sorted(changes, key=lambda change: change.ratio)


def describe_changes(changes: Sequence[Change]) -> str:
    """Return the effect on the error: its range over models, and for how many it is clear.

    >>> describe_changes([Change("Ridge", 0.89, 0.85, 0.9), Change("MLP", 0.95, 0.91, 0.99)])
    'lowers the error by 5 % [1, 9] (MLP) to 11 % [10, 15] (Ridge)'
    >>> describe_changes([Change("Ridge", 1.01, 0.97, 1.05)])
    'makes no clear difference to the error: +1 % [-3, +5] (Ridge)'
    """
    directions = [change.direction for change in changes]
    ends = [changes[0], changes[-1]] if len(changes) > 1 else list(changes)
    if set(directions) in ({-1}, {1}):
        verb = "lowers" if directions[0] < 0 else "raises"
        # The smaller change comes first.
        ends = ends[::-1] if directions[0] < 0 else ends
        return f"{verb} the error by {_join_ends(ends, signed=False)}"
    if set(directions) == {0}:
        return f"makes no clear difference to the error: {_join_ends(ends, signed=True)}"
    counts = [
        f"clearly {word} for {directions.count(sign)}"
        for sign, word in ((-1, "less"), (1, "more"))
        if sign in directions
    ]
    return (
        f"changes the error by {_join_ends(ends, signed=True)}, {' and '.join(counts)} of "
        f"{len(changes)} models"
    )


def _join_ends(ends: Sequence[Change], signed: bool) -> str:
    return " to ".join(f"{end.to_percent(signed)} ({end.name})" for end in ends)


def _describe_cost(tables: Tables) -> str:
    normalizer = choose_normalizer(tables)
    if not normalizer:
        return (
            "The cost of normalizing is unknown: no model was also measured without a normalizer."
        )
    effects = list_changes(tables, "observation", normalizer, "shift_effect")
    totals = list_changes(tables, "observation", normalizer, "against_twin")
    if not totals:
        return "The cost of normalizing is unknown: no wrong observations were measured."
    name = truncate(normalizer)
    text = "When only the observation is wrong, "
    if effects:
        text += f"following it with {name} {describe_changes(effects)}; gain on clean data "
        text += "included, "
    return f"{text}{name} {describe_changes(totals)}, compared with no normalizer."


def _describe_gain(tables: Tables) -> str:
    normalizer = choose_normalizer(tables)
    changes = list_changes(tables, "clean", normalizer, "against_twin") if normalizer else []
    if not changes:
        return "The gain on clean data is unknown: no model was also measured without a normalizer."
    return (
        f"On clean data {truncate(normalizer)} {describe_changes(changes)}, compared with no "
        "normalizer."
    )
