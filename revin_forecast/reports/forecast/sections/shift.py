"""The section on level shift: how far the last rows moved, and whether RevIN should help."""

from collections import Counter
from html import escape

from revin_forecast.reports.forecast.content import ReportContent, ShiftCard
from revin_forecast.reports.formatting import to_sentence
from revin_forecast.reports.html import (
    TableCell,
    header_row,
    number_cell,
    render_paragraph,
    render_table,
    text_cell,
)

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


def render_shift_table(content: ReportContent) -> str:
    """Return how far the last rows moved, and the advice for each series."""
    card = content.shift_card
    if isinstance(card, str):
        return render_paragraph(f"There is no shift card. {card}", "missing")
    rows = [
        [
            text_cell(row["channel"]),
            TableCell(row["verdict"], "words"),
            TableCell(to_sentence(row["reason"]), "words"),
            *(number_cell(row[key]) for key in ("d_mu", "d_sigma", "removable", "gap_mu")),
        ]
        for row in card.rows.to_dict("records")
    ]
    headers = header_row(
        *("series", "advice", "why", "level moved", "spread moved"),
        *("removed by RevIN", "moves within a window"),
    )
    unmeasured_count = len(content.series.targets) - len(rows)
    limit = (
        f"The first {len(rows)} series were measured, {unmeasured_count:,} more were not."
        if unmeasured_count
        else ""
    )
    test_rows = len(content.series) - card.test_start
    notes = " ".join(filter(None, [limit, _describe_units(card, test_rows)]))
    return (
        render_paragraph(_describe_question(card))
        + _render_verdict_meanings(card)
        + render_table(headers, rows)
        + render_paragraph(notes, "note")
    )


def _describe_question(card: ShiftCard) -> str:
    return (
        "Instance normalization, such as RevIN, removes the level and the spread of each window "
        "before the model sees it and restores them in the forecast. It helps where levels move "
        "and stay moved, and hurts where they return. The advice is based on all rows after the "
        f"first {card.train_rows:,}, in windows of {card.lookback} steps and the {card.horizon} "
        "that follow, without a model. For the scores of models, see the tables above."
    )


def _render_verdict_meanings(card: ShiftCard) -> str:
    """Return the meaning of each answer in the table, the most frequent first."""
    points = [
        f"<li>{escape(to_sentence(answer)[:-1])} ({count} series). "
        f"{escape(VERDICT_MEANINGS[answer])}</li>"
        for answer, count in Counter(card.rows["verdict"]).most_common()
    ]
    return f"<ul>{''.join(points)}</ul>"


def _describe_units(card: ShiftCard, test_rows: int) -> str:
    """Return the units of the table's numbers and the terms of its reasons."""
    return (
        f"Level moved, spread moved: the last {test_rows:,} rows against the first "
        f"{card.train_rows:,}; the level in standard deviations of the first rows, the spread as "
        "the logarithm of a ratio (0.69 is twice as wide, -0.69 half). Removed by RevIN: the share "
        "of the difference between their windows that vanishes when each window is normalized to "
        "its own level and spread. Moves within a window: the distance between the mean of the "
        "forecast steps and that of the look-back, in standard deviations of the look-back, for "
        "the median of the last windows. In the reasons, noise alone is the chance variation of "
        "window levels. Half breaks even: starting from a window's own level helps where more than "
        "half of its move lasts through the forecast steps. Likely means by more than one standard "
        "error."
    )
