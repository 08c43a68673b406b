"""The section on level shift: how far the last rows moved, and whether RevIN should help."""

from collections import Counter
from collections.abc import Hashable, Mapping
from math import isfinite
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.formatting import MISSING
from revin_forecast.reports.templates import render_template

VERDICT_MEANINGS = {
    "normalizing should lower the error": (
        "The level moves and stays for a while where it went: a model that starts from each "
        "window's own level should forecast better. This is likely, not certain."
    ),
    "normalizing should raise the error": (
        "The level hardly moves or soon returns: a model that knows the usual level should "
        "forecast better. This is likely, not certain."
    ),
    "can't tell": (
        "These rows show neither a clear gain nor a clear loss from removing the level: choose by "
        "the scores in the tables above."
    ),
}
"""Meaning of each answer of `shift.card.verdict`, for readers new to instance normalization."""


CONCLUSIONS = {
    "normalizing should lower the error": "normalizing should help",
    "normalizing should raise the error": "normalizing should hurt",
    "can't tell": "normalizing may help or hurt",
}
"""Each answer in few words."""
BEHAVIOURS = {
    "follows a trend": "follows a trend",
    "returns to its mean": "usually returns",
    "slowly returns to its mean": "returns slowly",
    "stays where it goes": "stayed",
}
"""Each behaviour of the level after a move."""


def render_shift(content: ReportContent) -> Markup:
    """Return how far the last rows moved, and the advice for each series."""
    card = content.shift_card
    if isinstance(card, str):
        return render_template("missing.html.jinja", text=f"There is no shift card. {card}")
    return render_template(
        "forecast/sections/shift.html.jinja",
        card=card,
        rows=[
            {**row, "why": _describe_reason(row), "change": _format_gain(row)}
            for row in card.rows.to_dict("records")
        ],
        answers=Counter(card.rows["verdict"]).most_common(),
        meanings=VERDICT_MEANINGS,
        unmeasured_count=len(content.series.targets) - len(card.rows),
        test_rows=len(content.series) - card.test_start,
    )


def _describe_reason(row: Mapping[Hashable, Any]) -> str:
    """Return how far the level of a series has moved, and the conclusion."""
    conclusion, behaviour = CONCLUSIONS[str(row["verdict"])], str(row["behaviour"])
    moved, chance = abs(float(row["d_mu"])), float(row["delta_star"])
    if not (isfinite(moved) and isfinite(chance) and behaviour):
        return f"{conclusion}, {row['reason']}"
    size = f"{moved:.1f} standard deviations (chance: {chance:.1f})"
    if moved < chance:
        return f"the level has hardly moved, by {size}: {conclusion}"
    after = BEHAVIOURS[behaviour]
    return f"the level has moved {size} and {after}: {conclusion}"


def _format_gain(row: Mapping[Hashable, Any]) -> str:
    """Return the expected change of the error in percent, with its interval."""
    low, middle, high = (-float(row[name]) for name in ("gain_high", "gain", "gain_low"))
    if not isfinite(middle):
        return MISSING
    return f"{middle:+.0f} % ({low:+.0f} to {high:+.0f})"
