"""The page of a forecast: charts, words and tables in one file that needs nothing else."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from revin_forecast.data.layout import counted
from revin_forecast.data.series import shown_stamp
from revin_forecast.data.writing import as_csv, written_whole
from revin_forecast.report.document import data_block, document
from revin_forecast.report.forecast import sections
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.forecast.fan import Fan
from revin_forecast.report.forecast.figures import drawn_fans, figures
from revin_forecast.report.forecast.levels import unnamed
from revin_forecast.report.forecast.verdict import verdict
from revin_forecast.report.markup import paragraph

HERE = Path(__file__).parent
LARGEST_DOWNLOAD = 2**21
"""Characters of the forecast as CSV that the page holds for its download."""
FAN_HELP = "Drag to zoom, double-click to see everything, point at the chart to read values."
BEFORE_HELP = (
    "The dotted line is what the model of the backtest would have said then, from the rows before."
)


def write_report(account: Account, path: Path) -> None:
    """Write the page; an older one is replaced.

    Raises:
        InputError: it can't be written.
    """
    content = page(account).encode()
    with written_whole(path) as partial:
        partial.write_bytes(content)


def page(account: Account) -> str:
    """Return the page; every word that came from the table is escaped."""
    drawn = drawn_fans(account)
    title = f"Forecast of {account.source}"
    parts = [
        ("forecast", "Forecast", _forecast(account, drawn)),
        ("backtest", "How good is it?", _backtest(account)),
        ("selection", "Why this model?", sections.selection_table(account)),
        ("shift", "Does the level move?", sections.shift_table(account)),
        ("residuals", "What do the errors still hold?", _residuals(account)),
        ("data", "The data", sections.problem_table(account)),
        ("again", "Do it again", sections.reproduction(account)),
    ]
    body = f"<h1>{escape(title)}</h1>{_lead(account)}" + "".join(
        f'<section id="{key}"><h2>{heading}</h2>{html}</section>' for key, heading, html in parts
    )
    links = "".join(f'<a href="#{key}">{heading}</a>' for key, heading, _ in parts)
    navigation = f'<nav aria-label="Contents">{links}</nav>'
    return document(title, body + figures(account, drawn), navigation, HERE, ("charts.js",))


def _lead(account: Account) -> str:
    count = len(account.series.targets)
    made = account.made.get("date")
    told = (
        f"{counted(account.fitted.recipe.horizon, 'step')} of {count:,} series after "
        f"{_end(account)}{f', made {made}' if made else ''}."
    )
    points = "".join(
        f'<li class="{kind or "neither"}">{escape(text)}</li>' for text, kind in verdict(account)
    )
    return f'{paragraph(told, "made")}<ul class="verdict">{points}</ul>'


def _end(account: Account) -> str:
    """Return after what the forecast comes."""
    part = account.series.select(account.series.targets)
    if part.lasts is None or part.lasts.nunique() == 1:
        return shown_stamp(part.timestamps[-1] if part.lasts is None else part.lasts[0])
    return f"each one's own last row, the latest {shown_stamp(part.lasts.max())}"


def _forecast(account: Account, drawn: Sequence[Fan]) -> str:
    more = len(account.series.targets) - len(drawn)
    notes = [
        FAN_HELP,
        BEFORE_HELP if any(fan.before for fan in drawn) else "",
        f"The first {len(drawn)} series are drawn; {more:,} more are not." if more else "",
        unnamed(account),
    ]
    return (
        f"{_picker(drawn)}{_box('fan', 'History and forecast', 420)}"
        f"{paragraph(' '.join(filter(None, notes)), 'note')}"
        f"{_download(account.forecast)}"
        f"{sections.forecast_table(account)}"
    )


def _download(table: pd.DataFrame) -> str:
    """Return a button that gives the forecast out as a file, unless that would fill the page."""
    # A value has two characters at least, with its comma: what is surely too long isn't written.
    forecast = as_csv(table) if 2 * table.size <= LARGEST_DOWNLOAD else ""
    if not 0 < len(forecast) <= LARGEST_DOWNLOAD:
        return paragraph("The forecast is too long to be held by this page; --out writes it.")
    button = '<button type="button" id="download">Download the forecast (CSV)</button>'
    return button + data_block("csv", json.dumps(forecast))


def _picker(drawn: Sequence[Fan]) -> str:
    if len(drawn) < 2:
        return ""
    options = "".join(f"<option>{escape(fan.name)}</option>" for fan in drawn)
    return f"<label>Series: <select id='series'>{options}</select></label>"


def _backtest(account: Account) -> str:
    result = account.backtest
    if isinstance(result, str):
        return sections.backtest_table(account)
    told_apart = bool(np.isfinite(result.by_step["mase"]).any())
    chart = _box("steps", "Error by step ahead", 300) if told_apart else ""
    return sections.backtest_words(account) + sections.backtest_table(account) + chart


def _residuals(account: Account) -> str:
    result = account.backtest
    if isinstance(result, str):
        return sections.residual_table(account)
    chart = _box("left", "Errors over time", 300)
    return sections.residual_words(result) + chart + sections.residual_table(account)


def _box(key: str, label: str, height: int) -> str:
    return (
        f'<div class="chart" id="chart-{key}" role="img" aria-label="{escape(label)}" '
        f'style="height:{height}px"></div>'
    )
