"""How good forecasts of the last rows were."""

import math
from collections.abc import Sequence

from revin_forecast.backtest import Backtest
from revin_forecast.data.layout import counted
from revin_forecast.data.series import shown_stamp
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.levels import unscored
from revin_forecast.report.forecast.season import sees_season
from revin_forecast.report.markup import Cell, folded, heads, name, number, paragraph, table
from revin_forecast.report.wording import few_of, shown

MOST = 100
"""Series shown, the worst first."""


def backtest_words(account: Account) -> str:
    """Return which forecasts were made, and of which series."""
    result = account.backtest
    if isinstance(result, str):
        return ""
    again = "fitted once" if result.fits == 1 else f"fitted {result.fits} times"
    many, made = len(result.origins), f"after {shown_stamp(result.origins[0])},"
    if many > 1:
        apart = "" if result.step == 1 else f" one every {result.step} rows,"
        made = f"the first {made}{apart} each"
    unit = "repeating the season before" if sees_season(result) else "repeating the row before"
    told = paragraph(
        f"{counted(many, 'forecast')} of the last rows, {made} from the rows before it; "
        f"{again}. MASE is the mean absolute error over that of {unit}, in the first rows: below 1 "
        "is better than that."
    )
    left_out = _left_out(account)
    if left_out:
        told += paragraph(
            f"Left out, for want of any value before the test part: {few_of(left_out)}."
        )
    return told


def _left_out(account: Account) -> list[str]:
    """Return the series that the page tells of but its backtest does not."""
    assert not isinstance(account.backtest, str)  # asked by the callers
    targets = set(account.series.targets)
    return [one for one in account.backtest.left_out if one in targets]


def backtest_table(account: Account) -> str:
    """Return the scores over all series, and series by series."""
    result = account.backtest
    if isinstance(result, str):
        return paragraph(f"Not made. {result}", "missing")
    named = {"this model": "", "the last value repeated": "repeat_"}
    if sees_season(result):  # else they are the same
        named[f"the last season repeated ({result.season} steps)"] = "seasonal_naive_"
    columns = [
        _scores([result.overall[f"{key}{score}"] for key in named.values()])
        for score in ("mase", "mse", "mae")
    ]
    rows = [[name(label), *cells] for label, *cells in zip(named, *columns, strict=True)]
    text = table(heads("forecast", "MASE", "MSE", "MAE"), rows) + _coverage(account, result)
    return text + _series_table(result, len(_left_out(account)))


def _scores(scores: Sequence[float]) -> list[Cell]:
    """Return the cells of one measure, the least marked."""
    least = min((score for score in scores if math.isfinite(score)), default=math.nan)
    return [Cell(shown(score, 4), f"number{' best' * (score == least)}") for score in scores]


def _coverage(account: Account, result: Backtest) -> str:
    told = [
        f"{level:g} % intervals held {result.overall[f'coverage-{level:g}']:.1f} % of what came"
        for level in result.levels
    ]
    sentences = [f"{'; '.join(told)}." if told else "", unscored(account)]
    text = " ".join(filter(None, sentences))
    return paragraph(text) if text else ""


def _series_table(result: Backtest, left_out: int) -> str:
    if len(result.table) < 2:
        return ""
    rows = result.table.sort_values("mase", ascending=False).head(MOST)
    held = [f"coverage-{level:g}" for level in result.levels]
    scores = {"mase": "MASE", "repeat_mase": "last value", "seasonal_naive_mase": "last season"}
    if not sees_season(result):
        del scores["seasonal_naive_mase"]
    scores |= {"mse": "MSE", "mae": "MAE"}
    head = heads(
        *("series", *scores.values()),
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
    whole = f"The {count} series scored" if left_out else f"All {count} series"
    title = f"The {len(rows)} of {count} series" if len(rows) < count else whole
    return folded(f"{title}, the largest MASE first", table(head, body))


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
