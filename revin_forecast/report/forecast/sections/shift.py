"""How far the last rows have moved, and what follows."""

from collections import Counter

from revin_forecast.report.forecast.account import Account, ShiftCard
from revin_forecast.report.markup import Cell, heads, name, number, paragraph, table
from revin_forecast.report.wording import sentence


def shift_table(account: Account) -> str:
    """Return how far the last rows have moved, and what follows for each series."""
    card = account.card
    if isinstance(card, str):
        return paragraph(f"Not measured. {card}", "missing")
    rows = [
        [
            name(row["channel"]),
            Cell(row["verdict"], "words"),
            Cell(sentence(row["reason"]), "words"),
            *(number(row[key]) for key in ("d_mu", "d_sigma", "removable", "gap_mu")),
        ]
        for row in card.rows.to_dict("records")
    ]
    head = heads(
        *("series", "advice", "why", "level moved", "spread moved"),
        *("gone with RevIN", "moves within a window"),
    )
    more = len(account.series.targets) - len(rows)
    few = paragraph(f"The first {len(rows)} series; {more} more were not measured.") if more else ""
    return paragraph(_advice(card)) + table(head, rows) + few


def _advice(card: ShiftCard) -> str:
    answers = Counter(card.rows["verdict"])
    parts = [
        f"{answer.replace('instance normalization', 'taking the level of each window away')} "
        f"({count} series)"
        for answer, count in answers.most_common()
    ]
    return (
        f"The last fifth of the rows against the first {card.train:,}, in windows of "
        f"{card.lookback} steps and the {card.horizon} that follow. "
        f"{sentence('; '.join(parts))} Levels are in standard deviations of the first rows, "
        "spreads as logarithms of ratios. Measured without a model; what the models made of it "
        "stands in the table above."
    )
