"""Table 4: what theory predicts and what was measured."""

import numbers

from revin_forecast.report.benchmark.reading import Tables
from revin_forecast.report.markup import Cell, heads, name, paragraph, table


def checks(tables: Tables) -> str:
    """Return the table, a row a theorem."""
    frame = tables["checks"]
    words = paragraph(
        "Closed-form predictions against the models of this suite's own code. A failed check means "
        "that the code or the reading of the theory is wrong: trust no other number of this page "
        "before it is explained."
    )
    rows = [
        [
            name(row["name"]),
            name(row["claim"]),
            *(_value(row[key]) for key in ("predicted", "measured", "tol")),
            Cell("PASS", "pass") if bool(row["passed"]) else Cell("FAIL", "fail"),
        ]
        for row in frame.to_dict("records")
    ]
    return words + table(
        heads("check", "claim", "predicted", "measured", "tolerance", "result"), rows
    )


def _value(value: object) -> Cell:
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return Cell(f"{float(value):.6g}", "number")
    return name("" if value is None else value)
