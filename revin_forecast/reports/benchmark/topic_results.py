"""One line of result for each folded topic of the page, made from the tables."""

import math
from collections.abc import Iterable

import numpy as np

from revin_forecast.data.formatting import pluralize
from revin_forecast.reports.benchmark.cell_summaries import read_summary
from revin_forecast.reports.benchmark.input_tables import (
    BASELINE,
    BLOCK_TITLES,
    LEADERBOARD_COLUMNS,
    Column,
    Tables,
    format_shift,
    list_backbone_names,
    ratios_to_baseline,
)
from revin_forecast.reports.benchmark.result import PLACES, choose_normalizer, name_model
from revin_forecast.reports.benchmark.tables.context import describe_verdicts
from revin_forecast.reports.formatting import format_duration, format_number, to_sentence


def describe_twins(tables: Tables) -> str:
    """Return how many models have clearly less, and clearly more, error than their twins."""
    frame = tables["headline"]
    frame = frame[(frame["role"] == "model") & (frame["normalizer"] != BASELINE)]
    parts = []
    for column in LEADERBOARD_COLUMNS:
        rows = frame[(frame["column"] == column) & frame["against_twin"].notna()]
        if len(rows):
            less, more = (rows["twin_hi"] < 0).sum(), (rows["twin_lo"] > 0).sum()
            parts.append(f"{PLACES[column]} clearly less for {less} and more for {more}")
    if not parts:
        return "No model was also measured without a normalizer."
    count = len(frame[["backbone", "normalizer"]].drop_duplicates())
    return f"Error of {pluralize(count, 'model')} with a normalizer: {'; '.join(parts)}."


def describe_shifts(tables: Tables) -> str:
    """Return the largest clear gain and the largest clear loss of a kind of shift."""
    frame = tables["nce"]
    frame = frame[
        frame["backbone"].isin(list_backbone_names(tables)) & (frame["normalizer"] != BASELINE)
    ]
    gains, losses = frame[frame["hi"] < 1], frame[frame["lo"] > 1]
    parts = []
    if len(gains):
        parts.append(f"Largest gain: {_describe_cell(gains.loc[gains['nce'].idxmin()])}")
    if len(losses):
        parts.append(f"Largest loss: {_describe_cell(losses.loc[losses['nce'].idxmax()])}")
    return ". ".join([*parts, ""]).strip() or "No kind of shift makes a clear difference."


def _describe_cell(row: Column) -> str:
    shift = format_shift(row["shift"], row["arm"])
    block = BLOCK_TITLES.get((row["semantics"], row["placement"]), row["placement"])
    model = name_model(row["backbone"], row["normalizer"])
    return f"{format_number(row['nce'], 2)} times the error ({shift}, {block}; {model})"


def describe_severity(tables: Tables) -> str:
    """Return the smallest and the largest growth of the error under a steady shift."""
    frame = tables["headline"]
    rows = frame[
        (frame["column"] == "steady") & (frame["role"] == "model") & frame["degradation"].notna()
    ].sort_values("degradation")
    if rows.empty:
        return "No steady shift was measured."
    ends = [rows.iloc[0], rows.iloc[-1]] if len(rows) > 1 else [rows.iloc[0]]
    texts = [
        f"{100 * math.expm1(row['degradation']):+.0f} % "
        f"({name_model(row['backbone'], row['normalizer'])})"
        for row in ends
    ]
    return f"From clean data to a steady shift the error changes by {' to '.join(texts)}."


def describe_recovery(tables: Tables) -> str:
    """Return after how many steps most of a shift's damage is over, by normalizer."""
    frame = tables["recovery"]
    frame = frame[frame["degrades"] == 1]
    if frame.empty:
        return "No shift with an onset inside the look-back raised an error."
    if (frame["shift"] == "level").any():
        frame = frame[frame["shift"] == "level"]
    ages = frame.assign(k90=frame["k90"].fillna(math.inf)).groupby("normalizer")["k90"].median()
    texts = [f"{_format_age(age)} with {name}" for name, age in ages.sort_values().items()]
    where = "After a level shift" if set(frame["shift"]) == {"level"} else "After a shift"
    ends = ", ".join(dict.fromkeys((texts[0], texts[-1])))
    return f"{where}, nine tenths of the loss are recovered {ends} (medians)."


def _format_age(age: float) -> str:
    return "never" if math.isinf(age) else f"after {age:.0f} steps"


def describe_datasets(tables: Tables) -> str:
    """Return on how many data sets the normalizer of the result lowers the error."""
    normalizer = choose_normalizer(tables)
    pairs = ratios_to_baseline(tables["pairs"])
    pairs = pairs[pairs["normalizer"] == normalizer]
    parts = []
    for column in LEADERBOARD_COLUMNS:
        means = pairs[pairs["column"] == column].groupby("dataset")["log_ratio"].mean()
        if len(means):
            parts.append(f"{PLACES[column]} on {(means < 0).sum()} of {len(means)}")
    if not parts:
        return "Errors of each data set and channel."
    return f"{normalizer} lowers the error {', '.join(parts)} data sets."


def describe_cards(tables: Tables) -> str:
    """Return the verdicts of the shift card over all channels."""
    cards = tables["shiftcards"]
    if cards.empty:
        return "No shift card was made."
    return f"Verdicts for {pluralize(len(cards), 'channel')}: {describe_verdicts(cards)}."


def describe_intervals(tables: Tables) -> str:
    """Return the share of values inside the 80 % intervals, by column."""
    frame = tables["intervals"]
    frame = frame[(frame["role"] == "model") & frame["coverage_80"].notna()]
    parts = [
        f"{_format_range(100 * rows)} % {PLACES[column]}"
        for column in LEADERBOARD_COLUMNS
        if len(rows := frame.loc[frame["column"] == column, "coverage_80"])
    ]
    return f"80 % intervals hold {', '.join(parts)}." if parts else "No interval was measured."


def _format_range(values: Iterable[float]) -> str:
    ends = [f"{end:.0f}" for end in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def describe_fills(tables: Tables) -> str:
    """Return the error of models that fill gaps themselves, at the largest share of gaps."""
    frame = tables["fills"]
    frame = frame[(frame["role"] == "model") & frame["against_level"].notna()]
    rows = frame[frame["severity"] == frame["severity"].max()].sort_values("against_level")
    if rows.empty:
        return "No gaps were left open."
    texts = [
        f"{format_number(math.exp(row['against_level']))} times "
        f"({name_model(row['backbone'], row['normalizer'])})"
        for row in (rows.iloc[0], rows.iloc[-1])
    ]
    return (
        f"At the most gaps, models that fill them themselves have {' to '.join(texts)} the error "
        "of filling with the level of the window."
    )


def describe_online(tables: Tables) -> str:
    """Return the smallest and the largest effect of going on to learn."""
    rows = tables["online"]
    rows = rows[rows["against_frozen"].notna()].sort_values("against_frozen")
    if rows.empty:
        return "No model went on to learn."
    texts = [
        f"{format_number(math.exp(row['against_frozen']))} times ({row['backbone']}, "
        f"{row['normalizer']}, {PLACES.get(row['column'], row['column'])})"
        for row in (rows.iloc[0], rows.iloc[-1])
    ]
    return f"Going on to learn gives {' to '.join(texts)} the error of the frozen model."


def describe_checks(tables: Tables) -> str:
    """Return how many checks of the theory passed."""
    passed = tables["checks"]["passed"].astype(bool)
    if passed.empty:
        return "No check was run."
    failed = tables["checks"].loc[~passed, "name"].tolist()
    text = f"{passed.sum()} of {len(passed)} predictions of the theory hold"
    return f"{text}; FAILED: {', '.join(map(str, failed))}." if failed else f"{text}."


def describe_examples(tables: Tables) -> str:
    """Return how many example windows there are."""
    count = len(tables["examples"])
    return f"{pluralize(count, 'window')} with forecasts: the three worst and three typical ones."


def describe_cost(tables: Tables) -> str:
    """Return the seconds of the fastest and the slowest model."""
    costs = tables["runs"].merge(tables["costs"], on="run_key")
    costs = costs[(costs["status"] == "done") & (costs["role"] == "model")]
    seconds = (costs["train_s"].fillna(0) + costs["eval_s"].fillna(0)).clip(lower=1e-9)
    if costs.empty:
        return "No time was measured."
    means = np.exp(np.log(seconds).groupby(costs["backbone"]).mean()).sort_values()
    ends = [
        f"{format_duration(means[name])} ({name})" for name in (means.index[0], means.index[-1])
    ]
    return f"Training and measuring one model takes {' to '.join(dict.fromkeys(ends))}."


def describe_statistics(tables: Tables) -> str:
    """Return how many comparisons of normalizers are significant over data sets."""
    tests = tables["tests"]["p_holm"].dropna()
    if tests.empty:
        return "Too few data sets for tests; further measures of robustness."
    return (
        f"{(tests < 0.05).sum()} of {len(tests)} comparisons of normalizers over data sets are "
        "significant; further measures of robustness."
    )


def describe_failures_in_short(tables: Tables) -> str:
    """Return how many cells failed, and how many do not apply."""
    counts = read_summary(tables, "statuses").groupby("status")["n"].sum()
    failed_runs = (tables["runs"]["status"] == "failed").sum()
    failed = counts.get("failed", 0)
    text = (
        f"{pluralize(int(failed_runs), 'run')} and {pluralize(int(failed), 'cell')} failed"
        if failed or failed_runs
        else "nothing failed"
    )
    return to_sentence(f"{text}; {counts.get('excluded', 0):,.0f} combinations do not apply")
