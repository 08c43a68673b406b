"""How good forecasts of the last rows were."""

import math
from collections.abc import Sequence

from revin_forecast.backtest import Backtest
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.markup import Cell, folded, heads, name, number, paragraph, table
from revin_forecast.report.wording import shown

MOST = 100
"""Series shown, the worst first."""


def backtest_table(account: Account) -> str:
    """Return the scores over all series, and series by series."""
    result = account.backtest
    if isinstance(result, str):
        return paragraph(f"Not made. {result}", "missing")
    named = {"this model": "", "the last value repeated": "repeat_"}
    if result.season > 1:  # else they are the same
        named[f"the last season repeated ({result.season} steps)"] = "seasonal_naive_"
    columns = [
        _scores([result.overall[f"{key}{score}"] for key in named.values()])
        for score in ("mase", "mse", "mae")
    ]
    rows = [[name(label), *cells] for label, *cells in zip(named, *columns, strict=True)]
    text = table(heads("forecast", "MASE", "MSE", "MAE"), rows) + _coverage(result)
    return text + _series_table(result)


def _scores(scores: Sequence[float]) -> list[Cell]:
    """Return the cells of one measure, the least marked."""
    least = min((score for score in scores if math.isfinite(score)), default=math.nan)
    return [Cell(shown(score, 4), f"number{' best' * (score == least)}") for score in scores]


def _coverage(result: Backtest) -> str:
    told = [
        f"{level:g} % intervals held {result.overall[f'coverage-{level:g}']:.1f} % of what came"
        for level in result.levels
    ]
    return paragraph(f"{'; '.join(told)}.") if told else ""


def _series_table(result: Backtest) -> str:
    if len(result.table) < 2:
        return ""
    rows = result.table.sort_values("mase", ascending=False).head(MOST)
    held = [f"coverage-{level:g}" for level in result.levels]
    scores = ("mase", "repeat_mase", "seasonal_naive_mase", "mse", "mae")
    head = heads(
        *("series", "MASE", "last value", "last season", "MSE", "MAE"),
        *(f"{level:g} % hold" for level in result.levels),
    )
    body = [
        [
            name(row["series"]),
            *(number(row[score]) for score in scores),
            *(Cell(_percent(row[one]), "number") for one in held),
        ]
        for row in rows.to_dict("records")
    ]
    count = len(result.table)
    title = f"The {len(rows)} of {count} series" if len(rows) < count else f"All {count} series"
    return folded(f"{title}, the largest MASE first", table(head, body))


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
