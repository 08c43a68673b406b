"""Table 1: the shift card of every data set."""

from revin_forecast.report.benchmark.reading import Frame, Tables
from revin_forecast.report.markup import Cell, count_cell, render_collapsible, header_row, text_cell, number_cell, render_paragraph, render_table

MEASURE_LABELS = {
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


def render_shift_cards(tables: Tables) -> str:
    """Return the table: a row a data set, medians over channels; each channel's row folded away."""
    cards = tables["shiftcards"]
    cards = cards.assign(energy=cards["energy_raw"] / cards["floor"].where(cards["floor"] > 0))
    words = render_paragraph(
        "How far the test part lies from the training part, medians over channels. Δ level, W1, "
        "δ* in training sd; Δ log sd is log(sd_test/sd_train). energy / floor: distance of "
        "look-back windows between training and test over the distance between halves of the "
        "training part; below 3 there is no shift to speak of, and no removable fraction. "
        "removable: the part of it that instance normalization takes away (1: all). gap: from "
        "look-back to horizon, what instance normalization gets wrong. residual: change in the "
        "residuals of a frozen linear forecast, which no normalizer removes. δ*: level shift "
        "beyond which RevIN should pay."
    )
    rows = [_card_row(data, own) for data, own in cards.groupby("dataset", sort=True)]
    top = header_row("data set", "channels", *MEASURE_LABELS.values(), "verdict")
    if len(cards) <= len(rows):
        return words + render_table(top, rows)
    each = [
        [
            text_cell(row["dataset"]),
            text_cell(row["channel"]),
            *(number_cell(row[measure], 2) for measure in MEASURE_LABELS),
            Cell(row["verdict"], "words"),
            Cell(row["reason"], "words"),
        ]
        for row in cards.sort_values(["dataset"], kind="stable").to_dict("records")
    ]
    signed = header_row("data set", "channel", *MEASURE_LABELS.values(), "verdict", "reason")
    signed = [[Cell(cell.text.replace("|", ""), cell.css_class) for cell in row] for row in signed]
    return words + render_table(top, rows) + render_collapsible(f"All {len(each)} channels", render_table(signed, each))


def _card_row(data: object, cards: Frame) -> list[Cell]:
    sized = cards.assign(d_mu=cards["d_mu"].abs(), d_sigma=cards["d_sigma"].abs())
    return [
        text_cell(data),
        count_cell(float(len(cards))),
        *(number_cell(float(sized[measure].median()), 2) for measure in MEASURE_LABELS),
        Cell(describe_verdicts(cards), "words"),
    ]


def describe_verdicts(cards: Frame) -> str:
    """Return the verdicts of a data set's channels, the most frequent first."""
    counts = cards["verdict"].value_counts()
    if len(counts) == 1:
        return str(counts.index[0])
    return "; ".join(f"{text} ({count})" for text, count in counts.items())
