"""How far the last rows have moved, and what follows."""

from collections import Counter
from html import escape

from revin_forecast.reports.forecast.content import ReportContent, ShiftCard
from revin_forecast.reports.formatting import to_sentence
from revin_forecast.reports.html import (
    Cell,
    header_row,
    number_cell,
    render_paragraph,
    render_table,
    text_cell,
)

VERDICT_MEANINGS = {
    "instance normalization will help": (
        "The level moves, and stays for a while where it went: a model that starts from each "
        "window's own level should forecast better. Likely, not certain."
    ),
    "instance normalization will hurt": (
        "The level hardly moves, or soon comes back: a model that knows where it usually is should "
        "forecast better. Likely, not certain."
    ),
    "can't tell": (
        "No sure gain and no sure loss in taking the level away, as far as these rows tell: go by "
        "what does best in the tables above."
    ),
}
"""What an answer of `shift.verdict` says to a reader who knows nothing of it."""


def render_shift_table(content: ReportContent) -> str:
    """Return how far the last rows have moved, and what follows for each series."""
    card = content.shift_card
    if isinstance(card, str):
        return render_paragraph(f"Not measured. {card}", "missing")
    rows = [
        [
            text_cell(row["channel"]),
            Cell(row["verdict"], "words"),
            Cell(to_sentence(row["reason"]), "words"),
            *(number_cell(row[key]) for key in ("d_mu", "d_sigma", "removable", "gap_mu")),
        ]
        for row in card.rows.to_dict("records")
    ]
    head = header_row(
        *("series", "advice", "why", "level moved", "spread moved"),
        *("gone with RevIN", "moves within a window"),
    )
    more = len(content.series.targets) - len(rows)
    few = f"The first {len(rows)} series; {more:,} more were not measured." if more else ""
    last = len(content.series) - card.test_start
    notes = render_paragraph(" ".join(filter(None, [few, _describe_units(card, last)])), "note")
    return (
        render_paragraph(_describe_question(card))
        + _render_verdict_meanings(card)
        + render_table(head, rows)
        + notes
    )


def _describe_question(card: ShiftCard) -> str:
    return (
        "Instance normalization takes the level and the spread of each window away before a model "
        "sees it, and puts them back into the forecast; RevIN is of that kind. It pays where "
        "levels move and stay moved, and costs where they come back. Which of it is so is judged "
        f"by all rows after the first {card.train_rows:,}, in windows of {card.lookback} steps and the "
        f"{card.horizon} that follow, without a model; what models made of it stands in the "
        "tables above."
    )


def _render_verdict_meanings(card: ShiftCard) -> str:
    """Return what each answer that was given means, the most frequent first."""
    points = [
        f"<li>{escape(to_sentence(answer)[:-1])} ({count} series). {escape(VERDICT_MEANINGS[answer])}</li>"
        for answer, count in Counter(card.rows["verdict"]).most_common()
    ]
    return f"<ul>{''.join(points)}</ul>"


def _describe_units(card: ShiftCard, test_rows: int) -> str:
    """Return what the numbers of the table are, and what its reasons speak of."""
    return (
        f"Level moved, spread moved: the last {test_rows:,} rows against the first {card.train_rows:,}; the "
        "level in standard deviations of the first rows, the spread as the logarithm of a ratio "
        "(0.69 is twice as wide, -0.69 half). Gone with RevIN: the share of the difference between "
        "their windows that vanishes when each is brought to its own level and spread. Moves "
        "within a window: how far the mean of the steps forecast lies from that of the steps seen, "
        "in standard deviations of the steps seen, for the middle one of the last windows. In the "
        "reasons, noise alone is how far levels of windows stray by chance; half breaks even, as "
        "starting from a window's own level pays where more than half of its move stays through "
        "the steps forecast. Likely is more than one standard error."
    )
