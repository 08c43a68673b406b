"""Table 4: what theory predicts and what was measured."""

import numbers

from revin_forecast.report.benchmark.reading import Tables
from revin_forecast.report.markup import Cell, header_row, text_cell, render_paragraph, render_table


def render_checks(tables: Tables) -> str:
    """Return the table, a row a theorem."""
    frame = tables["checks"]
    words = render_paragraph(
        "Closed-form predictions against the models of this suite's own code. A failed check means "
        "that the code or the reading of the theory is wrong: trust no other number of this page "
        "before it is explained."
    )
    rows = [
        [
            text_cell(row["name"]),
            text_cell(row["claim"]),
            *(_value_cell(row[key]) for key in ("predicted", "measured", "tol")),
            Cell("PASS", "pass") if bool(row["passed"]) else Cell("FAIL", "fail"),
        ]
        for row in frame.to_dict("records")
    ]
    return words + render_table(
        header_row("check", "claim", "predicted", "measured", "tolerance", "result"), rows
    )


def _value_cell(value: object) -> Cell:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return Cell(f"{float(value):.6g}", "number")
    return text_cell("" if value is None else value)
