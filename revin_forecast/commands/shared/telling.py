"""Say in a few lines what was fitted, what was chosen, and on which evidence."""

from typing import Any

from revin_forecast.data.layout import pluralize
from revin_forecast.data.series import Series, format_timestamp
from revin_forecast.fitted import FittedModel

ZERO_PERCENT = 0.005
"""A share that is rounded to 0 %."""
NAIVE_NAMES = ("Repeat", "SeasonalNaive")
MIN_SHOWN_SHARE = 0.05
"""Members of a combination with less are not shown."""


def describe_fit(fitted: FittedModel) -> str:
    """Return what a fit came to: the table read, the model, and the candidates it was chosen of."""
    summary, recipe = fitted.summary, fitted.config
    gaps, frequency = summary["unobserved"], fitted.history.frequency
    first, last = (format_timestamp(summary[end]) for end in ("first", "last"))
    read = f"{summary['rows']} rows x {summary['series']} series, {first} to {last}"
    read += f", step {frequency}" if frequency else ""
    lines = [read + (f"; {gaps} values not observed" if gaps else "")]
    if "selection" in summary:
        lines += format_selection_table(summary["selection"])
    elif "note" in summary["fit"]:
        lines.append(summary["fit"]["note"])
    else:
        names = f"{recipe.backbone.name} with {recipe.normalizer.name}"
        lines.append(f"{names}, look-back {recipe.lookback}")
    return "\n".join(lines)


def describe_last_row(series: Series) -> str:
    """Return the last row, or that series have ends of their own.

    >>> import numpy as np, pandas as pd
    >>> stamps = pd.date_range("2024-01-01", periods=3, freq="D")
    >>> ends(Series(np.zeros((3, 2)), stamps, ("a", "b"), "D"))
    '2024-01-03'
    >>> ends(Series(np.zeros((3, 2)), stamps, ("a", "b"), "D", lasts=stamps[1:]))
    "each one's own last row, 2024-01-02 to 2024-01-03"
    """
    last = series.timestamps[-1]
    if series.last_timestamps is None or (series.last_timestamps == last).all():
        return format_timestamp(last)
    first = format_timestamp(series.last_timestamps.min())
    return f"each one's own last row, {first} to {format_timestamp(series.last_timestamps.max())}"


def format_selection_table(selection: dict[str, Any]) -> list[str]:
    """Return the evidence as a table: the members of the combination, and the naive forecasts."""
    rows = selection["candidates"]
    shown = [row for row in rows if row["share"] >= MIN_SHOWN_SHARE or row["model"].startswith(NAIVE_NAMES)]
    season = f", season {selection['season']}" if selection["season"] > 1 else ""
    lines = [
        f"chosen on {pluralize(selection['windows'], 'validation window')}{season}:",
        f"  {'model':<22}{'level taken':<13}{'look-back':>9}{'MASE':>9}{'share':>8}",
        f"  {'the combination':<44}{selection['mase']:>9.4f}{1:>8.0%}",
    ]
    for row in shown:
        name = f"{row['model']:<22}{row['normalizer']:<13}{row['lookback']:>9}"
        lines.append(f"  {name}{row['mase']:>9.4f}{row['share']:>8.0%}")
    if len(rows) > len(shown):
        rest = 1 - sum(row["share"] for row in shown)
        together = f", with {rest:.0%} together" if rest > ZERO_PERCENT else ""
        lines.append(f"  and {len(rows) - len(shown)} more candidates{together}")
    if selection["skipped"]:
        lines.append(f"  not tried for want of time: {'; '.join(selection['skipped'])}")
    return lines
