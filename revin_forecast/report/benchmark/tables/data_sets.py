"""Table 1: the shift card of every data set."""

from revin_forecast.report.benchmark.reading import Frame, Tables
from revin_forecast.report.markup import Cell, count, folded, heads, name, number, paragraph, table

MEASURES = {
    "d_mu": "|Δ level|",
    "d_sigma": "|Δ log sd|",
    "w1": "W1",
    "energy": "energy / floor",
    "removable": "removable",
    "gap_mu": "gap in level",
    "gap_logsd": "gap in log sd",
    "residual": "residual",
    "delta_star": "δ*",
}


def shift_cards(tables: Tables) -> str:
    """Return the table: a row a data set, medians over channels; each channel's row folded away."""
    cards = tables["shiftcards"]
    cards = cards.assign(energy=cards["energy_raw"] / cards["floor"].where(cards["floor"] > 0))
    words = paragraph(
        "How far the test part lies from the training part, medians over channels. Δ level, W1, "
        "δ* in training sd; Δ log sd is log(sd_test/sd_train). energy / floor: distance of "
        "look-back windows between training and test over the distance between halves of the "
        "training part; below 3 there is no shift to speak of, and no removable fraction. "
        "removable: the part of it that instance normalization takes away (1: all). gap: from "
        "look-back to horizon, what instance normalization gets wrong. residual: change in the "
        "residuals of a frozen linear forecast, which no normalizer removes. δ*: level shift "
        "beyond which RevIN should pay."
    )
    rows = [_card(data, own) for data, own in cards.groupby("dataset", sort=True)]
    top = heads("data set", "channels", *MEASURES.values(), "verdict")
    if len(cards) <= len(rows):
        return words + table(top, rows)
    each = [
        [
            name(row["dataset"]),
            name(row["channel"]),
            *(number(row[measure], 2) for measure in MEASURES),
            Cell(row["verdict"], "words"),
            Cell(row["reason"], "words"),
        ]
        for row in cards.sort_values(["dataset"], kind="stable").to_dict("records")
    ]
    signed = heads("data set", "channel", *MEASURES.values(), "verdict", "reason")
    signed = [[Cell(cell.text.replace("|", ""), cell.kind) for cell in row] for row in signed]
    return words + table(top, rows) + folded(f"All {len(each)} channels", table(signed, each))


def _card(data: object, cards: Frame) -> list[Cell]:
    sized = cards.assign(d_mu=cards["d_mu"].abs(), d_sigma=cards["d_sigma"].abs())
    return [
        name(data),
        count(float(len(cards))),
        *(number(float(sized[measure].median()), 2) for measure in MEASURES),
        Cell(verdict(cards), "words"),
    ]


def verdict(cards: Frame) -> str:
    """Return the verdicts of a data set's channels, the most frequent first."""
    counts = cards["verdict"].value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return "; ".join(f"{text} ({count})" for text, count in counts.items())
