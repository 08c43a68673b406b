"""The section on level shift: how far the last rows moved, and whether RevIN should help."""

from collections import Counter

from markupsafe import Markup

from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.templates import render_template

VERDICT_MEANINGS = {
    "instance normalization will help": (
        "The level moves and stays for a while where it went: a model that starts from each "
        "window's own level should forecast better. This is likely, not certain."
    ),
    "instance normalization will hurt": (
        "The level hardly moves or soon returns: a model that knows the usual level should "
        "forecast better. This is likely, not certain."
    ),
    "can't tell": (
        "These rows show neither a clear gain nor a clear loss from removing the level: choose by "
        "the scores in the tables above."
    ),
}
"""Meaning of each answer of `shift.card.verdict`, for readers new to instance normalization."""


def render_shift(content: ReportContent) -> Markup:
    """Return how far the last rows moved, and the advice for each series."""
    card = content.shift_card
    if isinstance(card, str):
        return render_template("missing.html.jinja", text=f"There is no shift card. {card}")
    return render_template(
        "forecast/sections/shift.html.jinja",
        card=card,
        rows=card.rows.to_dict("records"),
        answers=Counter(card.rows["verdict"]).most_common(),
        meanings=VERDICT_MEANINGS,
        unmeasured_count=len(content.series.targets) - len(card.rows),
        test_rows=len(content.series) - card.test_start,
    )
